"""Every bad input ends in one line that says what, where and what to do, with exit code 2 (3: a leak) and no traceback.

Most cases call `main` in this process; the disk that refuses to write is a real limit of the kernel (RLIMIT_FSIZE).
"""

import json
import resource
import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pmjax import data, launch, report, study
from pmjax.cohort import Classify, Cohort, Modality, Source, Survive
from pmjax.train.checkpoint import Checkpoints

CONFIG = """
from ml_collections import ConfigDict

def get_config():
    config = {
        "study": "tiny", "scale": "full", "seed": 0,
        "cohort": {"name": "small"},
        "splits": {"scheme": "stratified", "folds": 2, "repeats": 1, "inner": 1, "validation": 0.2},
        "prepare": {"indicators": False},
        "models": {"dnn": {"family": "dnn", "input": "table", "head": "classify", "hidden": (4,)}},
        "train": {
            "seeds": 1, "epochs": 3, "batch_size": 16, "patience": 15, "clip": 1.0, "warmup": 0.1,
            "class_weight": False, "precision": "float32", "parallel": "jit", "chunk": 2,
            "checkpoint_every": 1, "profile": False,
        },
        "grid": {"learning_rate": (1e-3,), "weight_decay": (1e-2,)},
        "baselines": {"logistic": {"input": "table", "C": (1.0,)}},
        "evaluate": {"resamples": 20, "threshold": 0.5, "horizons": (), "groups": ()},
        "audit": {"allow": ()},
    }
    EXTRA
    return ConfigDict(config)
"""
SURVIVAL = 'config["models"]["dnn"]["head"] = "cox"; config["baselines"] = {"cox": {"input": "table"}}; '
N = 80


