"""Imputation and scaling: fitted on training rows alone, applied inside or outside a compiled step."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pmjax.cohort import Modality
from pmjax.types import HostArray

CLIP = 10.0
"""Standardised values are cut at ± this many sd, so that one wild value cannot dominate a float32 sum."""

Params = dict[str, HostArray]


def fit(modality: Modality, train: HostArray) -> Params:
    """Fit median, mean and sd of every feature on the training rows.

    As scikit-learn's SimpleImputer(median) and then StandardScaler: mean and sd (over n) are those after
    imputation. Padded steps do not count. One-hot sequences are left as they are.

    Args:
        train: (N,) bool.

    Returns:
        float32 (F,) each: `median`, `mean`, `scale`. `scale` is 0 where the column is constant, or has no value
        in the training rows.
    """
    features = len(modality.features)
    if modality.kind == "sequence":
        zero, one = np.zeros(features, np.float32), np.ones(features, np.float32)
        return {"median": zero, "mean": zero, "scale": one}
    values = modality.values[train]
    values = values.reshape(-1, features) if modality.mask is None else values[modality.mask[train]]
    values = values.astype(np.float64)
    missing = np.isnan(values)
    empty = missing.all(axis=0)
    median = np.zeros(features)
    median[~empty] = np.nanmedian(values[:, ~empty], axis=0)
    values = np.where(missing, median, values)
    constant = np.ptp(values, axis=0) == 0
    scale = np.where(constant, 0, values.std(axis=0))
    return {k: v.astype(np.float32) for k, v in (("median", median), ("mean", values.mean(axis=0)), ("scale", scale))}


def fit_folds(modality: Modality, train: HostArray) -> Params:
    """Fit on each of the S training parts (S, N); parameters have a leading axis S."""
    fitted = [fit(modality, rows) for rows in train]
    return {name: np.stack([params[name] for params in fitted]) for name in fitted[0]}


def missing_columns(modality: Modality) -> tuple[int, ...]:
    """Number the features with a gap anywhere in the cohort, so that the width is the same in all folds."""
    missing = np.isnan(modality.values)
    if modality.mask is not None:
        missing &= modality.mask[..., None]
    return tuple(np.flatnonzero(missing.reshape(-1, len(modality.features)).any(axis=0)).tolist())


def output_features(modality: Modality, indicators: tuple[int, ...] = ()) -> tuple[str, ...]:
    """Name the columns that `apply` returns."""
    return (*modality.features, *(f"{modality.features[c]} is missing" for c in indicators))


def apply(
    params: Mapping[str, Any],
    values: Any,
    mask: Any = None,
    *,
    indicators: tuple[int, ...] = (),
    clip: float = CLIP,
) -> Any:
    """Impute by the median and standardise; NumPy arrays stay NumPy, JAX arrays stay JAX (jit and vmap are fine).

    Args:
        params: of `fit`, (F,) each.
        values: (…, F), NaN where missing.
        mask: (…) bool, False where a step is padding.
        indicators: features for which a 0/1 column "is missing" is appended; see `missing_columns`.
        clip: bound of the standardised values; infinite for a solver that needs none.

    Returns:
        float32 (…, F + len(indicators)) without NaN, within ± clip; 0 where padded and where a column is constant.
    """
    xp = values.__array_namespace__()
    wide = (1,) * (values.ndim - 1) + (-1,)
    median, mean, scale = (xp.reshape(params[name], wide) for name in ("median", "mean", "scale"))
    values = xp.astype(values, xp.float32)
    missing = xp.isnan(values)
    centred = xp.where(missing, median, values) - mean
    # A constant column divides by 1 first: no 0/0, also not in a gradient.
    scaled = xp.where(scale > 0, centred / xp.where(scale > 0, scale, 1.0), 0.0)
    outputs = xp.astype(xp.clip(scaled, -clip, clip), xp.float32)
    if indicators:
        gaps = xp.astype(missing[..., np.asarray(indicators)], xp.float32)
        outputs = xp.concat([outputs, gaps], axis=-1)
    return outputs if mask is None else xp.where(xp.expand_dims(mask, -1), outputs, xp.zeros_like(outputs))
