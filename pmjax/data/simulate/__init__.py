"""Simulated cohorts that know their truth, one modality a file.

A simulator is an endless list of patients of one population: the seed fixes the population, and row i follows from
the seed and i alone. So a cohort of any size is cut out of the list, whole or piece by piece, and the rows after it are
fresh patients of the same population. Rows are drawn in blocks of `BLOCK`, block b from `fold_in(key, b)`, so that a
cut changes no bit of a row and one compiled program serves any size.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import jax
import numpy as np

from pmjax.cohort import Source
from pmjax.errors import UserError
from pmjax.types import AnyArray, Array, HostArray

BLOCK = 500

Rows = Mapping[str, HostArray]


def keys(seed: int) -> tuple[Array, Array]:
    """Return the key of the population's parameters and the key of its rows.

    Raises:
        UserError: for a seed below 0 or above 63 bits.
    """
    if not 0 <= seed < 2**63:
        raise UserError(f"simulation seed {seed}: use a whole number from 0 to 2^63 - 1")
    population, rows = jax.random.split(jax.random.key(seed))
    return population, rows


def blocks(draw: Callable[[Array], Mapping[str, AnyArray]], key: Array, first: int, n: int) -> Iterator[Rows]:
    """Yield rows first … first + n − 1 in order, at most `BLOCK` at a time.

    Args:
        draw: from a block's key to its `BLOCK` rows, by column; axis 0 of every column counts rows.
        key: of the rows (see `keys`).
        first, n: which rows.

    Raises:
        UserError: for no rows, or rows before the first or beyond 32 bits.
    """
    if n < 1 or first < 0 or first + n > 2**32:
        raise UserError(f"simulation of n={n} rows from first={first}: n is at least 1, first at least 0")
    for block in range(first // BLOCK, -(-(first + n) // BLOCK)):
        rows = draw(jax.random.fold_in(key, block))
        cut = slice(max(first - block * BLOCK, 0), first + n - block * BLOCK)
        yield {name: np.asarray(column)[cut] for name, column in rows.items()}


def gather(parts: Iterable[Rows], n: int) -> Rows:
    """Lay n rows out in one array a column, without holding any row twice for longer than its block."""
    whole: dict[str, HostArray] = {}
    at = 0
    for part in parts:
        for name, column in part.items():
            if name not in whole:
                whole[name] = np.empty((n, *column.shape[1:]), column.dtype)
            whole[name][at : at + len(column)] = column
        at += len(next(iter(part.values())))
    return whole


def patient_ids(first: int, n: int) -> HostArray:
    """Name rows first … first + n − 1, (N,) str: the id of a row does not depend on how the list is cut."""
    return np.array([f"sim-{i:07d}" for i in range(first, first + n)])


def simulated(title: str, citation: str, *notes: str) -> Source:
    """Describe a simulated cohort; `citation` names what its design follows."""
    return Source(f"Simulated {title}", citation, "Made by pmjax; free of any licence.", simulated=True, notes=notes)
