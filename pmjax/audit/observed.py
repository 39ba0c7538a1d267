"""What was observed of a modality, block by block, so that no check copies a whole cohort."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pmjax.cohort import Cohort, Modality
from pmjax.task import Classify
from pmjax.types import HostArray

BLOCK = 1 << 22
"""Values that a block may hold: 32 MiB as float64."""

_FIRST = 100


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


def moments(modality: Modality) -> tuple[HostArray, HostArray, HostArray]:
    """Count, mean and sd (over n) of each feature over what was observed, (F,) float64; sd is 0 where constant."""
    features = len(modality.features)
    count, total, squares = (np.zeros(features) for _ in range(3))
    # Near the mean, so that the sum of squares does not cancel.
    values, seen = (a.reshape(-1, features) for a in observed(modality, slice(0, _FIRST)))
    shift = values.sum(axis=0, dtype=np.float64) / np.maximum(1, seen.sum(axis=0))
    for rows in blocks(modality):
        values, seen = (a.reshape(-1, features) for a in observed(modality, rows))
        centred = np.where(seen, values - shift, 0.0)
        count += seen.sum(axis=0)
        total += centred.sum(axis=0)
        squares += (centred**2).sum(axis=0)
    n = np.maximum(count, 1)
    mean, second = total / n, squares / n
    variance = second - mean**2
    # Rounding leaves a constant column with a variance of about 1e-16 of its square.
    varies = variance > 1e-12 * np.maximum(second, (mean + shift) ** 2 * 1e-8)
    return count, mean + shift, np.where(varies, np.sqrt(np.maximum(variance, 0)), 0.0)


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
