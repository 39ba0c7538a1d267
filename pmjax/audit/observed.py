"""What was observed of a modality, block by block, so that no check copies a whole cohort."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pmjax.cohort import Cohort, Modality
from pmjax.task import Classify
from pmjax.types import HostArray

BLOCK = 1 << 22
"""Values that a block may hold: 32 MiB as float64."""


def blocks(modality: Modality) -> Iterator[slice]:
    """Cut the rows into slices of at most BLOCK values (one row, where a row has more)."""
    step = max(1, BLOCK // max(1, modality.values[:1].size))
    yield from (slice(low, low + step) for low in range(0, len(modality.values), step))


def observed(modality: Modality, rows: slice | HostArray) -> tuple[HostArray, HostArray]:
    """Read some rows as cells: values, 0 where nothing was observed, and whether something was.

    Gaps, padded steps and modalities that a patient lacks are not observed.

    Returns:
        (n, cells) of the modality's type, −0 as 0, and (n, cells) bool.
    """
    values = modality.values[rows]
    seen = np.ones(values.shape, bool) if values.dtype.kind != "f" else ~np.isnan(values)
    deep = (...,) + (None,) * (values.ndim - 2)
    if modality.mask is not None:
        seen &= modality.mask[rows][deep]
    if modality.present is not None:
        seen &= modality.present[rows][(..., None, *deep[1:])]
    zero = values.dtype.type(0)
    return (np.where(seen, values, zero) + zero).reshape(len(values), -1), seen.reshape(len(values), -1)


def sampled(rows: HostArray, most: int) -> HostArray:
    """Draw `most` of the rows, the same at every call, in ascending order; all, where there are no more."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False))


def outcome_columns(cohort: Cohort) -> list[HostArray]:
    """(N,) each: what is known of the outcome: the class, or time, event and start."""
    task = cohort.task
    if isinstance(task, Classify):
        return [task.label]
    return [task.time, task.event.astype(float), *([] if task.start is None else [task.start])]


def outcome_codes(cohort: Cohort) -> HostArray:
    """(N,) int, equal where everything that is known of the outcome is equal."""
    columns = outcome_columns(cohort)
    return pd.DataFrame(np.column_stack(columns)).groupby(list(range(len(columns)))).ngroup().to_numpy()
