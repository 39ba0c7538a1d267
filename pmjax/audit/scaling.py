"""Scaling: columns that arrive standardised by all rows, those of the test part too."""

import numpy as np

from pmjax.audit.observed import blocks, moments, observed, sampled
from pmjax.cohort import Cohort, Modality
from pmjax.evidence import Finding
from pmjax.prepare.splits import Splits
from pmjax.types import HostArray

TOLERANCE = 1e-6
"""Rounding of float32; no column has its mean so near 0 and its sd so near 1 unless it was made so."""

_LEVELS = 10
"""Columns of no more values are counts or codes, for which 0 and 1 are natural bounds."""

_SHOWN = 5
_SAMPLE = 1000


def scaled_outside(cohort: Cohort, splits: Splits) -> list[Finding]:
    """Find columns scaled over the whole cohort, and not over the training part: to mean 0, sd 1, or to [0, 1]."""
    findings = []
    for name, modality in cohort.modalities.items():
        if modality.kind not in ("table", "series"):
            continue
        for how, scaled in (("standardised", _standardised), ("scaled to [0, 1]", _unit)):
            whole = scaled(modality)
            part = scaled(modality.take(splits.train[0])) if whole.any() else whole
            columns = np.flatnonzero(whole)
            # The training part may have both ends of a column by luck, and one column its bounds by nature.
            if (whole & ~part).any() and len(columns) > (how != "standardised"):
                named = ", ".join(repr(modality.features[c]) for c in columns[:_SHOWN])
                more = f" and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else ""
                message = f"{name}: {named}{more} came {how} over all rows, test rows included; use the raw values"
                findings.append(Finding("scaled-outside", "warning", message))
    return findings


def _standardised(modality: Modality) -> HostArray:
    """(F,) whether mean is 0 and sd is 1, by n or n − 1."""
    count, mean, sd = moments(modality)
    with np.errstate(invalid="ignore", divide="ignore"):
        sample = sd * np.sqrt(count / (count - 1))
        one = (np.abs(sd - 1) < TOLERANCE) | (np.abs(sample - 1) < TOLERANCE)
    return (np.abs(mean) < TOLERANCE) & one & _continuous(modality)


def _unit(modality: Modality) -> HostArray:
    """(F,) whether the least value is 0 and the greatest is 1."""
    features = len(modality.features)
    low, high = np.full(features, np.inf), np.full(features, -np.inf)
    for rows in blocks(modality):
        values, seen = (a.reshape(-1, features) for a in observed(modality, rows))
        low = np.minimum(low, np.where(seen, values, np.inf).min(axis=0))
        high = np.maximum(high, np.where(seen, values, -np.inf).max(axis=0))
    return (low == 0) & (np.abs(high - 1) < TOLERANCE) & _continuous(modality)


def _continuous(modality: Modality) -> HostArray:
    """(F,) whether a column has many values, by a sample of the rows."""
    features = len(modality.features)
    values, seen = observed(modality, sampled(np.arange(len(modality.values)), _SAMPLE))
    columns = zip(values.reshape(-1, features).T, seen.reshape(-1, features).T, strict=True)
    return np.array([len(np.unique(column[real])) > _LEVELS for column, real in columns])
