"""The suite runs where no peer is installed, leaves its files, and fails where tools disagree."""

import json
import sys

import numpy as np
import pytest

pytest.importorskip("psutil")

from benchmarks import survival


@pytest.fixture
def alone(monkeypatch):
    """No peer can be imported, as after a plain install, and few resamples suffice."""
    for name in ("sksurv", "sksurv.metrics", "sksurv.nonparametric", "sksurv.linear_model", "torchsurv"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(survival, "RESAMPLES", 100)


def test_it_runs_without_peers_and_leaves_its_tables(alone, tmp_path, capsys):
    survival.main(["--quick", "--out", str(tmp_path)])
    (path,) = tmp_path.glob("*/survival.json")
    data = json.loads(path.read_text())["data"]
    assert {cell["name"] for cell in data["statistics"]} == {one.name for one in survival.STATISTICS}
    for cell in data["statistics"]:
        assert cell["seconds"]["pmjax"] > 0
        assert cell["left_out"]["torchsurv"] in ("not installed", "has none")
    assert "| Kaplan-Meier | 1 k |" in path.with_suffix(".md").read_text()
    assert "Harrell's C" in capsys.readouterr().out


def test_a_peer_that_disagrees_fails_the_run(alone, tmp_path, monkeypatch):
    one = survival.STATISTICS[0]
    wrong = {"pmjax": one.calls["pmjax"], "lifelines": lambda rows: lambda: np.zeros(len(rows.horizons))}
    statistic = survival.Statistic(one.name, wrong, one.tolerance)
    monkeypatch.setattr(survival, "STATISTICS", (statistic,))
    monkeypatch.setattr(survival, "BOOTSTRAPS", ())
    with pytest.raises(SystemExit, match="disagree: Kaplan-Meier at n = 1 k"):
        survival.main(["--quick", "--out", str(tmp_path)])


def test_a_peer_is_left_out_where_its_last_sizes_foretell_too_long():
    statistic = survival.STATISTICS[0]
    found = [
        {"n": 1_000, "seconds": {"lifelines": 0.02}, "left_out": {}},
        {"n": 10_000, "seconds": {"lifelines": 2.0}, "left_out": {}},
    ]
    assert survival._reason(statistic, "lifelines", 100_000, found) == "about 200 s"
    assert survival._reason(statistic, "lifelines", 12_000, found) == ""
