"""Sizes: parts that lack a class or a site, columns without a value, and too few events for the inputs."""

import numpy as np

from pmjax.audit.observed import blocks, observed
from pmjax.cohort import Classify, Cohort
from pmjax.evidence import Finding
from pmjax.prepare.splits import Splits
from pmjax.types import PARTS, HostArray

EVENTS_PER_VARIABLE = 10
"""Below it, coefficients of a regression were found unstable (Peduzzi et al., J Clin Epidemiol 49, 1373–1379, 1996)."""


def class_absent(cohort: Cohort, splits: Splits) -> list[Finding]:
    """Find classes (or events) with no row in a part; in training that blocks, elsewhere metrics are undefined."""
    task = cohort.task
    if isinstance(task, Classify):
        levels = {f"class {name!r}": task.label == k for k, name in enumerate(task.classes)}
    else:
        levels = {"an event": task.event}
    findings = []
    for part in PARTS:
        for level, rows in levels.items():
            absent = ~(getattr(splits, part) & rows).any(axis=1)
            if absent.any():
                severity = "blocking" if part == "train" else "warning"
                message = f"no row with {level} in {part} of {_folds(splits, absent)}"
                findings.append(Finding("class-absent", severity, message))
    return findings


def site_absent(cohort: Cohort, splits: Splits) -> list[Finding]:
    """Find sites that a model never trained on; expected, and so no finding, where sites are held out."""
    if cohort.site is None or splits.scheme in ("site", "external"):
        return []
    unseen = {s: ~(splits.train & (cohort.site == s)).any(axis=1) for s in np.unique(cohort.site)}
    sites = [str(s) for s, absent in unseen.items() if absent.any()]
    if not sites:
        return []
    message = f"site {', '.join(map(repr, sites))} has no training row in some fold"
    patients = np.unique(cohort.patient[np.isin(cohort.site, sites)]).tolist()
    return [Finding("site-absent", "note", message, tuple(patients))]


def empty_column(cohort: Cohort, splits: Splits) -> list[Finding]:
    """Find columns without a single value in a training part: they enter as zeros there."""
    findings = []
    for name, modality in cohort.modalities.items():
        features = len(modality.features)
        absent = np.ones((len(splits), features), bool)
        for rows in blocks(modality):
            cells = observed(modality, rows)[1].reshape(-1, modality.values[0].size // features, features)
            seen = np.logical_or.reduce(cells, axis=1)
            absent &= np.stack([~np.logical_or.reduce(seen[train], axis=0) for train in splits.train[:, rows]])
        for column in np.flatnonzero(absent.any(axis=0)):
            message = f"{name} column {modality.features[column]!r} is missing in all training rows of "
            findings.append(Finding("empty-column", "warning", message + _folds(splits, absent[:, column])))
    return findings


def events_per_variable(cohort: Cohort, splits: Splits) -> list[Finding]:
    """Note where training parts have few events (or rows of the rarest class) for each input."""
    task = cohort.task
    if isinstance(task, Classify):
        events = min((splits.train & (task.label == k)).sum(axis=1).min() for k in range(len(task.classes)))
    else:
        events = (splits.train & task.event).sum(axis=1).min()
    findings = []
    for name, modality in cohort.modalities.items():
        inputs = int(np.prod(modality.values.shape[1:]))
        if events / inputs < EVENTS_PER_VARIABLE:
            message = f"{events} events for {inputs} inputs of {name}: {events / inputs:.1f} each, below "
            findings.append(Finding("events-per-variable", "note", f"{message}{EVENTS_PER_VARIABLE}"))
    return findings


def _folds(splits: Splits, chosen: HostArray) -> str:
    return f"outer fold {', '.join(str(f) for f in np.unique(splits.fold[chosen]))}"
