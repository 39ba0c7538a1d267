"""Batch effects of sites taken out: ComBat, parametric empirical Bayes, fitted on training rows without labels.

Johnson, Li, Rabinovic: Adjusting batch effects in microarray expression data using empirical Bayes methods,
Biostatistics 8 (2007) 118-127. No label enters, so nothing of the test outcomes can leak; the price is that where
sites differ in the outcome itself, part of that difference goes with the site effect.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pmjax.types import HostArray

UNKNOWN = -1
"""Code of a site that no training row can have; indexing reads it as the last row of the parameters."""

_TOLERANCE = 1e-10
_ITERATIONS = 1000


def site_codes(site: HostArray, levels: Sequence[str]) -> HostArray:
    """Number sites (N,) str by `levels`; one that is not among them is UNKNOWN."""
    number = {name: code for code, name in enumerate(levels)}
    return np.array([number.get(str(name), UNKNOWN) for name in site], np.int32)


def unseen_sites(site: HostArray, train: HostArray) -> tuple[int, ...]:
    """List the codes without a training row; `adjust` leaves their rows as they are, and a report should say so."""
    return tuple(np.setdiff1d(site, site[train]).tolist())


def fit(values: HostArray, site: HostArray, sites: int) -> dict[str, HostArray]:
    """Fit shift and scale of every site, drawn towards what its features have in common.

    Gaps do not count. With fewer than two sites in the rows nothing is changed. Where there are fewer than two
    features to learn a prior from, a site's own mean and variance stand, as they do where all features agree.

    Args:
        values: (n, F), NaN where missing.
        site: (n,) codes in [0, sites).
        sites: S, in all of the cohort, so that every fold has the same shapes.

    Returns:
        `site_scale` and `site_shift`, (S + 1, F), what a site's values are multiplied by and what is added then: 1 and
        0 for a site without rows, and in the last line, which serves unknown sites.
    """
    features = values.shape[1]
    scale, shift = np.ones((sites + 1, features)), np.zeros((sites + 1, features))
    trained = np.unique(site)
    count = (~np.isnan(values)).sum(axis=0)
    grand = np.nansum(values, axis=0) / np.maximum(count, 1)
    residual = values.copy()
    for i in trained:
        residual[site == i] -= _mean(values[site == i])
    pooled = np.sqrt(np.nansum(residual**2, axis=0) / np.maximum(count, 1))
    # A feature that never varies within a site has no scale to standardise by, and stays as it is.
    varies = pooled > 1e-12 * np.maximum(np.abs(grand), 1e-300)
    if len(trained) > 1 and varies.any():
        z = (values[:, varies] - grand[varies]) / pooled[varies]
        for i in trained:
            gamma, delta = _shrink(z[site == i])
            # Equation 5, pooled · (z − γ*) / δ* + grand, as scale · values + shift.
            scale[i, varies] = 1 / np.sqrt(delta)
            shift[i, varies] = grand[varies] - (grand[varies] + pooled[varies] * gamma) * scale[i, varies]
    return {"site_scale": scale, "site_shift": shift}


def adjust(params: Mapping[str, Any], values: Any, site: Any) -> Any:
    """Take out each row's site effect: (B, …, F) by site codes (B,); UNKNOWN or untrained ones stay as they are."""
    xp = values.__array_namespace__()
    shape = (values.shape[0], *(1,) * (values.ndim - 2), values.shape[-1])
    return values * xp.reshape(params["site_scale"][site], shape) + xp.reshape(params["site_shift"][site], shape)


def _mean(values: HostArray) -> HostArray:
    return np.nansum(values, axis=0) / np.maximum((~np.isnan(values)).sum(axis=0), 1)


def _shrink(z: HostArray) -> tuple[HostArray, HostArray]:
    """Posterior shift γ* and variance δ²* of one site from its standardised values (n, F): equations 3 and 4."""
    count = (~np.isnan(z)).sum(axis=0)
    gamma = _mean(z)
    squares = np.nansum((z - gamma) ** 2, axis=0)
    delta = np.where(count > 1, squares / np.maximum(count - 1, 1), 1.0)
    informed, seen = delta[count > 1], gamma[count > 0]
    if len(informed) < 2 or informed.var(ddof=1) == 0:
        return gamma, np.where(delta > 0, delta, 1.0)
    centre, spread = seen.mean(), seen.var(ddof=1)
    mean, variance = informed.mean(), informed.var(ddof=1)
    shape, rate = (2 * variance + mean**2) / variance, (mean * variance + mean**3) / variance
    new_gamma, new_delta = gamma, np.where(delta > 0, delta, mean)
    for _ in range(_ITERATIONS):
        old_gamma, old_delta = new_gamma, new_delta
        new_gamma = (spread * count * gamma + old_delta * centre) / (spread * count + old_delta)
        about = squares + count * (gamma - new_gamma) ** 2
        new_delta = (about / 2 + rate) / (count / 2 + shape - 1)
        if max(np.abs(new_gamma - old_gamma).max(), np.abs(new_delta - old_delta).max()) < _TOLERANCE:
            break
    return new_gamma, new_delta
