"""Statistics of the columns of tables and series, and the steps of the way that leave gaps as gaps."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pmjax.cohort import Modality
from pmjax.errors import UserError
from pmjax.prepare import fill, harmonise
from pmjax.prepare.preparation import EVERY, Params, Preparation
from pmjax.types import HostArray


def fit_columns(modality: Modality, rows: HostArray, preparation: Preparation, site: HostArray | None) -> Params:
    """Fit `log`, cuts, site effects, `median`, ages, `mean` and `scale` on `rows` (n,), as `transforms.fit` says.

    What needs a distribution is fitted on what was seen, mean and scale on what `apply` will make of it.
    """
    raw, mask = modality.values[rows], None if modality.mask is None else modality.mask[rows]
    values = _real(raw, mask).astype(np.float64)
    steps = raw[0, ..., 0].size if mask is None else mask.sum(axis=1)
    codes = None if site is None else np.repeat(site[rows], steps)
    params: Params = {}
    if preparation.logged:
        params["log"] = np.isin(modality.features, preparation.logged) | (EVERY in preparation.logged)
        _refuse_negative(values, params["log"], modality.features)
    if preparation.winsorise:
        cuts = _quantiles(adjust(params, values, codes), (preparation.winsorise, 1 - preparation.winsorise))
        params["lower"], params["upper"] = cuts
    if preparation.harmonise:
        if site is None or codes is None:
            raise UserError("prepare.harmonise: the cohort records no sites; drop it")
        params |= harmonise.fit(adjust(params, values, codes), codes, int(site.max()) + 1)
    seen = adjust(params, values, codes)
    median = _quantiles(seen, (0.5,))[0]
    if preparation.forward_fill:
        clock = modality.features.index(preparation.clock) if preparation.clock else None
        filled, age = (
            _real(x, mask).astype(np.float64) for x in fill.carry_forward(raw.astype(np.float32), mask, clock)
        )
        if (age < 0).any():
            raise UserError(f"prepare.clock: {preparation.clock!r} runs backwards in a training row; sort the steps")
        seen = adjust(params, filled, codes)
        params |= {"age_mean": age.mean(axis=0), "age_scale": _scale(age)}
    imputed = np.where(np.isnan(seen), median, seen)
    return {**params, "median": median, "mean": imputed.mean(axis=0), "scale": _scale(imputed)}


def _real(values: HostArray, mask: HostArray | None) -> HostArray:
    """Rows of columns (n, F): every row of a table, every real step of a series."""
    return values.reshape(-1, values.shape[-1]) if mask is None else values[mask]


def _scale(values: HostArray) -> HostArray:
    return np.where(np.ptp(values, axis=0) == 0, 0, values.std(axis=0))


def _quantiles(values: HostArray, probabilities: tuple[float, ...]) -> HostArray:
    """Quantiles of what is there, (Q, F); 0 for a column without values."""
    found = np.zeros((len(probabilities), values.shape[1]))
    some = ~np.isnan(values).all(axis=0)
    if probabilities == (0.5,):
        found[0, some] = np.nanmedian(values[:, some], axis=0)
    else:
        found[:, some] = np.nanquantile(values[:, some], probabilities, axis=0)
    return found


def _refuse_negative(values: HostArray, logged: HostArray, features: tuple[str, ...]) -> None:
    below = (values < 0).any(axis=0) & logged
    if below.any():
        raise UserError(f"prepare.log1p: {features[int(np.argmax(below))]!r} has values below 0; leave it out")


def wide(param: Any, values: Any) -> Any:
    """Gives (F,) the axes of (…, F)."""
    return values.__array_namespace__().reshape(param, (1,) * (values.ndim - 1) + (-1,))


def adjust(params: Mapping[str, Any], values: Any, site: Any) -> Any:
    """Logarithm, cuts and site effects; gaps stay gaps."""
    xp = values.__array_namespace__()
    if "log" in params:
        values = xp.where(wide(params["log"], values) > 0, xp.log1p(xp.maximum(values, 0)), values)
    if "lower" in params:
        values = xp.clip(values, wide(params["lower"], values), wide(params["upper"], values))
    if "site_scale" in params:
        if site is None:
            raise ValueError("the fit harmonised sites; give the sites of the rows")
        values = harmonise.adjust(params, values, site)
    return values
