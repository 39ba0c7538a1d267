"""A study of seconds with all that a study has: one small network in two chunks of runs, one baseline, two folds."""

import dataclasses
from pathlib import Path

import numpy as np

from pmjax import launch, study
from pmjax.evidence import Evidence
from pmjax.progress import Stages

NEVER = lambda: 0  # noqa: E731


def config(**changes):
    """The quickstart made small; `changes` replace values, a dict those of a section."""
    made, _, _ = launch.parse(["--config=quickstart"])
    made["models"] = {"dnn": {**made["models"]["dnn"], "hidden": [8]}}
    made["splits"]["folds"] = 2
    made["train"] |= {"seeds": 1, "epochs": 6, "chunk": 1, "checkpoint_every": 1}
    made["grid"]["learning_rate"] = [0.01]
    made["baselines"] = {"logistic": {"input": "table", "C": [0.1, 1.0]}}
    made["evaluate"]["resamples"] = 200
    for key, value in changes.items():
        made[key] = {**made[key], **value} if isinstance(value, dict) and key in ("train", "grid") else value
    return made


def assert_close(found: list[Evidence], expected: list[Evidence]) -> None:
    """Holds that two lists of evidence say the same, estimates and bounds to 1e-4."""
    for one, other in zip(found, expected, strict=True):
        a, b = dataclasses.asdict(one), dataclasses.asdict(other)
        numbers = [[side.pop(name) for name in ("estimate", "low", "high")] for side in (a, b)]
        assert a == b
        # None, where there is no interval, becomes NaN and equals itself.
        np.testing.assert_allclose(*np.array(numbers, float), rtol=0, atol=1e-4, err_msg=str(a))


def write(path: Path, **changes) -> Path:
    """Writes it as a config file."""
    made = repr(config(**changes))
    path.write_text(f"from ml_collections import ConfigDict\n\n\ndef get_config():\n    return ConfigDict({made})\n")
    return path


def run(workdir: Path, *, stop=NEVER, **changes) -> Path:
    """Runs it in this process; returns `workdir`."""
    study.run(config(**changes), workdir, stages=Stages(quiet=True), stop=stop)
    return workdir
