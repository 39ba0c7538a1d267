"""The loop over epochs of a chunk of runs, and over the chunks of a model: on one screen, with no callbacks."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pmjax.train import checkpoint, parallel
from pmjax.train.checkpoint import Cursor, Logged
from pmjax.train.many import Program, RunSpec
from pmjax.types import HostArray

History = list[dict[str, HostArray]]


class StoppedError(Exception):
    """The user or the scheduler asked to stop, by the signal `number`; the state is saved."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class ChunkResult(NamedTuple):
    """Of each run of a chunk: outputs for all rows (R, N, K), what was logged, the step that failed or −1."""

    outputs: HostArray
    history: History
    failed_step: HostArray


class Hooks(NamedTuple):
    """What the edge provides: the number of the signal that asks to stop, 0 while none does, and where each
    epoch's metrics (R,) of the runs go. Threads call both, `log` never two of them for the same runs."""

    stop: Callable[[], int]
    log: Callable[[list[RunSpec], int, dict[str, HostArray]], None]


def train_chunk(program: Program, specs: list[RunSpec], folder: Path, every: int, hooks: Hooks) -> ChunkResult:
    """Trains the runs `specs` to the end, from the last checkpoint in `folder` where there is one.

    The metrics of an epoch are read while the next one runs. That may start one epoch more than is needed when
    all runs have stopped early; runs that have stopped do not move, so nothing changes.

    Raises:
        StoppedError: `hooks.stop()` said so in any process; the state is saved first.
    """
    count, specs = len(specs), program.pad(specs)
    runs = program.runs(specs)
    validation = program.validation_table(specs)
    with checkpoint.Checkpoints(folder) as checkpoints:
        initial = program.init(runs)
        restored = checkpoints.restore(initial)
        state, cursor = (program.place.runs(restored[0]), restored[1]) if restored else (initial, Cursor(0, []))
        history, epoch = list(cursor.history), cursor.epoch - 1
        read = partial(_read, program, specs[:count], history, hooks)
        pending: Any = None
        for epoch in range(cursor.epoch, program.schedule.epochs):
            table = program.train_table(specs, epoch)
            state, metrics = program.epoch(state, table, validation, runs, program.data)
            if pending is not None and not read(pending):
                pending = None
                break
            pending = metrics
            stop = parallel.agreed(hooks.stop())
            if stop or (epoch + 1) % every == 0:
                read(pending)
                pending = None
                checkpoints.save(program.place.fetch(state), Cursor(epoch + 1, history))
            if stop:
                raise StoppedError(stop)
        if pending is not None:
            read(pending)
        checkpoints.save(program.place.fetch(state), Cursor(epoch + 1, history))
    outputs = program.outputs(state.best_params, runs)
    failed = program.place.fetch(state.failed_step)
    return ChunkResult(outputs[:count], [{k: np.asarray(v) for k, v in m.items()} for m in history], failed[:count])


def _read(program: Program, specs: list[RunSpec], history: list[Logged], hooks: Hooks, metrics: Any) -> bool:
    """Appends an epoch's metrics to the history; returns whether any run moved in it."""
    host = {k: v[: len(specs)] for k, v in program.place.fetch(metrics).items()}
    if not np.any(host["active"]):
        return False
    history.append({k: v.tolist() for k, v in host.items()})
    hooks.log(specs, len(history), host)
    return True
