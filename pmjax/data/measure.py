"""Measure: what a named cohort costs to load and what it holds, in a process of its own."""

import multiprocessing
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pmjax import data
from pmjax.cohort import Classify, Cohort
from pmjax.errors import UserError


@dataclass(frozen=True)
class Measurement:
    """A cohort, and the cost of loading it.

    Attributes:
        name: as `data.load` knows it.
        shape: of every modality, and how many patients the rows are of.
        balance: rows of each class, or events.
        seconds: to load.
        peak: MiB of the process at its highest, libraries included.
        before: MiB at its highest before loading.
    """

    name: str
    shape: str
    balance: str
    seconds: float
    peak: int
    before: int


def measure(name: str) -> tuple[Cohort, Measurement]:
    """Load a cohort with its default options, and measure that; the peak is that of this process so far."""
    before, began = peak_memory(), time.perf_counter()
    cohort = data.load(name)
    seconds = time.perf_counter() - began
    return cohort, Measurement(name, shape(cohort), balance(cohort), seconds, peak_memory(), before)


def measure_apart(names: Sequence[str]) -> Iterator[Measurement]:
    """Measure cohorts one after the other, each in a fresh process.

    Raises:
        UserError: what their loaders raise; a process that was killed.
    """
    for name in names:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            try:
                yield process.submit(_measurement, name).result()
            except BrokenProcessPool as error:
                raise UserError(f"cohort {name!r}: the process that loads it was killed; free some memory") from error


def _measurement(name: str) -> Measurement:
    return measure(name)[1]


def peak_memory() -> int:
    """Return the most MiB that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # the resource usage of Linux begins with that of the parent
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) >> 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> (20 if sys.platform == "darwin" else 10)


def shape(cohort: Cohort) -> str:
    """Write the shape of every modality, and the number of patients where it is not that of rows."""
    shapes = [f"{name} {' × '.join(map(str, m.values.shape))}" for name, m in cohort.modalities.items()]
    patients = len(np.unique(cohort.patient))
    return "; ".join(shapes) + (f" ({patients} patients)" if patients < len(cohort) else "")


def balance(cohort: Cohort) -> str:
    """Write how many rows each class has, or how many events there are."""
    task = cohort.task
    if isinstance(task, Classify):
        counts = np.bincount(task.label, minlength=len(task.classes))
        return ", ".join(f"{name} {count}" for name, count in zip(task.classes, counts, strict=True))
    events = int(task.event.sum())
    return f"{events} events in {len(cohort)} rows ({events / len(cohort):.1%})"
