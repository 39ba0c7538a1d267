"""Leakage: columns that give the label away."""

from math import lgamma

import numpy as np
import pandas as pd

from pmjax.audit.columns import columns, rows_read
from pmjax.cohort import Classify, Cohort
from pmjax.evidence import Finding
from pmjax.prepare.splits import Splits
from pmjax.types import HostArray

BLOCKING_AUROC, WARNING_AUROC = 0.995, 0.98
"""A single column as good as this is more likely a trace of the answer than a biomarker. (The best of Wisconsin's
30 honest columns reaches 0.976.)"""

_SHOWN = 5


def label_copy(cohort: Cohort, splits: Splits) -> list[Finding]:
    """Find columns that decide the label: a copy or recoding of it, perfect order, or the time itself."""
    scores = _scores(cohort)
    return _about(scores.index[scores == 1], "label-copy", "blocking", "decides the label alone")


def single_column(cohort: Cohort, splits: Splits) -> list[Finding]:
    """Find columns that nearly give the label away."""
    scores = _scores(cohort)
    strong = scores.index[(scores >= BLOCKING_AUROC) & (scores < 1)]
    notable = scores.index[(scores >= WARNING_AUROC) & (scores < BLOCKING_AUROC)]
    return [
        *_about(strong, "single-column", "blocking", f"alone predicts the label (AUROC ≥ {BLOCKING_AUROC})"),
        *_about(notable, "single-column", "warning", f"alone predicts the label well (AUROC ≥ {WARNING_AUROC})"),
    ]


def _about(names: pd.Index, check: str, severity: str, what: str) -> list[Finding]:
    if names.empty:
        return []
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [Finding(check, severity, f"column {', '.join(map(repr, names[:_SHOWN]))}{more} {what}")]


def _scores(cohort: Cohort) -> pd.Series:
    """How well each column alone tells the outcome, 0.5 to 1: AUROC of any class against the rest, or of the event."""
    rows, task = rows_read(cohort), cohort.task
    frame = columns(cohort, rows)
    ranks = frame.rank().to_numpy()
    if isinstance(task, Classify):
        label, classes = task.label[rows], len(task.classes)
        scores = np.max([_separation(ranks, label == k) for k in range(classes)], axis=0)
        recoded = [_recodes(column, label, classes) for _, column in frame.items()]
        return pd.Series(np.where(recoded, 1.0, scores), frame.columns)
    scores = _separation(ranks, task.event[rows])
    if task.start is None:  # the stop of an interval goes with its start, which is no secret
        same = [_concordance(column, task.time[rows]) for _, column in frame.items()]
        scores = np.maximum(scores, same)
    return pd.Series(scores, frame.columns)


def _separation(ranks: HostArray, positive: HostArray) -> HostArray:
    """(C,) AUROC in its better direction by ranks (Mann-Whitney); 0.5 where so few rows may separate by chance."""
    seen = ~np.isnan(ranks)
    n1, n0 = seen[positive].sum(axis=0), seen[~positive].sum(axis=0)
    # Ranks hold within all seen rows, so the rank sum of the positives gives U directly.
    u = np.nansum(ranks[positive], axis=0) - n1 * (n1 + 1) / 2
    auroc = np.where(n1 * n0 > 0, u / np.maximum(n1 * n0, 1), 0.5)
    log_orders = np.array([lgamma(a + b + 1) - lgamma(a + 1) - lgamma(b + 1) for a, b in zip(n1, n0, strict=True)])
    by_chance = np.log(2 * max(ranks.shape[1], 1)) - log_orders > np.log(1e-3)
    return np.where(by_chance, 0.5, np.maximum(auroc, 1 - auroc))


def _recodes(column: pd.Series, label: HostArray, classes: int) -> bool:
    """Whether a column of few values says the class by each of them, in whatever order."""
    seen = column.notna().to_numpy()
    values = column[seen]
    if seen.sum() < 20 or not classes <= values.nunique() <= 2 * classes:
        return False
    return bool((pd.Series(label[seen]).groupby(values.to_numpy()).nunique() == 1).all())


def _concordance(column: pd.Series, time: HostArray) -> float:
    """(1 + |Spearman's ρ|) / 2 of column and time, a number on the scale of an AUROC; 0.5 below 10 rows."""
    seen = column.notna().to_numpy()
    if seen.sum() < 10 or column.nunique() < 3:
        return 0.5
    ranks = pd.DataFrame({"column": column[seen], "time": time[seen]}).rank()
    if ranks["time"].nunique() < 2:
        return 0.5
    return float(np.round((1 + abs(np.corrcoef(ranks.to_numpy().T)[0, 1])) / 2, 12))
