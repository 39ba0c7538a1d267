"""The peak memory of a process that does nothing but train a case: `python -m benchmarks.memory ours|torch CASE`."""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks import measure
from benchmarks.cases import CASES, Case, make_data, timed_steps

_EPOCHS = 2
"""Of a few steps: from the second on nothing new is asked for."""


def start(case: Case, who: str) -> subprocess.Popen[str]:
    """Starts such a process; what it prints is for `peak`."""
    command = [sys.executable, "-m", "benchmarks.memory", who, case.name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])


def peak(process: subprocess.Popen[str]) -> dict[str, int]:
    """Bytes that a process of `start` had resident at its largest, and of that before it trained."""
    printed, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(map(str, process.args))} failed with {process.returncode}")
    return json.loads(printed.splitlines()[-1])


def _train_ours(case: Case) -> int:
    from benchmarks.ours import Ours
    from pmjax.train.step import Table

    before = measure.high_water()
    ours = Ours(case, make_data(case))
    rows, weight = ours.table(0)
    table = Table(rows[:, : timed_steps(case)], weight[:, : timed_steps(case)])
    for _ in range(_EPOCHS):
        ours.train_and_validate(table)
    return before


def _train_theirs(case: Case) -> int:
    import numpy as np

    from benchmarks.peer_torch import Variant
    from benchmarks.theirs import Theirs

    before, data = measure.high_water(), make_data(case)
    theirs = Theirs(case, data.values.astype(np.float32), data.labels)
    training = theirs.training(Variant("fused"))
    rows = np.arange(case.train).reshape(case.steps, case.batch)
    for _ in range(_EPOCHS):
        training.epoch(theirs.batches(rows[: timed_steps(case)]))
        training.validate(theirs.batches(case.train + np.arange(case.held_out)[None]))
    return before


if __name__ == "__main__":
    chosen = {"ours": _train_ours, "torch": _train_theirs}[sys.argv[1]]
    imported = chosen(CASES[sys.argv[2]])
    sys.stdout.write(json.dumps({"peak": measure.high_water(), "imported": imported}) + "\n")
