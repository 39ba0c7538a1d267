"""Index tables: which rows of the cohort each step of a run sees, all runs in one shape."""

import functools
import math

import numpy as np

from pmjax.types import HostArray

IndexTable = tuple[HostArray, HostArray]


def table_shape(sizes: HostArray, batch_size: int, multiple: int = 1) -> tuple[int, int]:
    """Returns (steps, width) of the tables of runs with `sizes` rows each: width is at most about `batch_size`,
    even over steps, and a multiple of `multiple` (the devices that share a batch)."""
    steps = math.ceil(int(np.max(sizes)) / batch_size)
    width = math.ceil(int(np.max(sizes)) / steps)
    return steps, math.ceil(width / multiple) * multiple


def index_table(rows: HostArray, steps: int, width: int) -> IndexTable:
    """Deals `rows`, in their order, over `steps` batches of nearly equal size, none empty while rows suffice.

    Returns:
        Row indices (steps, width) int32 and weights (steps, width) float32: every row once with weight 1; the
        places left over repeat the first row with weight 0.
    """
    place, weight = _deal(len(rows), steps, width)
    table = rows[place] if len(rows) else place
    return table.astype(np.int32), weight


@functools.lru_cache(maxsize=1024)
def _deal(count: int, steps: int, width: int) -> IndexTable:
    """Which of `count` rows goes where; the same for every epoch, so dealt once."""
    if count > steps * width:
        raise ValueError(f"{count} rows do not fit {steps} batches of {width}")
    place = np.zeros((steps, width), np.intp)
    weight = np.zeros((steps, width), np.float32)
    for step, part in enumerate(np.array_split(np.arange(count), steps)):
        place[step, : len(part)] = part
        weight[step, : len(part)] = 1
    for array in (place, weight):
        array.setflags(write=False)
    return place, weight


def shuffled(rows: HostArray, *entropy: int) -> HostArray:
    """Returns `rows` in an order that depends on `entropy` alone, e.g. (study seed, run seed, split, epoch)."""
    return np.random.default_rng(entropy).permutation(rows)


def stack_tables(tables: list[IndexTable]) -> IndexTable:
    """Stacks the tables of R runs on a leading axis R."""
    rows, weight = zip(*tables, strict=True)
    return np.stack(rows), np.stack(weight)
