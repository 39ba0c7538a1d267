"""Imputation, scaling and what `Preparation` adds: fitted on training rows alone, applied in or outside a jitted step.

What is done is written in the parameters themselves: a step of the way whose parameters are not there is not taken.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pmjax.cohort import Modality
from pmjax.errors import UserError
from pmjax.prepare import fill
from pmjax.prepare.columns import adjust, fit_columns, wide
from pmjax.prepare.pixels import channel_statistics
from pmjax.prepare.preparation import Params, Preparation
from pmjax.prepare.select import best_features
from pmjax.task import Task
from pmjax.types import HostArray

CLIP = 10.0
"""Standardised values are cut at ± this many sd, so that one wild value cannot dominate a float32 sum."""

_DEFAULT = Preparation()
# Not one number a column, and so not thinned out when columns are selected.
_OF_NO_COLUMN = ("clock", "indicators", "selected")


def fit(
    modality: Modality,
    train: HostArray,
    *,
    preparation: Preparation = _DEFAULT,
    site: HostArray | None = None,
    task: Task | None = None,
) -> Params:
    """Fit median, mean and sd of every feature on the training rows, and what `preparation` asks for.

    As scikit-learn's SimpleImputer(median) and then StandardScaler: mean and sd (over n) are those after
    imputation. Padded steps and rows without the modality do not count. One-hot sequences are left as they are.

    Args:
        train: (N,) bool.
        site: (N,) int codes from 0, the same in all folds; `harmonise` needs them.
        task: `select` needs it, and reads the outcomes of training rows alone.

    Returns:
        float32 (F,) each: `median`, `mean`, `scale`. `scale` is 0 where the column is constant, or has no value
        in the training rows. With a preparation also some of `log`, `lower`, `upper` (F,), `site_scale`,
        `site_shift` (S + 1, F), `age_mean`, `age_scale` (F,), `clock` (), `indicators` (I,), `selected` (F,), all
        of the F features that are selected.

    Raises:
        UserError: an option does not fit the modality, or there is no training row.
    """
    preparation.check(modality)
    rows = np.flatnonzero(train & modality.observed)
    if not len(rows):
        raise UserError(f"no training row has this {modality.kind}; leave it out, or use fewer folds")
    features = len(modality.features)
    if modality.kind == "sequence":
        zero, one = np.zeros(features), np.ones(features)
        params = {"median": zero, "mean": zero, "scale": one}
    elif modality.kind == "image":
        params = dict(zip(("median", "mean", "scale"), channel_statistics(modality.values, rows), strict=True))
    else:
        params = fit_columns(modality, rows, preparation, site)
    params = {name: value.astype(np.float32) for name, value in params.items()}
    if preparation.clock:
        params["clock"] = np.array(modality.features.index(preparation.clock), np.int32)
    if preparation.select:
        params = _select(params, modality, rows, preparation.select, site, task)
    if preparation.indicators and (gaps := missing_columns(modality)):
        # Another choice of columns in each fold, but the same number of them.
        told = np.arange(len(params["selected"])) if "selected" in params else np.array(gaps)
        params["indicators"] = told.astype(np.int32)
    return params


def fit_folds(modality: Modality, train: HostArray, **keywords: Any) -> Params:
    """Fit on each of the S training parts (S, N), keywords as of `fit`; parameters have a leading axis S."""
    fitted = [fit(modality, rows, **keywords) for rows in train]
    return {name: np.stack([params[name] for params in fitted]) for name in fitted[0]}


def _select(
    params: Params, modality: Modality, rows: HostArray, k: int, site: HostArray | None, task: Task | None
) -> Params:
    if task is None:
        raise ValueError("selection needs the task")
    x = apply(params, modality.values[rows], site=None if site is None else site[rows])
    selected = best_features(x, task, rows, k)
    thinned = {name: v if name in _OF_NO_COLUMN else v[..., selected] for name, v in params.items()}
    return {**thinned, "selected": selected}


def missing_columns(modality: Modality) -> tuple[int, ...]:
    """Number the features with a gap anywhere in the cohort, so that the width is the same in all folds."""
    if modality.values.dtype.kind != "f":
        return ()
    missing = np.isnan(modality.values)
    if modality.mask is not None:
        missing &= modality.mask[..., None]
    missing = missing[modality.observed]
    return tuple(np.flatnonzero(missing.reshape(-1, len(modality.features)).any(axis=0)).tolist())


def output_features(modality: Modality, params: Mapping[str, HostArray]) -> tuple[str, ...]:
    """Name the columns that `apply` returns with the parameters of one fold."""
    names = tuple(modality.features[c] for c in params.get("selected", range(len(modality.features))))
    ages = tuple(f"time since {name}" for name in names) if "age_scale" in params else ()
    return (*names, *ages, *(f"{names[c]} is missing" for c in params.get("indicators", ())))


def apply(
    params: Mapping[str, Any],
    values: Any,
    mask: Any = None,
    *,
    site: Any = None,
    present: Any = None,
    clip: float = CLIP,
) -> Any:
    """Impute and standardise as fitted; NumPy arrays stay NumPy, JAX arrays stay JAX (jit and vmap are fine).

    Args:
        params: of `fit`, of one fold.
        values: (…, F), NaN where missing; uint8 is fine.
        mask: (…) bool, False where a step is padding.
        site: (B,) codes, where the fit harmonised; `harmonise.UNKNOWN` for a site that the fit could not know.
        present: (B,) bool, False for rows without this modality, which come out as 0.
        clip: bound of the standardised values; infinite for a solver that needs none.

    Returns:
        float32 (…, columns of `output_features`) without NaN, within ± clip; 0 where padded, where the modality is
        absent and where a column is constant. Negative values of a log1p feature, which training rows lack, are
        read as 0.
    """
    xp = values.__array_namespace__()
    if "selected" in params:
        values = xp.take(values, params["selected"], axis=-1)
    values = xp.astype(values, xp.float32)
    missing, age = xp.isnan(values), None
    if "age_scale" in params:
        values, age = fill.carry_forward(values, mask, params.get("clock"))
    values = adjust(params, values, site)
    centred = xp.where(xp.isnan(values), wide(params["median"], values), values) - wide(params["mean"], values)
    outputs = _standardise(centred, params["scale"], clip)
    if age is not None:
        age = _standardise(age - wide(params["age_mean"], age), params["age_scale"], clip)
        outputs = xp.concat([outputs, age], axis=-1)
    if "indicators" in params:
        gaps = xp.take(missing, params["indicators"], axis=-1)
        outputs = xp.concat([outputs, xp.astype(gaps, xp.float32)], axis=-1)
    if present is not None:
        here = xp.reshape(present, (-1,) + (1,) * (outputs.ndim - 1))
        outputs = xp.where(here, outputs, xp.zeros_like(outputs))
    return outputs if mask is None else xp.where(xp.expand_dims(mask, -1), outputs, xp.zeros_like(outputs))


def _standardise(centred: Any, scale: Any, clip: float) -> Any:
    xp = centred.__array_namespace__()
    scale = wide(scale, centred)
    # A constant column divides by 1 first: no 0/0, also not in a gradient.
    scaled = xp.where(scale > 0, centred / xp.where(scale > 0, scale, 1.0), 0.0)
    return xp.astype(xp.clip(scaled, -clip, clip), xp.float32)
