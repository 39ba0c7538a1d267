"""Description: a cohort as lines of what and how much, for people."""

from collections.abc import Iterator

import numpy as np

from pmjax.cohort import Cohort
from pmjax.data.catalogue import missing
from pmjax.data.measure import Measurement, measure
from pmjax.data.public import REGISTRY
from pmjax.types import PARTS, HostArray

Told = Iterator[tuple[str, str]]


def describe(name: str) -> Told:
    """Tell what is known of a cohort; it is loaded, with its default options, where that needs no download.

    Raises:
        UserError: there is no such cohort, or it needs options.
    """
    if name not in REGISTRY:
        cohort, cost = measure(name)
        yield from _origin(cohort)
        yield from _contents(cohort, cost)
        return
    entry = REGISTRY[name]
    yield "title", entry.title
    yield "citation", entry.citation
    yield "licence", entry.licence
    yield "protocol", entry.protocol
    yield "published", entry.published or "nothing to compare with"
    if absent := missing(entry):
        yield "at hand", f"no; {absent}"
        return
    cohort, cost = measure(name)
    yield from _contents(cohort, cost)


def _origin(cohort: Cohort) -> Told:
    source = cohort.source
    yield "title", source.title + (" (simulated)" if source.simulated else "")
    yield "citation", source.citation
    yield "licence", source.licence


def _contents(cohort: Cohort, cost: Measurement) -> Told:
    yield "shape", cost.shape
    yield "task", f"{cohort.task.name} ({cohort.task.kind})"
    yield "balance", cost.balance
    columns = {"parts": cohort.part, "sites": cohort.site, "arms": cohort.arm}
    if cohort.groups is not None:
        columns |= {f"group {name}": cohort.groups[name].to_numpy(str) for name in cohort.groups}
    for what, column in columns.items():
        if column is not None:
            yield what, _count(column)
    yield "flow", " → ".join(f"{count} {label}" for label, count in cohort.flow)
    if cohort.truth is not None and cohort.truth.ceiling:
        yield "ceiling", ", ".join(f"{metric} {value:.4g}" for metric, value in cohort.truth.ceiling.items())
    yield "loaded in", f"{cost.seconds:.2f} s, peak {cost.peak} MiB ({cost.before} before)"
    for file, sha256 in cohort.source.files.items():
        yield f"sha256 {file}", sha256
    for note in cohort.source.notes:
        yield "note", note


def _count(column: HostArray) -> str:
    levels, counts = np.unique(column, return_counts=True)
    found = dict(zip(levels.tolist(), counts.tolist(), strict=True))
    ordered = [part for part in PARTS if part in found] or list(found)
    return ", ".join(f"{level} {found[level]}" for level in ordered)
