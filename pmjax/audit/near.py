"""Near duplicates: rows of different parts whose measurements differ by less than two patients ever do.

Values are compared in sd of their features. Rows of a table are near where no column differs by more than
NEAR_DISTANCE, series and images where the root mean square difference over the cells that either row has is at most
that; a cell that one of them lacks counts as one sd. Not all pairs are compared: each row meets its NEIGHBOURS
nearest by PROJECTIONS random projections. A near pair is missed where NEIGHBOURS other rows lie closer, or, at 1 in
10,000, where chance stretches its projections beyond the search radius. A copy that was shifted, turned or rescaled
is not near. For sequences see `sequences.py`.
"""

import numpy as np

from pmjax.audit import sequences
from pmjax.audit.chance import by_chance, telling
from pmjax.audit.copies import UNLIKE, across, unlike
from pmjax.audit.duplicates import row_codes
from pmjax.audit.observed import BLOCK, blocks, moments, observed
from pmjax.cohort import Cohort, Modality
from pmjax.evidence import Finding
from pmjax.prepare.splits import Splits
from pmjax.types import HostArray

NEAR_DISTANCE = 0.05
"""In sd. Two independent rows are at √2; rounding and a little noise stay within a twentieth."""

BLOCKING_IDENTITY = 0.95
"""Sequences from here on block: three letters of 60 are a sequencing error or a variant of the same place. Below,
down to `sequences.NEAR_IDENTITY`, they may be of one family of genes or repeats, and are a warning."""

PROJECTIONS, NEIGHBOURS = 8, 3
_STRETCH = 2.0
"""√(χ²₈ at .9999 / 8): a distance appears longer than so many times itself in 1 of 10,000 draws of 8 projections."""

_CUT = 10.0

_FEW = 1_000
"""Points of which all distances take 10 ms; to import SciPy's tree takes 200."""


def near_duplicates(cohort: Cohort, splits: Splits) -> list[Finding]:
    """Find rows of different parts that are nearly, not exactly, the same in a modality.

    Tables, series and images block. Rows with so few or so common values that they are near by chance do not count.
    """
    findings = []
    for name, modality in cohort.modalities.items():
        codes = row_codes(modality)
        unique = np.sort(np.unique(codes, return_index=True)[1][(np.unique(codes) < 0).sum() :])
        if modality.kind == "sequence":
            pairs, identity = sequences.near_pairs(modality, unique)
            same = identity >= BLOCKING_IDENTITY
            percent, least = round(100 * BLOCKING_IDENTITY), round(100 * sequences.NEAR_IDENTITY)
            kinds = [(pairs[same], "blocking", f"at least {percent} % identical to")]
            kinds += [(pairs[~same], "warning", f"{least} to {percent} % identical to")]
        else:
            kinds = [(close_pairs(modality, unique), "blocking", "nearly equal to")]
        for pairs, severity, what in kinds:
            pairs = pairs[cohort.patient[pairs[:, 0]] != cohort.patient[pairs[:, 1]]]
            found, rows = across(cohort, splits, codes, codes[pairs])
            if rows.any():
                doubt = modality.kind != "sequence" and unlike(cohort, found)
                told = "; ".join(count.told(what, cohort.task.kind) for count in found) + (UNLIKE if doubt else "")
                patients = tuple(np.unique(cohort.patient[rows]).tolist())
                findings.append(
                    Finding("near-duplicates", "warning" if doubt else severity, f"{name}: {told}", patients)
                )
    return findings


def close_pairs(modality: Modality, rows: HostArray) -> HostArray:
    """Find pairs among `rows`, of different values, within NEAR_DISTANCE: (P, 2) rows, each pair once."""
    if len(rows) < 2:
        return np.empty((0, 2), int)
    mean, sd = _cell_moments(modality)
    points, cells = _projected(modality, mean, sd)
    points = points[rows]
    reach = _STRETCH * NEAR_DISTANCE * np.sqrt(max(1, cells[rows].max()))
    near = _all_pairs(points, reach) if len(points) <= _FEW else _tree_pairs(points, reach)
    pairs = np.unique(np.sort(rows[near], axis=1), axis=0)
    pairs = pairs[_distance(modality, mean, sd, pairs) <= NEAR_DISTANCE]
    if modality.kind == "image" or not len(pairs):
        return pairs
    within = NEAR_DISTANCE * sd[: len(modality.features)]
    return pairs[~by_chance(telling(modality), len(modality.values), pairs[:, 0], within)]


