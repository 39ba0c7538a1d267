"""Shift: how the inputs of one part or site differ from those of the others."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pmjax.audit.columns import columns
from pmjax.audit.observed import sampled
from pmjax.cohort import Cohort
from pmjax.evidence import Finding
from pmjax.prepare.splits import Splits
from pmjax.types import HostArray

ALPHA = 1e-3
"""Over all columns and comparisons of a cohort together, by Holm: a random split is called shifted once in a
thousand studies."""

LEAST_DIFFERENCE = 0.1
"""Standardised mean difference, or Kolmogorov-Smirnov distance, that is worth telling, however certain (Austin, Stat
Med 28, 3083–3107, 2009)."""

LEAST_AUROC = 0.6
"""A linear classifier that tells two sides apart no better than this is not worth telling."""

PATIENTS, COLUMNS, COMPARISONS = 4000, 500, 10
"""Read at most: rows of different patients, drawn at random; columns, evenly spread; folds or sites."""

_LEAST_SIDE = 20


@dataclass(frozen=True)
class Difference:
    """One side against another: name of it, how many columns differ, the most different one, and how well a linear
    classifier tells the sides apart (0.5 where it does not)."""

    side: str
    columns: int
    worst: str
    auroc: float


def shift_parts(cohort: Cohort, splits: Splits) -> list[Finding]:
    """Compare test with training rows; a note where other sites are tested on purpose, else a warning."""
    first = [int(np.flatnonzero(splits.fold == f)[0]) for f in np.unique(splits.fold)]
    sides = {}
    for s in first[:COMPARISONS]:
        fold = f"test rows{'' if len(first) == 1 else f' of outer fold {splits.fold[s]}'}"
        sides[fold] = (splits.test[s], splits.train[s])
    severity = "note" if splits.scheme in ("site", "external") else "warning"
    return _finding(cohort, sides, "shift-parts", severity, "training rows")


def shift_sites(cohort: Cohort, splits: Splits) -> list[Finding]:
    """Compare each site with all others; a note, as sites do differ."""
    if cohort.site is None:
        return []
    names, counts = np.unique(cohort.site, return_counts=True)
    largest = names[np.argsort(-counts, kind="stable")][:COMPARISONS]
    sides = {f"site {str(name)!r}": (cohort.site == name, cohort.site != name) for name in largest}
    return _finding(cohort, sides, "shift-sites", "note", "the other sites")


def _finding(
    cohort: Cohort, sides: dict[str, tuple[HostArray, HostArray]], check: str, severity: str, others: str
) -> list[Finding]:
    one_each = np.sort(np.unique(cohort.patient, return_index=True)[1])
    rows = sampled(one_each, PATIENTS)
    frame = columns(cohort, rows, coarse=True)
    frame = frame.iloc[:, np.unique(np.linspace(0, frame.shape[1] - 1, min(COLUMNS, frame.shape[1])).astype(int))]
    pairs = {name: (a[rows], b[rows]) for name, (a, b) in sides.items()}
    pairs = {name: pair for name, pair in pairs.items() if min(side.sum() for side in pair) >= _LEAST_SIDE}
    told = [d for d in differences(frame, pairs) if d.columns or d.auroc > 0.5]
    if not told:
        return []
    most = max(told, key=lambda d: (d.auroc, d.columns))
    message = f"{most.side} differ from {others}" if check == "shift-parts" else f"{most.side} differs from {others}"
    if most.columns:
        message += f" in {most.columns} of {frame.shape[1]} columns, most in {most.worst}"
    if most.auroc > 0.5:
        message += f"; a linear classifier tells them apart with AUROC {most.auroc:.2f}"
    if len(told) > 1:
        message += f"; so do {len(told) - 1} more"
    return [Finding(check, severity, message)]


def differences(frame: pd.DataFrame, pairs: dict[str, tuple[HostArray, HostArray]]) -> list[Difference]:
    """Compare two sides (bool over the rows of `frame`) for each name."""
    values = frame.to_numpy(np.float64)
    measured = {name: _measures(values[a], values[b]) for name, (a, b) in pairs.items()}
    p = np.array([m[2] for m in measured.values()])
    significant = _holm(p)
    found = []
    for (name, (a, b)), (smd, ks, _), certain in zip(pairs.items(), measured.values(), significant, strict=True):
        shifted = certain & (np.maximum(np.abs(smd), ks) >= LEAST_DIFFERENCE)
        worst = ""
        if shifted.any():
            c = int(np.argmax(np.where(shifted, ks, -1)))
            worst = f"{frame.columns[c]!r} (standardised mean difference {smd[c]:.2f}, KS {ks[c]:.2f})"
        found.append(Difference(name, int(shifted.sum()), worst, _told_apart(values, a, b, len(pairs))))
    return found


def _measures(a: HostArray, b: HostArray) -> tuple[HostArray, HostArray, HostArray]:
    """(C,) standardised mean difference, two-sample Kolmogorov-Smirnov distance and its asymptotic p."""
    smd, ks, p = np.zeros(a.shape[1]), np.zeros(a.shape[1]), np.ones(a.shape[1])
    for c in range(a.shape[1]):
        x, y = (np.sort(side[:, c][~np.isnan(side[:, c])]) for side in (a, b))
        if min(len(x), len(y)) < _LEAST_SIDE:
            continue
        pooled = np.sqrt((x.var() + y.var()) / 2)
        smd[c] = (x.mean() - y.mean()) / pooled if pooled > 0 else 0.0
        at = np.concatenate([x, y])
        ks[c] = np.abs(np.searchsorted(x, at, "right") / len(x) - np.searchsorted(y, at, "right") / len(y)).max()
        p[c] = _kolmogorov(ks[c] * np.sqrt(len(x) * len(y) / (len(x) + len(y))))
    return smd, ks, p


def _kolmogorov(x: float) -> float:
    """Of Kolmogorov's limiting distribution, above x; below 0.2 that is 1 in twelve digits."""
    k = np.arange(1, 51)
    return float(-2 * ((-1.0) ** k * np.exp(-2 * (k * x) ** 2)).sum()) if x > 0.2 else 1.0


