"""The study's benchmark leaves its results, and its check of equal runs fails where they are not."""

import json

import numpy as np
import pytest

from benchmarks import study


def found(runs=6, rows=4, epochs=3):
    rng = np.random.default_rng(0)
    names = np.array([f"run {r}" for r in range(runs)])
    return {"run": names, "loss": rng.random((runs, epochs)), "probability": rng.random((runs, rows))}


def test_equal_runs_are_found_equal_in_any_order_and_number():
    one = found()
    some = {name: values[[4, 0, 2]] for name, values in one.items()}
    assert study.difference(one, some, ("loss", "probability")).tolist() == [0, 0, 0]
    untested = {**one, "probability": np.where(np.arange(4) < 2, one["probability"], np.nan)}
    assert study.difference(untested, one, ("loss", "probability")).max() == 0


@pytest.mark.parametrize("name", ["loss", "probability"])
def test_one_number_of_one_run_is_missed_by_no_check(name):
    one, other = found(), found()
    other[name][3, 1] += 1e-3
    assert study.difference(one, other, ("loss", "probability")) == pytest.approx([0, 0, 0, 1e-3, 0, 0])


def test_what_cannot_be_compared_is_not_equal():
    one, other = found(), found()
    other["loss"][2, 2] = np.nan
    assert np.isnan(study.difference(one, other, ("loss",))).tolist() == [False, False, True, False, False, False]
    strange = {**found(), "run": np.array([f"other {r}" for r in range(6)])}
    assert np.isnan(study.difference(one, strange, ("loss",))).all()


def test_a_folder_of_unequal_ways_is_told(tmp_path):
    np.savez(tmp_path / "study-25.npz", **found())
    np.savez(tmp_path / "loop-25.npz", **found())
    wrong = found()
    wrong["loss"][0, 0] += 0.1
    np.savez(tmp_path / "torch.npz", **wrong)
    assert study.unequal(study.compare(tmp_path)) == ["torch"]


def test_rounding_may_grow_in_as_many_runs_as_the_control_shows_but_not_begin(tmp_path):
    one = found(runs=100)
    np.savez(tmp_path / "study-25.npz", **one)
    beyond = {"nudged-25": 1, "loop-25": 3, "program-25": 4}  # 1 % and three standard errors are 3.98 %
    changes = {stem: [(run, 2) for run in range(runs)] for stem, runs in beyond.items()} | {"loop-5": [(0, 1)]}
    for stem, places in changes.items():
        other = {name: values.copy() for name, values in one.items()}
        for place in places:
            other["loss"][place] += 1e-4
        np.savez(tmp_path / f"{stem}.npz", **other)
    assert study.unequal(study.compare(tmp_path)) == ["loop-5", "program-25"]


def test_runs_beyond_those_of_a_peer_cost_what_a_warm_one_costs():
    record = {"torch": {"arrived": [5.0, 6.0, 7.0, 8.0], "again": 4.0, "peak": 1}}
    assert study.cost(record, "torch", 2)["empty"] == 6
    scaled = study.cost(record, "torch", 10)
    assert (scaled["empty"], scaled["again"], scaled["scaled"]) == (14, 10, 4)


@pytest.mark.slow
def test_a_quick_run_leaves_json_and_markdown(tmp_path, capsys):
    assert study.main(["--quick", "--out", str(tmp_path)]) == 0
    (path,) = tmp_path.glob("*/study.json")
    data = json.loads(path.read_text())["data"]["mlp"]
    assert data["loop"]["5"]["empty"]["first"] > data["loop"]["5"]["kept"]["again"] > 0
    assert data["study"]["5"]["kept"]["first"] > 0
    assert study.unequal(data["differences"]) == []
    assert "one jitted run after the other" in path.with_suffix(".md").read_text()
    assert "Study mlp" in capsys.readouterr().out
