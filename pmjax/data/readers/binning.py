"""Binning: from single readings to cells of a grid, by their last, mean, least, greatest or number."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from pmjax.errors import UserError
from pmjax.types import HostArray

LIMIT_CELLS = 1 << 29
"""Cells that a dense grid may have: 2 GiB of float32."""
ABSURD = 1e30
"""No measurement is as large; float32 holds all below."""


def summarise(
    cells: HostArray, values: HostArray, shape: tuple[int, ...], how: str, dtype: type = np.float32
) -> HostArray:
    """Fill a grid of `shape` from readings: `cells` (K,) flat int indices, `values` (K,) finite, in order of time.

    `how` is one of SUMMARIES. Cells without a reading are NaN, and 0 for `count`.

    Raises:
        UserError: `how` is unknown, or the grid would have more than LIMIT_CELLS cells.
    """
    if how not in SUMMARIES:
        raise UserError(f"the summary {how!r} of a bin is unknown; use one of {', '.join(SUMMARIES)}")
    check_size(shape)
    where, used = pd.factorize(np.asarray(cells, np.int64))
    grid: HostArray = np.full(int(np.prod(shape)), 0 if how == "count" else np.nan, dtype)
    grid[used] = SUMMARIES[how](where, np.asarray(values, np.float64), len(used))
    return grid.reshape(shape)


def check_size(shape: tuple[int, ...]) -> None:
    """Refuse a grid that is too large, before anything is allocated."""
    cells = 1
    for length in shape:
        cells *= length
    if cells > LIMIT_CELLS:
        raise UserError(
            f"a grid of {' × '.join(map(str, shape))} has {cells} cells, more than {LIMIT_CELLS}; "
            "choose wider bins, a shorter window or fewer codes"
        )


def _last(where: HostArray, values: HostArray, n: int) -> HostArray:
    order = np.zeros(n, np.int64)
    np.maximum.at(order, where, np.arange(len(where)))
    return values[order] if n else values


def _count(where: HostArray, _: HostArray, n: int) -> HostArray:
    return np.bincount(where, minlength=n)


def _mean(where: HostArray, values: HostArray, n: int) -> HostArray:
    return np.bincount(where, values, minlength=n) / np.bincount(where, minlength=n)


def _min(where: HostArray, values: HostArray, n: int) -> HostArray:
    least = np.full(n, np.inf)
    np.minimum.at(least, where, values)
    return least


def _max(where: HostArray, values: HostArray, n: int) -> HostArray:
    return -_min(where, -values, n)


SUMMARIES: dict[str, Callable[[HostArray, HostArray, int], HostArray]] = {
    "mean": _mean,
    "last": _last,
    "min": _min,
    "max": _max,
    "count": _count,
}
