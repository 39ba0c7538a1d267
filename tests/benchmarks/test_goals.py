"""The page of goals: medians and spread of separate runs, and what keeps to its goal."""

import json
import shutil
from pathlib import Path

import pytest

from benchmarks import goals
from benchmarks.goals import Goal
from pmjax.errors import UserError

MEASURED = Path(goals.__file__).parent / "results" / "cpu-amd-epyc-x2"


@pytest.mark.parametrize(
    ("bound", "at_least", "expected"),
    [
        (0.75, False, "≤ 0.75 ✓"),
        (0.65, False, "≤ 0.65"),
        (0.65, True, "≥ 0.65 ✓"),
        (0.75, True, "≥ 0.75"),
        (None, True, ""),
    ],
)
def test_the_median_of_the_runs_keeps_to_the_goal_or_not(bound, at_least, expected):
    goal = Goal("a figure", lambda run: run["value"], bound, at_least)
    three = [{"value": 0.9}, {"value": 0.6}, {"value": 0.7}]
    assert goal.cell(three) == "0.70 (0.60–0.90)"
    assert goal.verdict(three) == expected


def runs(folder, **changes):
    """Three runs of the committed figures; in the second the changed ones."""
    made = []
    for number in range(3):
        made.append(folder / str(number) / "cpu")
        made[-1].mkdir(parents=True)
        for name in goals.BENCHMARKS:
            shutil.copy(MEASURED / f"{name}.json", made[-1])
    for name, change in changes.items():
        path = made[1] / f"{name}.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        change(record)
        path.write_text(json.dumps(record), encoding="utf-8")
    return [str(path) for path in made]


def test_the_page_shows_the_committed_figures_of_three_runs(tmp_path):
    def slower(record):
        record["data"]["cases"]["rnn"]["train"]["ratio"][0] += 10

    assert goals.main([*runs(tmp_path, table_ix=slower), f"--out={tmp_path}"]) == 0
    ratio = json.loads((MEASURED / "table_ix.json").read_text())["data"]["cases"]["rnn"]["train"]["ratio"][0]
    page = (tmp_path / "cpu" / "goals.md").read_text(encoding="utf-8")
    (row,) = (line for line in page.splitlines() if line.startswith("| rnn |"))
    assert f"{ratio:.2f} ({ratio:.2f}–{ratio + 10:.2f})" in row
    assert "≤ 0.60" in row
    left = json.loads((tmp_path / "cpu" / "goals.json").read_text(encoding="utf-8"))
    assert [run["rnn: train step"] for run in left["figures"]] == [ratio, ratio + 10, ratio]


def test_runs_of_several_versions_are_not_mixed(tmp_path):
    def newer(record):
        record["machine"]["packages"]["jax"] = "99.0"

    with pytest.raises(UserError, match="several devices or versions"):
        goals.main([*runs(tmp_path, start=newer), f"--out={tmp_path}"])


def test_a_benchmark_that_a_run_lacks_is_named(tmp_path):
    made = runs(tmp_path)
    (tmp_path / "2" / "cpu" / "study.json").unlink()
    with pytest.raises(UserError, match=r"study\.json.*python -m benchmarks\.study"):
        goals.main([*made, f"--out={tmp_path}"])
