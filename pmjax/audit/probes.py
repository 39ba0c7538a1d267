"""Probes: refit what is fitted before training while the rows that it must not see change; nothing may follow."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from pmjax.audit.observed import sampled
from pmjax.cohort import Cohort, Modality
from pmjax.errors import UserError
from pmjax.evidence import Finding
from pmjax.prepare import transforms
from pmjax.prepare.preparation import Preparation
from pmjax.prepare.splits import Splits
from pmjax.task import Classify, Task
from pmjax.types import HostArray

Fit = Callable[..., Mapping[str, HostArray]]

_ROWS = 300
"""Training rows, and others, that a probe reads: what looks at a row shows at any number of rows."""


def fit_on_test(cohort: Cohort, splits: Splits, fit: Fit = transforms.fit) -> list[Finding]:
    """Find fitted parameters that change, in any bit, when the values of all rows outside training become garbage."""
    return _probe(cohort, splits, fit, "fit-on-test", "values", lambda m, t, train: (_garbage(m, ~train), t))


def selection_sees_labels(cohort: Cohort, splits: Splits, fit: Fit = transforms.fit) -> list[Finding]:
    """Find fitted parameters, such as the selected features, that change with the outcomes outside training."""
    shuffle = "outcomes"
    return _probe(cohort, splits, fit, "selection-sees-labels", shuffle, lambda m, t, train: (m, _turned(t, ~train)))


def _probe(
    cohort: Cohort,
    splits: Splits,
    fit: Fit,
    check: str,
    what: str,
    change: Callable[[Modality, Task, HostArray], tuple[Modality, Task]],
) -> list[Finding]:
    rows = np.sort(
        np.concatenate([sampled(np.flatnonzero(inside), _ROWS) for inside in (splits.train[0], ~splits.train[0])])
    )
    train = splits.train[0, rows]
    findings = []
    for name, whole in cohort.modalities.items():
        modality = whole.take(rows)
        try:
            task = cohort.task.take(rows)
            keywords = {"preparation": _everything(cohort, modality), "site": _sites(cohort, rows)}
            before = fit(modality, train, task=task, **keywords)
        except UserError:
            continue  # a class or modality without a training row, which other checks and the fit itself report
        modality, task = change(modality, task, train)
        after = fit(modality, train, task=task, **keywords)
        changed = [key for key in before if not _same_bits(before[key], after.get(key))]
        if changed:
            message = f"{name}: fitted {', '.join(changed)} changes with the {what} of rows outside training"
            findings.append(Finding(check, "blocking", message))
    return findings


def _everything(cohort: Cohort, modality: Modality) -> Preparation:
    """Switch on all that is fitted and suits the modality."""
    half = max(1, len(modality.features) // 2)
    most = Preparation(
        indicators=True, forward_fill=True, winsorise=0.01, harmonise=cohort.site is not None, select=half
    )
    return most.narrow(modality)


def _sites(cohort: Cohort, rows: HostArray) -> HostArray | None:
    return None if cohort.site is None else np.unique(cohort.site, return_inverse=True)[1][rows].astype(np.int32)


def _garbage(modality: Modality, rows: HostArray) -> Modality:
    """Replace the values of `rows`; gaps stay where they are, as the width of the inputs depends on them."""
    values = modality.values.copy()
    wild = values[rows] * -1000 - 12345 if values.dtype.kind == "f" else np.iinfo(values.dtype).max - values[rows]
    values[rows] = wild
    return replace(modality, values=values)


def _turned(task: Task, rows: HostArray) -> Task:
    """Give the last of `rows` the outcome of the first, and so on."""
    order = np.arange(len(rows))
    order[rows] = order[rows][::-1]
    if isinstance(task, Classify):
        return replace(task, label=task.label[order])
    return task.take(order)


def _same_bits(a: HostArray, b: HostArray | None) -> bool:
    return b is not None and np.asarray(a).tobytes() == np.asarray(b).tobytes()