def _tree_pairs(points: HostArray, reach: float) -> HostArray:
    """(P, 2) numbers of points within `reach`, of each point with its NEIGHBOURS nearest."""
    from scipy.spatial import cKDTree

    near = cKDTree(points).query(points, k=NEIGHBOURS + 1, distance_upper_bound=reach)[1]
    i, j = np.repeat(np.arange(len(points)), NEIGHBOURS + 1), near.ravel()
    return np.column_stack([i, j])[(j < len(points)) & (i != j)]


def _all_pairs(points: HostArray, reach: float) -> HostArray:
    """As `_tree_pairs`, by all distances: for few points sooner done than SciPy is imported."""
    exact = points.astype(np.float64)
    square = (exact**2).sum(axis=1)
    distance = square[:, None] + square - 2 * exact @ exact.T
    np.fill_diagonal(distance, np.inf)
    nearest = np.argpartition(distance, min(NEIGHBOURS, len(points) - 1) - 1, axis=1)[:, :NEIGHBOURS]
    i, j = np.repeat(np.arange(len(points)), nearest.shape[1]), nearest.ravel()
    return np.column_stack([i, j])[distance[i, j] < reach**2]


def _cell_moments(modality: Modality) -> tuple[HostArray, HostArray]:
    """Mean and sd of the feature of each cell, (cells,); sd is infinite where the feature is constant."""
    _, mean, sd = moments(modality)
    steps = int(np.prod(modality.values.shape[1:])) // len(sd)
    return np.tile(mean, steps), np.tile(np.where(sd > 0, sd, np.inf), steps)


def _standard(
    modality: Modality, mean: HostArray, sd: HostArray, rows: slice | HostArray
) -> tuple[HostArray, HostArray]:
    """(n, cells) standardised float32, 0 where not observed; and what was observed of cells that vary."""
    values, seen = observed(modality, rows)
    seen &= np.isfinite(sd)
    standard = np.where(seen, np.clip((values - mean) / sd, -_CUT, _CUT), 0)
    return standard.astype(np.float32), seen


def _projected(modality: Modality, mean: HostArray, sd: HostArray) -> tuple[HostArray, HostArray]:
    """(N, PROJECTIONS), distances as in the cells on average; and (N,) how many cells were observed."""
    axes = np.random.default_rng(0).normal(0, PROJECTIONS**-0.5, (len(sd), PROJECTIONS)).astype(np.float32)
    points, cells = np.empty((len(modality.values), PROJECTIONS), np.float32), np.empty(len(modality.values), int)
    for rows in blocks(modality):
        standard, seen = _standard(modality, mean, sd, rows)
        points[rows], cells[rows] = standard @ axes, seen.sum(axis=1)
    return points, cells


def _distance(modality: Modality, mean: HostArray, sd: HostArray, pairs: HostArray) -> HostArray:
    """(P,) difference in sd, of a table the largest, else the root mean square."""
    distance = np.empty(len(pairs))
    step = max(1, BLOCK // len(sd))
    for low in range(0, len(pairs), step):
        block = slice(low, low + step)
        chosen = pairs[block]
        (a, seen_a), (b, seen_b) = (_standard(modality, mean, sd, chosen[:, side]) for side in (0, 1))
        either = seen_a | seen_b
        apart = np.where(seen_a & seen_b, np.abs(a - b), 1.0) * either
        mean_square = (apart**2).sum(axis=1) / np.maximum(either.sum(axis=1), 1)
        distance[block] = apart.max(axis=1) if modality.kind == "table" else np.sqrt(mean_square)
    return distance
