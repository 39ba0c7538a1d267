"""Chance: how many pairs of rows agree in every column of a table although nobody copied them."""

from collections.abc import Iterable

import numpy as np

from pmjax.audit.observed import sampled
from pmjax.types import HostArray

EXCESS = 10
"""Agreeing pairs are copies where there are more than so many times those expected of independent columns. Columns
depend on each other, so a few times as many say nothing; in DeepSurv's WHAS, which was copied, there are 90 times."""

_SAMPLE = 20_000
_NEVER = 1e-30


def expected_pairs(columns: Iterable[HostArray], rows: int, tolerance: float = 0.0) -> float:
    """Expect of `rows` rows the pairs that agree in all columns, were these independent (the birthday problem).

    Args:
        columns: (n,) each, NaN where missing, which agrees with missing alone; read until the answer is clear.
        tolerance: two values agree that differ by no more.
    """
    pairs = rows * (rows - 1) / 2
    probability = 1.0
    for column in columns:
        probability *= _agreement(column, tolerance)
        if probability * pairs < _NEVER:
            break
    return pairs * probability


def _agreement(column: HostArray, tolerance: float) -> float:
    """Share of pairs of rows whose values agree; one pair more than there are, so that it is never 0."""
    column = column[sampled(np.arange(len(column)), _SAMPLE)]
    n = len(column)
    missing = int(np.isnan(column).sum()) if column.dtype.kind == "f" else 0
    values = np.sort(column)[: n - missing].astype(np.float64)
    agreeing = (np.searchsorted(values, values + tolerance, "right") - np.arange(1, len(values) + 1)).sum()
    return float(min(1.0, (agreeing + missing * (missing - 1) / 2 + 1) / max(1.0, n * (n - 1) / 2)))
