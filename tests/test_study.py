"""One study, however it comes about: run twice, killed, stopped, spread over devices or rebuilt, it is the same."""

import dataclasses
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tiny

from pmjax import data, study
from pmjax.evidence import load_results
from pmjax.prepare.preparation import Preparation
from pmjax.prepare.splits import make_splits
from pmjax.report import __main__ as report
from pmjax.train import StoppedError
from pmjax.workdir import is_finished

pytestmark = pytest.mark.slow

FILES = {
    *("config.json", "environment.json", "data.json", "timing.json", "cohort.json", "findings.json", "results.json"),
    *("predictions.parquet", "patients.parquet", "history.parquet", "report.html"),
}
FOLDERS = {"tables", "figures", "checkpoints", "tensorboard"}
# What each kill waits for, in the order in which a study makes them.
MOMENTS = (
    "checkpoints/dnn-0-0/2",
    "checkpoints/dnn-0-0.history.parquet",
    "predictions.parquet",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study that nothing disturbed."""
    return tiny.run(tmp_path_factory.mktemp("finished") / "run")


@pytest.fixture
def start(tmp_path):
    """Returns start() that runs the same study as a person does, in `tmp_path`/run."""

    def start():
        command = [sys.executable, "-m", "pmjax.launch", f"--config={path}", f"--workdir={tmp_path}/run", "--quiet"]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    path = tiny.write(tmp_path / "config.py")
    started = []
    yield start
    for process in started:
        process.kill()
        process.communicate()


def results(workdir):
    return (workdir / "results.json").read_bytes()


def evidence(workdir):
    return load_results(workdir / "results.json")[3]


def wait_for(path, process):
    limit = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, f"the study ended before {path}: {process.communicate()}"
        assert time.monotonic() < limit, f"waited for {path} in vain"
        time.sleep(0.002)


def contents(workdir):
    files = [workdir / "report.html", *(p for name in ("tables", "figures") for p in (workdir / name).iterdir())]
    return {path.relative_to(workdir): path.read_bytes() for path in files}


def test_the_run_directory_holds_what_it_promises(finished):
    there = {path.name: path.is_dir() for path in finished.iterdir() if path.name != ".lock"}
    assert there == dict.fromkeys(FILES, False) | dict.fromkeys(FOLDERS, True)
    assert not list(finished.rglob("*.partial"))


def test_results_are_the_same_bytes_at_another_time_place_and_host(finished, tmp_path, monkeypatch):
    for module, name in ((socket, "gethostname"), (platform, "node")):
        monkeypatch.setattr(module, name, lambda: "elsewhere")
    moment = time.time()
    monkeypatch.setattr(time, "time", lambda: moment + 1e8)
    other = tiny.run(tmp_path / "a longer path" / "to another folder")
    assert results(other) == results(finished)


def test_killed_at_any_moment_it_goes_on_to_the_same_results(start, finished, tmp_path):
    for moment in MOMENTS:
        process = start()
        wait_for(tmp_path / "run" / moment, process)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not is_finished(tmp_path / "run")
    process = start()
    _, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert results(tmp_path / "run") == results(finished)


def test_term_saves_says_so_and_goes_on_to_the_same_results(start, finished, tmp_path):
    process = start()
    wait_for(tmp_path / "run" / MOMENTS[0], process)
    process.send_signal(signal.SIGTERM)
    said, errors = process.communicate()
    assert (process.returncode, said) == (143, "")
    assert errors == (f"pmjax: stopped; the state is saved in {tmp_path}/run, run the same command to go on\n")
    assert not (tmp_path / "run" / "results.json").exists()
    assert results(tiny.run(tmp_path / "run")) == results(finished)


@pytest.mark.parametrize(("sent", "end"), [("INT TERM", 0), ("TERM INT", 0), ("INT INT", -signal.SIGINT)])
def test_ctrl_c_in_a_shell_is_one_stop_and_pressed_twice_the_end(sent, end):
    raised = "; ".join(f"signal.raise_signal(signal.SIG{name})" for name in sent.split())
    code = f"import signal; from pmjax import launch; heard = launch._signals(); {raised}; print(heard())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == end
    assert done.stdout.split() == ([] if end else [str(int(signal.Signals[f"SIG{sent.split()[0]}"]))])


def test_a_stop_is_heard_between_the_fits_of_a_baseline(finished, tmp_path):
    last = tmp_path / "run" / "checkpoints" / "dnn-0-1.history.parquet"
    with pytest.raises(StoppedError) as stopped:
        tiny.run(tmp_path / "run", stop=lambda: signal.SIGTERM if last.exists() else 0)
    assert stopped.value.number == signal.SIGTERM
    assert results(tiny.run(tmp_path / "run")) == results(finished)


@pytest.mark.parametrize("way", ["pmap", "sharded"])
def test_the_evidence_is_that_of_one_device(way, finished, tmp_path):
    """On 8 forced host devices."""
    tiny.assert_close(evidence(tiny.run(tmp_path / "run", train={"parallel": way})), evidence(finished))


def test_permuted_labels_cannot_be_predicted(tmp_path, monkeypatch):
    def permuted():
        cohort = data.load("wisconsin")
        label = np.random.default_rng(0).permutation(cohort.task.label)
        return dataclasses.replace(cohort, name="permuted", task=dataclasses.replace(cohort.task, label=label))

    loaders = {**data._LOADERS, "permuted": permuted}
    monkeypatch.setattr(data, "_LOADERS", loaders)
    boosting = {"input": "table", "learning_rate": [0.1]}
    baselines = {"logistic": {"input": "table", "C": [1.0]}, "boosting": boosting}
    found = evidence(tiny.run(tmp_path / "run", cohort={"name": "permuted"}, baselines=baselines))
    aurocs = {e.model: e for e in found if e.metric == "auroc"}
    assert set(aurocs) == {"dnn", "logistic", "boosting"}
    for e in aurocs.values():
        assert e.low < 0.5 < e.high, e


def test_a_rebuilt_report_is_the_report(finished, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    expected = contents(run)
    for name in ("tables", "figures"):
        shutil.rmtree(run / name)
    (run / "report.html").unlink()
    shutil.rmtree(run / "checkpoints")
    assert report.main(["--run", str(run)]) == 0
    assert str(run / "report.html") in capsys.readouterr().out
    assert contents(run) == expected


def test_a_trace_is_written_on_request(tmp_path):
    run = tiny.run(tmp_path / "run", train={"profile": True, "epochs": 1, "chunk": 0})
    traces = list((run / "profile").rglob("*.xplane.pb"))
    assert len(traces) == 1
    assert traces[0].stat().st_size > 0


def test_a_site_that_harmonisation_cannot_learn_is_said():
    cohort = data.load("simulated_proteomic", n=200, features=10)
    harmonised = Preparation(harmonise=True)
    assert study.unharmonised(harmonised, cohort, make_splits(cohort, folds=2)) == []
    left_out = make_splits(cohort, scheme="site")
    assert study.unharmonised(Preparation(), cohort, left_out) == []
    (finding,) = study.unharmonised(harmonised, cohort, left_out)
    assert "site 'batch 1', 'batch 2'" in finding.message