@pytest.fixture(autouse=True)
def _handlers():
    """`main` takes TERM and INT for itself; the tests give them back."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(n) for n in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def plant(monkeypatch):
    """Returns plant(**changes): the cohort `small`, by default sound, is made with these instead of its own."""

    def plant(**changes):
        def small() -> Cohort:
            made = {k: v() if callable(v) else v for k, v in changes.items()}
            return Cohort(**{**sound(), **made})

        monkeypatch.setattr(data, "_LOADERS", {"small": small})

    plant()
    return plant


def sound():
    values = np.random.default_rng(0).normal(size=(N, 3))
    return {
        "name": "small",
        "patient": np.array([f"p{i}" for i in range(N)]),
        "modalities": {"table": Modality("table", values, ("a", "b", "c"))},
        "task": Classify("outcome", np.arange(N) % 2, ("no", "yes")),
        "source": Source("Small", "nobody", "none", {}),
    }


def labels(**at):
    """0, 1, 0, 1 … as floats, except where told: labels(_3=np.nan)."""
    column = (np.arange(N) % 2).astype(float)
    for row, value in at.items():
        column[int(row[1:])] = value
    return column


def survive(time=None, event=None):
    return Survive("death", np.arange(1.0, N + 1) if time is None else time, labels() if event is None else event)


@pytest.fixture
def call(tmp_path, capsys):
    """Returns call(*flags, extra=, workdir=) → (exit code, stderr) of the tiny study."""

    def call(*flags, extra="pass", workdir="work"):
        path = tmp_path / "tiny.py"
        path.write_text(CONFIG.replace("EXTRA", extra))
        capsys.readouterr()
        code = launch.main([f"--config={path}", f"--workdir={tmp_path / workdir}", "--quiet", *flags])
        return code, capsys.readouterr().err

    return call


def assert_one_line(code, error, *words, exit_code=2):
    assert code == exit_code
    assert error.startswith("pmjax: error: ")
    assert error.endswith("\n")
    assert error.count("\n") == 1, error
    assert "Traceback" not in error
    for word in words:
        assert word in error


FLAGS = {
    "unknown flag": (["--wrkdir=x"], ["wrkdir", "workdir", "--help"]),
    "argument that is no flag": (["quickstart"], ["quickstart", "--help"]),
    "unknown section": (["--config.trian.seeds=1"], ["trian", "train"]),
    "unknown key": (["--config.train.sedes=1"], ["sedes", "seeds"]),
    "key below a value": (["--config.seed.x=1"], ["--config.seed.x"]),
    "text for a whole number": (["--config.train.seeds=three"], ["config.train.seeds", "three"]),
    "fraction for a whole number": (["--config.train.seeds=1.5"], ["config.train.seeds", "1.5"]),
    "text for a truth value": (["--config.train.class_weight=maybe"], ["config.train.class_weight", "maybe"]),
    "text for rates": (["--config.grid.learning_rate=fast"], ["config.grid.learning_rate", "fast", "number"]),
    "negative rate": (["--config.grid.learning_rate=(-1.0,)"], ["config.grid.learning_rate", "-1"]),
    "value for a section": (["--config.train=3"], ["config.train"]),
    "unknown cohort": (["--config.cohort.name=smal"], ["smal", "did you mean 'small'"]),
    "unknown family": (["--config.models.dnn.family=dnnn"], ["dnnn", "dnn"]),
    "unknown input": (["--config.models.dnn.input=tabel"], ["tabel", "table"]),
    "unknown head": (["--config.models.dnn.head=cox"], ["cox", "classify"]),
    "unknown scale": (["--config.scale=foo"], ["config.scale", "full", "smoke"]),
    "unknown scheme": (["--config.splits.scheme=foo"], ["splits.scheme", "stratified"]),
    "unknown way": (["--config.train.parallel=foo"], ["config.train.parallel", "jit, pmap, sharded"]),
    "unknown precision": (["--config.train.precision=foo"], ["config.train.precision", "bfloat16"]),
    "unknown check": (["--config.audit.allow=('foo',)"], ["audit.allow", "foo", "duplicate-rows"]),
    "unknown group": (["--config.evaluate.groups=('sexx',)"], ["evaluate.groups", "sexx", "site"]),
    "no seeds": (["--config.train.seeds=0"], ["config.train.seeds", "at least 1"]),
    "no epochs": (["--config.train.epochs=0"], ["config.train.epochs", "at least 1"]),
    "no resamples": (["--config.evaluate.resamples=0"], ["evaluate.resamples", "at least 1"]),
    "one fold": (["--config.splits.folds=1"], ["splits.folds", "at least 2"]),
    "validation of twice the rows": (["--config.splits.validation=2"], ["splits.validation", "between 0 and 1"]),
    "threshold above 1": (["--config.evaluate.threshold=2.0"], ["evaluate.threshold", "between 0 and 1"]),
    "horizon without times": (["--config.evaluate.horizons=(1.0,)"], ["evaluate.horizons", "no times"]),
    "fewer patients than folds": (["--config.splits.folds=41"], ["splits.folds", "'no' has 40 patients", "grouped"]),
}


@pytest.mark.parametrize(("flags", "words"), FLAGS.values(), ids=FLAGS)
def test_a_flag_at_fault_is_named(call, flags, words):
    assert_one_line(*call(*flags), *words)


VALUES = {
    "missing section": ('del config["audit"]', ["config.audit", "missing"]),
    "unknown section": ('config["foo"] = 1', ["config.foo", "unknown"]),
    "missing key": ('del config["train"]["seeds"]', ["config.train.seeds", "missing"]),
    "unknown key": ('config["splits"]["fold"] = 2', ["config.splits.fold", "folds"]),
    "wrong type": ('config["train"]["seeds"] = "three"', ["config.train.seeds", "'three'", "whole number"]),
    "truth value for a number": ('config["train"]["epochs"] = True', ["config.train.epochs", "whole number"]),
    "text for a tuple": ('config["evaluate"]["groups"] = "sex"', ["config.evaluate.groups", "tuple"]),
    "value that is not finite": ('config["train"]["clip"] = float("nan")', ["config.train.clip", "finite"]),
    "object": ('config["train"]["clip"] = object()', ["object", "mend"]),
    "section that is a value": ('config["cohort"] = "small"', ["config.cohort", "section"]),
    "model that is a value": ('config["models"] = {"dnn": 3}', ["config.models.dnn", "section"]),
    "nothing to do": ('config["models"] = {}; config["baselines"] = {}', ["config.models", "at least one"]),
    "unknown recalibration": (
        'config["evaluate"]["recalibrate"] = "isotonic"',
        ["evaluate.recalibrate", "isotonic", "logistic"],
    ),
    "no rate": ('config["grid"]["learning_rate"] = ()', ["config.grid.learning_rate"]),
    "unknown option of a cohort": ('config["cohort"]["sit"] = 1', ["small", "sit"]),
    "unknown keyword of a model": ('config["models"]["dnn"]["depth"] = 3', ["dnn", "'depth'", "hidden"]),
    "wrong type of a model's keyword": ('config["models"]["dnn"]["hidden"] = 4', ["dnn.hidden", "tuple"]),
    "width of zero": ('config["grid"]["hidden"] = ((4,), (0,))', ["dnn.hidden", "[0]", "at least 1"]),
    "dropout of everything": ('config["models"]["dnn"]["dropout"] = 1.0', ["dnn.dropout", "below 1"]),
    "unknown baseline": ('config["baselines"]["lgistic"] = {"input": "table"}', ["lgistic", "logistic"]),
    "baseline of another task": ('config["baselines"]["cox"] = {"input": "table"}', ["cox", "outcome", "drop"]),
    "unknown keyword of a baseline": ('config["baselines"]["logistic"]["D"] = 1.0', ["logistic", "'D'", "C"]),
    "value out of a baseline's range": (
        'config["models"] = {}; config["baselines"]["logistic"]["C"] = -1.0',
        ["config.baselines.logistic", "C=-1"],
    ),
}


@pytest.mark.parametrize(("extra", "words"), VALUES.values(), ids=VALUES)
def test_a_value_at_fault_in_the_file_is_named(call, extra, words):
    assert_one_line(*call(extra=extra), *words)


FILES = {
    "syntax error": ("def get_config(:\n", "SyntaxError"),
    "not text": (b"\xff\xfe\x00\x01", "SyntaxError"),
    "raises": ("def get_config():\n    raise RuntimeError('boom\\nand more')\n", "boom and more"),
    "raises on import": ("1 / 0\n", "ZeroDivisionError"),
    "unknown import": ("import nothing_of_that_name\n", "nothing_of_that_name"),
    "no get_config": ("x = 1\n", "no get_config"),
    "returns nothing": ("def get_config():\n    pass\n", "NoneType"),
    "returns a dict": ("def get_config():\n    return {}\n", "ConfigDict"),
}


@pytest.mark.parametrize(("content", "word"), FILES.values(), ids=FILES)
def test_a_config_file_at_fault_is_named(tmp_path, capsys, content, word):
    path = tmp_path / "broken.py"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    code = launch.main([f"--config={path}"])
    assert_one_line(code, capsys.readouterr().err, str(path), word)


@pytest.mark.parametrize("where", ["missing.py", ".", "quickstrat"])
def test_a_config_that_is_no_file_is_named_with_those_that_ship(tmp_path, capsys, where):
    name = where if where == "quickstrat" else str(tmp_path / where)
    code = launch.main([f"--config={name}"])
    assert_one_line(code, capsys.readouterr().err, name, "quickstart", "case_lung_cancer")


COHORTS = {
    "empty": (
        {"patient": np.array([], str), "task": lambda: Classify("outcome", np.array([], int), ("no", "yes"))},
        ["outcome", "empty", "filter"],
    ),
    "NaN label": ({"task": lambda: Classify("outcome", labels(_3=np.nan), ("no", "yes"))}, ["outcome", "row 3", "nan"]),
    "infinite label": ({"task": lambda: Classify("outcome", labels(_5=np.inf), ("no", "yes"))}, ["row 5", "inf"]),
    "one class": ({"task": lambda: Classify("outcome", np.zeros(N), ("no", "yes"))}, ["outcome", "only one class"]),
    "class too small for the folds": (
        {"task": lambda: Classify("outcome", np.arange(N) == 0, ("no", "yes"))},
        ["splits.folds", "'yes' has 1 patient,", "fewer folds"],
    ),
    "patient twice": ({"patient": np.array(["p0", *(f"p{i}" for i in range(N - 1))])}, ["'p0'", "2 times", "unique"]),
    "infinite input": (
        {"modalities": lambda: {"table": Modality("table", np.full((N, 1), np.inf), ("a",))}},
        ["row 0", "'a'", "infinite"],
    ),
    "negative time": ({"task": lambda: survive(time=labels() * 2 - 1)}, ["death", "row 0", "-1.0", "above zero"]),
    "zero time": ({"task": lambda: survive(time=labels())}, ["death", "row 0", "0.0", "above zero"]),
    "event not 0 or 1": ({"task": lambda: survive(event=labels() + 1)}, ["death", "0 or 1", "2"]),
    "NaN event": ({"task": lambda: survive(event=labels(_3=np.nan))}, ["death", "0 or 1", "nan"]),
    "all censored": ({"task": lambda: survive(event=np.zeros(N))}, ["death", "censored"]),
}


@pytest.mark.parametrize(("changes", "words"), COHORTS.values(), ids=COHORTS)
def test_a_cohort_at_fault_says_where(call, plant, changes, words):
    plant(**changes)
    assert_one_line(*call(), *words)


@pytest.mark.parametrize("horizon", [80.0, 1e9, 0.0])
def test_a_horizon_beyond_the_follow_up_is_refused_before_training(call, plant, tmp_path, horizon):
    plant(task=survive)
    error = call(f"--config.evaluate.horizons=({horizon},)", extra=SURVIVAL)
    assert_one_line(*error, "evaluate.horizons", f"{horizon:g}", "end of follow-up, 80")
    assert not (tmp_path / "work" / "checkpoints").exists()


def test_bins_that_cannot_be_are_refused(call, plant):
    plant(task=survive)
    hazard = SURVIVAL + 'config["models"]["dnn"].update(head="hazard", bins=0)'
    assert_one_line(*call(extra=hazard), "config.models", "bins", "at least 1")


def test_a_mended_config_may_use_the_workdir_of_the_broken_one(call):
    assert call("--config.models.dnn.family=dnnn")[0] == 2
    assert call()[0] == 0


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of the tiny study, run to its end without a fault."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.py").write_text(CONFIG.replace("EXTRA", "pass"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "_LOADERS", {"small": lambda: Cohort(**sound())})
        assert launch.main([f"--config={folder / 'tiny.py'}", f"--workdir={folder / 'work'}", "--quiet"]) == 0
    return folder / "work"


def test_a_finished_workdir_is_not_overwritten(call, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "work")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "work").rglob("*") if p.name != ".lock"}
    assert_one_line(*call(), "finished", "report.html", "--workdir")
    assert before == {p: p.stat().st_mtime_ns for p in (tmp_path / "work").rglob("*") if p.name != ".lock"}


def test_a_workdir_of_another_config_is_refused(call, finished, tmp_path):
    shutil.copytree(finished, tmp_path / "work")
    assert_one_line(*call("--config.train.epochs=4"), str(tmp_path / "work"), "config.train.epochs", "--workdir")


def test_a_workdir_in_use_by_another_process_is_refused(call, tmp_path):
    (tmp_path / "work").mkdir()
    hold = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); input()"
    command = [sys.executable, "-c", hold, str(tmp_path / "work" / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        assert_one_line(*call(), str(tmp_path / "work"), "in use by another process", "wait")
        other.communicate(b"\n")


def test_a_workdir_that_is_a_file_is_refused(call, tmp_path):
    (tmp_path / "work").write_text("")
    assert_one_line(*call(), str(tmp_path / "work"), "--workdir")


DISK = {"predictions": (study.predictions, "save"), "results": (study, "save_results"), "report": (report, "build")}


def refuse_large_files(monkeypatch, owner, name, when=lambda *args: True):
    """While `owner.name` runs, no file may grow beyond 64 bytes: the kernel says EFBIG, as it says ENOSPC when full."""
    original = getattr(owner, name)

    def limited(*args, **keywords):
        if not when(*args):
            return original(*args, **keywords)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
        try:
            return original(*args, **keywords)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    monkeypatch.setattr(owner, name, limited)


def test_a_full_disk_leaves_the_last_good_checkpoint_from_which_the_study_goes_on(call, finished, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        refuse_large_files(patch, Checkpoints, "save", lambda self, state, cursor: cursor.epoch == 2)
        assert_one_line(*call(), "dnn", "checkpoint", "(File too large)", "free some space", "same command")
    steps = [p.name for p in (tmp_path / "work" / "checkpoints").rglob("*") if p.is_dir() and p.name.isdigit()]
    assert steps == ["1"]
    assert call()[0] == 0
    assert (tmp_path / "work" / "results.json").read_bytes() == (finished / "results.json").read_bytes()


def test_a_disk_that_is_full_before_a_checkpoint_says_so(call, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=2**19))
    assert_one_line(*call(), str(tmp_path / "work"), "checkpoint", "(No space left on device)", "free some space")


@pytest.mark.parametrize(("owner", "name"), DISK.values(), ids=DISK)
def test_a_full_disk_at_the_end_says_so_and_the_study_goes_on(call, finished, tmp_path, owner, name):
    with pytest.MonkeyPatch.context() as patch:
        refuse_large_files(patch, owner, name)
        assert_one_line(*call(), "File too large")
    assert call()[0] == 0
    assert (tmp_path / "work" / "results.json").read_bytes() == (finished / "results.json").read_bytes()


def test_a_loss_that_is_not_finite_names_step_and_run_and_keeps_the_others(call, tmp_path):
    flags = ["--config.grid.learning_rate=(1e-3,1e30)", "--config.train.clip=1e30"]
    assert_one_line(*call(*flags), "dnn", "fold 0", "seed 0", "learning_rate=1e+30", "step", "report.html")
    results = json.loads((tmp_path / "work" / "results.json").read_text())
    found = [f for f in results["findings"] if f["check"] == "non-finite-loss"]
    assert len(found) == 2, "one for each fold"
    assert all("learning_rate=1e+30" in f["message"] and "step" in f["message"] for f in found)
    assert {"dnn", "logistic"} <= {e["model"] for e in results["evidence"]}
    table = pd.read_parquet(tmp_path / "work" / "predictions.parquet")
    dnn = table[(table["model"] == "dnn") & (table["part"] == "test")]
    assert set(dnn["setting"]) == {"learning_rate=0.001 weight_decay=0.01"}
    assert sorted(dnn["row"]) == list(range(N))
    assert "non-finite-loss" in (tmp_path / "work" / "report.html").read_text()


def test_a_study_of_which_nothing_is_left_says_so(call):
    nothing = 'config["baselines"] = {}; config["grid"]["learning_rate"] = (1e30,); config["train"]["clip"] = 1e30'
    assert_one_line(*call(extra=nothing), "every setting failed", "dnn", "step", "lower the learning rate")


def twins():
    values = np.random.default_rng(0).normal(size=(N, 3))
    values[N // 2 :] = values[: N // 2]
    return {"table": Modality("table", values, ("a", "b", "c"))}


def test_a_leak_ends_with_code_3_and_names_patients_and_goes_on_once_it_is_allowed(call, plant, tmp_path):
    plant(modalities=twins)
    assert_one_line(*call(), "duplicate-rows", "patients p", "audit.allow", exit_code=3)
    findings = json.loads((tmp_path / "work" / "findings.json").read_text())
    assert [(f["check"], f["allowed"]) for f in findings if f["severity"] == "blocking"] == [("duplicate-rows", False)]
    assert not (tmp_path / "work" / "checkpoints").exists()

    assert call("--config.audit.allow=('duplicate-rows',)") == (0, "")
    findings = json.loads((tmp_path / "work" / "findings.json").read_text())
    assert [(f["check"], f["allowed"]) for f in findings if f["severity"] == "blocking"] == [("duplicate-rows", True)]
    assert json.loads((tmp_path / "work" / "results.json").read_text())["findings"] == findings
    assert "duplicate-rows" in (tmp_path / "work" / "report.html").read_text()


def test_debug_adds_the_traceback_before_the_line(call):
    code, error = call("--debug", "--config.cohort.name=smal")
    assert code == 2
    assert error.startswith("Traceback")
    assert error.splitlines()[-1].startswith("pmjax: error: ")


PROCESSES = {
    "unknown flag": (["--wrkdir=x"], "wrkdir"),
    "unknown config": (["--config=quickstrat"], "quickstrat"),
    "unknown cohort": (["--config.cohort.name=wisconsn", "--quiet"], "did you mean 'wisconsin'"),
}


@pytest.mark.parametrize(("flags", "word"), PROCESSES.values(), ids=PROCESSES)
def test_the_process_ends_with_the_line_and_the_code(tmp_path, flags, word):
    command = [sys.executable, "-m", "pmjax.launch", *flags]
    done = subprocess.run(
        [*command, f"--workdir={tmp_path / 'work'}"], capture_output=True, text=True, timeout=120, check=False
    )
    assert_one_line(done.returncode, done.stderr, word)
    assert done.stdout == ""


def test_help_loads_neither_jax_nor_pandas():
    look = (
        "import sys; from pmjax import launch; code = launch.main(['--help']); "
        "print(sorted({'jax', 'pandas', 'numpy', 'sklearn', 'matplotlib'} & set(sys.modules)), code)"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("Run a study")
    assert done.stdout.endswith("[] 0\n")
