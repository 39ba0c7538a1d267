"""Starts are real processes: that the first step ends one, and that one which fails is told."""

import json

import pytest

from benchmarks import results, start


@pytest.mark.slow
def test_every_start_is_timed_and_written(tmp_path, monkeypatch):
    monkeypatch.setattr(start, "find_spec", lambda _: None)  # PyTorch, where it is, would take as long again
    assert start.main(["--quick", f"--out={tmp_path}"]) == 0
    data = json.loads((tmp_path / results.device() / "start.json").read_text())["data"]
    page = (tmp_path / results.device() / "start.md").read_text()
    for name in start.starts(tmp_path):
        assert name in page
        assert len(data[name]["seconds"]) == 1


def test_a_process_that_ends_otherwise_is_no_start():
    with pytest.raises(RuntimeError, match="exit code 3, oh dear"):
        start.Start(("-c", "import sys; sys.stderr.write('oh dear'); sys.exit(3)")).run()


def test_a_launch_that_fails_before_its_first_step_is_no_start(tmp_path):
    first = start.starts(tmp_path)["launch to the first step, programs cached"]
    broken = start.Start((*first.arguments, "--config=absent"), first.environment, first.code)
    with pytest.raises(RuntimeError, match=r"exit code 2, .*no file 'absent'"):
        broken.run()


def test_the_calmest_starts_are_kept(monkeypatch, tmp_path):
    taken = iter([(1.0, 0.9), (2.0, 0.0), (3.0, 0.5), (4.0, 0.05), (5.0, 0.0)])
    monkeypatch.setattr(start.measure, "once", lambda call: next(taken))
    times = start.timed({"Python": start.Start(("-c", "pass"))}, tmp_path, 2)
    assert times["Python"][0].tolist() == [2.0, 4.0]
