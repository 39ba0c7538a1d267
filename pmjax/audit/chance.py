"""Chance: how many pairs of rows agree although nobody copied them."""

from collections.abc import Callable, Sequence

import numpy as np

from pmjax.audit.observed import observed, sampled
from pmjax.cohort import Modality
from pmjax.types import HostArray

EXCESS = 10
"""Agreeing rows are copies where there are more than so many times those expected of independent columns. Columns
depend on each other, so a few times as many say nothing; in DeepSurv's WHAS, which was copied, there are 260 times."""

STRETCHES = 8

_SAMPLE = 20_000

Columns = Callable[[HostArray], HostArray]
"""Reads rows (n,) as columns (n, C), NaN where missing."""


def telling(modality: Modality, extra: Sequence[HostArray] = ()) -> Columns:
    """Read rows as the columns by which chance is judged; after them `extra`, (N,) each.

    Those of a table; of a series, whose neighbouring steps say the same, the means of each feature over up to
    STRETCHES stretches of time, missing where the stretch before had the same.
    """

    def read(rows: HostArray) -> HostArray:
        values, seen = observed(modality, rows)
        shape = (len(rows), -1, len(modality.features))
        values, seen = values.reshape(shape), seen.reshape(shape)
        steps = values.shape[1]
        starts = np.linspace(0, steps, min(STRETCHES, steps), endpoint=False).astype(int)
        total, count = (np.add.reduceat(a, starts, axis=1, dtype=np.float64) for a in (values, seen))
        mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        mean[:, 1:][mean[:, 1:] == mean[:, :-1]] = np.nan
        return np.column_stack([mean.reshape(len(rows), -1), *(column[rows] for column in extra)])

    return read


def expected_pairs(columns: Columns, n: int) -> float:
    """Expect of n rows the pairs that agree in all columns, were these independent (the birthday problem).

    What is missing agrees with everything, since gaps come together.
    """
    table = columns(sampled(np.arange(n), _SAMPLE))
    shares = []
    for column in table.T:
        known = np.sort(column[~np.isnan(column)])
        together = (len(known) / max(1, len(column))) ** 2
        shares.append(1 - together + together * _agreement(known, 0.0))
    return n * (n - 1) / 2 * float(np.prod(shares))


def by_chance(columns: Columns, n: int, rows: HostArray, tolerance: HostArray | float = 0.0) -> HostArray:
    """(len(rows),) bool, whether a row holds so little that n rows like it may agree by chance somewhere.

    Args:
        rows: that agree with some other row.
        tolerance: two values of a column agree that differ by no more; one, or one a feature.
    """
    table, mine = columns(sampled(np.arange(n), _SAMPLE)), columns(rows)
    log_pairs = np.full(len(rows), np.log(max(1.0, n * (n - 1) / 2)))
    for column, values, within in zip(table.T, mine.T, np.resize(tolerance, table.shape[1]), strict=True):
        known = np.sort(column[~np.isnan(column)])
        count = np.searchsorted(known, values + within, "right") - np.searchsorted(known, values - within, "left")
        # Others than the row and its copy; a rare value counts as no rarer than values of this column mostly are.
        share = np.maximum((count - 2) / max(1, len(known)), _agreement(known, within))
        log_pairs += np.where(np.isnan(values), 0.0, np.log(share))
    return log_pairs + np.log(EXCESS) >= 0


def _agreement(known: HostArray, within: float) -> float:
    """Share of pairs of sorted values that agree; one pair more than there are, so that it is never 0."""
    n = len(known)
    agreeing = np.searchsorted(known, known + within, "right").sum() - n * (n + 1) / 2
    return float(min(1.0, (agreeing + 1) / max(1.0, n * (n - 1) / 2)))
