"""What the first page of a report says of a cohort: counts, gaps and balance, as plain JSON."""

import math
from typing import Any

import numpy as np

from pmjax.cohort import Classify, Cohort, Modality, Survive
from pmjax.types import HostArray


def summarise(cohort: Cohort) -> dict[str, Any]:
    """Describe `cohort` in JSON: no NaN (None instead), the same for the same cohort.

    Where rows are intervals, n counts patients and balance describes the first interval of each.
    """
    source = cohort.source
    groups = {} if cohort.groups is None else {str(c): cohort.groups[c].to_numpy() for c in cohort.groups}
    return {
        "name": cohort.name,
        "title": source.title,
        "citation": source.citation,
        "licence": source.licence,
        "simulated": source.simulated,
        "notes": list(source.notes),
        "rows": len(cohort),
        "patients": len(np.unique(cohort.patient)),
        "flow": [[label, count] for label, count in cohort.flow],
        "modalities": {name: _modality(m) for name, m in cohort.modalities.items()},
        "task": _task(cohort),
        "groups": {name: _levels(cohort, column) for name, column in groups.items()},
        "sites": {} if cohort.site is None else _levels(cohort, cohort.site),
        "arms": {} if cohort.arm is None else _levels(cohort, cohort.arm),
        "balance": _balance(cohort),
        "truth": _truth(cohort),
    }


def _truth(cohort: Cohort) -> dict[str, Any] | None:
    """What a simulator says of the whole cohort; None where patients are real."""
    if cohort.truth is None:
        return None
    return {
        "ceiling": {metric: float(value) for metric, value in cohort.truth.ceiling.items()},
        "planted": {name: list(features) for name, features in cohort.truth.planted.items()},
        "notes": list(cohort.truth.notes),
    }


def _modality(modality: Modality) -> dict[str, Any]:
    if modality.values.dtype.kind == "f":
        missing = np.isnan(modality.values[modality.observed]).reshape(-1, len(modality.features))
        if modality.mask is not None:
            missing = missing[modality.mask[modality.observed].reshape(-1)]
    else:
        missing = np.zeros((1, len(modality.features)), bool)
    return {
        "kind": modality.kind,
        "shape": list(modality.values.shape),
        "absent": int((~modality.observed).sum()),
        "features": list(modality.features),
        "missing": dict(zip(modality.features, missing.mean(axis=0).tolist(), strict=True)),
    }


def _task(cohort: Cohort) -> dict[str, Any]:
    task = cohort.task
    head = {"name": task.name, "kind": task.kind}
    if isinstance(task, Classify):
        counts = np.bincount(task.label, minlength=len(task.classes)).tolist()
        return {**head, "classes": list(task.classes), "counts": dict(zip(task.classes, counts, strict=True))}
    last = _one_row_a_patient(cohort, last=True)
    events = int(task.event.sum())
    return {
        **head,
        "unit": task.unit,
        "events": events,
        "censored": len(last) - int(task.event[last].sum()),
        "median_follow_up": median_follow_up(task.time[last], task.event[last]),
    }


def median_follow_up(time: HostArray, event: HostArray) -> float | None:
    """Estimate the median follow-up by the reverse Kaplan-Meier curve; None where it stays above one half.

    Censoring is the event there, and deaths at the same time come first (Schemper and Smith, Controlled Clinical
    Trials 17, 343–346, 1996).
    """
    following = 1.0
    for t in np.unique(time[~event]):
        censored = np.sum((time == t) & ~event)
        at_risk = np.sum(time > t) + censored
        following *= 1 - censored / at_risk
        if following <= 0.5:
            return float(t)
    return None


def _one_row_a_patient(cohort: Cohort, *, last: bool) -> HostArray:
    """(P,) the first or last row in time of every patient."""
    start = cohort.task.start if isinstance(cohort.task, Survive) else None
    order = np.lexsort((np.zeros(len(cohort)) if start is None else start, cohort.patient))
    patient = cohort.patient[order]
    changes = patient[1:] != patient[:-1]
    return np.sort(order[np.append(changes, True) if last else np.insert(changes, 0, True)])


def _levels(cohort: Cohort, column: HostArray) -> dict[str, dict[str, int]]:
    """Patients and events of every level; an event is the last class or the end of the time to event."""
    task = cohort.task
    event = task.event if isinstance(task, Survive) else task.label == len(task.classes) - 1
    return {
        str(level): {
            "n": len(np.unique(cohort.patient[column == level])),
            "events": int(event[column == level].sum()),
        }
        for level in np.unique(column)
    }


def _balance(cohort: Cohort) -> dict[str, dict[str, list[float | None]]]:
    """Mean and sd (n − 1) of every table column, overall and by outcome."""
    rows = _one_row_a_patient(cohort, last=False)
    task = cohort.task
    if isinstance(task, Classify):
        outcome, names = task.label, task.classes
    else:
        outcome = np.isin(cohort.patient, cohort.patient[task.event]).astype(int)
        names = ("censored", "event")
    tables = {name: m for name, m in cohort.modalities.items() if m.kind == "table"}
    parts = {"overall": rows, **{name: rows[outcome[rows] == k] for k, name in enumerate(names)}}
    return {
        feature if len(tables) == 1 else f"{name}: {feature}": {
            part: _mean_sd(m.values[chosen, f]) for part, chosen in parts.items()
        }
        for name, m in tables.items()
        for f, feature in enumerate(m.features)
    }


def _mean_sd(values: HostArray) -> list[float | None]:
    seen = values[~np.isnan(values)]
    mean = float(seen.mean()) if seen.size else None
    sd = float(seen.std(ddof=1)) if seen.size > 1 else math.nan
    return [mean, sd if math.isfinite(sd) else None]