def _holm(p: HostArray) -> HostArray:
    """Which of all p are below ALPHA by Holm's step-down rule."""
    order = np.argsort(p, axis=None)
    below = p.ravel()[order] * np.arange(p.size, 0, -1) < ALPHA
    significant = np.zeros(p.size, bool)
    significant[order] = np.logical_and.accumulate(below)
    return significant.reshape(p.shape)


def _told_apart(values: HostArray, a: HostArray, b: HostArray, comparisons: int) -> float:
    """AUROC of a ridge discriminant fitted on half of the rows, on the other half; 0.5 where it may be chance."""
    rows = np.random.default_rng(0).permutation(np.flatnonzero(a | b))
    fit, check = rows[::2], rows[1::2]
    # The scale is that of the fitted half; what is missing is at its mean.
    seen = ~np.isnan(values[fit])
    count, filled = np.maximum(seen.sum(axis=0), 1), np.where(seen, values[fit], 0.0)
    mean = filled.sum(axis=0) / count
    sd = np.sqrt((np.where(seen, filled - mean, 0.0) ** 2).sum(axis=0) / count)
    x = np.nan_to_num((values - mean) / np.where(sd > 0, sd, 1.0), nan=0.0).clip(-10, 10)
    y = a[fit] - a[fit].mean()
    weight = np.linalg.solve(x[fit].T @ x[fit] + 0.1 * len(fit) * np.eye(x.shape[1]), x[fit].T @ y)
    ranks, positive = pd.Series(x[check] @ weight).rank().to_numpy(), a[check]
    n1, n0 = int(positive.sum()), int((~positive).sum())
    if not n1 * n0:
        return 0.5
    auroc = (ranks[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0)
    z = (auroc - 0.5) / np.sqrt((n1 + n0 + 1) / (12 * n1 * n0))
    return float(auroc) if auroc >= LEAST_AUROC and _tail(z) * comparisons < ALPHA else 0.5


def _tail(z: float) -> float:
    """Of the standard normal distribution, above z."""
    return math.erfc(z / math.sqrt(2)) / 2
