"""Metrics of survival predictions, each computed for S resamples of N rows at once (see `classification`).

Rows are (start, time], event; start is 0 unless a row is an interval of a patient whose covariates change with time.
"""

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from pmjax import efron
from pmjax.evaluate.classification import Counts, PerResample, ratio
from pmjax.evaluate.concordance import concordance

PerRow = Float[np.ndarray, " N"]
Events = Bool[np.ndarray, " N"]

DEFINITIONS = {
    "harrell_c": "Harrell's C within folds, tied risks half, tied event times not compared",
    "brier": "IPCW Brier score (Graf 1999), censoring by Kaplan-Meier on the same patients",
    "observed_expected": "Kaplan-Meier risk over mean predicted risk",
}


def harrell_c(
    start: PerRow, time: PerRow, event: Events, risk: PerRow, fold: Int[np.ndarray, " N"], weight: Counts
) -> PerResample:
    """Compute the share of comparable pairs in which the row that fails first has the larger risk.

    A failing row is compared with the rows of its fold at risk then (start < t <= time) that do not fail at the same
    time; a row censored at t outlives an event at t. Tied risks count half. Harrell et al. 1996, in counting-process
    form. Exact, in O(n log n): see module `concordance`.
    """
    concordant, comparable = np.zeros(len(weight)), np.zeros(len(weight))
    for f in pd.unique(fold):  # NumPy's takes longer than all the counting
        rows = np.flatnonzero(fold == f)
        if event[rows].any():
            in_fold = concordance(start[rows], time[rows], event[rows], risk[rows], weight[:, rows])
            concordant, comparable = concordant + in_fold[0], comparable + in_fold[1]
    return ratio(concordant, comparable)


def cox_loss(start: PerRow, time: PerRow, event: Events, risk: PerRow) -> float:
    """Compute the negative Cox partial log-likelihood of log-hazards per event, ties by Efron (1977).

    NaN where there is no event, or a risk is not finite.
    """
    if not event.any() or not np.isfinite(risk).all():
        return float("nan")
    return -efron.log_likelihood(efron.risk_sets(start, time, event), risk)[0] / int(event.sum())


def product_limit(
    time: PerRow, event: Events, weight: Counts, *, censoring: bool = False
) -> tuple[Float[np.ndarray, " U"], Float[np.ndarray, "S U"]]:
    """Estimate the Kaplan-Meier curve (paper eq. 8) of every resample.

    Args:
        time: observed times, all from zero.
        event: whether the event was seen.
        weight: resample counts.
        censoring: estimate the distribution of censoring instead; events come before censorings at the same time.

    Returns:
        The U distinct times at which the curve may step down, and the probability to be beyond each.
    """
    order = np.argsort(time)
    ordered, w = time[order], weight[:, order]
    begins = np.diff(ordered, prepend=np.nan, append=np.nan) != 0
    edges, run = np.flatnonzero(begins), np.cumsum(begins) - 1
    fails = np.flatnonzero(event[order] != censoring)
    first = np.flatnonzero(np.diff(run[fails], prepend=-1))
    step = run[fails[first]]
    left = np.zeros((len(w), len(order) + 1))  # at or behind each place in line
    np.cumsum(w[:, ::-1], axis=1, out=left[:, -2::-1])
    failed = w[:, fails]
    if len(step) < len(fails):
        failed = np.add.reduceat(failed, first, axis=1)
    at_risk = left[:, edges[step + 1]] + failed if censoring else left[:, edges[step]]
    failed /= np.maximum(at_risk, 1)
    return ordered[edges[step]], np.cumprod(1 - failed, axis=1)


def survival_at(
    times: Float[np.ndarray, " U"], curve: Float[np.ndarray, "S U"], at: Float[np.ndarray, " M"]
) -> Float[np.ndarray, "S M"]:
    """Read a step curve at given times (1 before the first step)."""
    steps = np.searchsorted(times, at, side="right")
    values = np.ones((len(curve), len(at)))
    values[:, steps > 0] = curve[:, steps[steps > 0] - 1]
    return values


def brier_at(time: PerRow, event: Events, survival: PerRow, horizon: float, weight: Counts) -> PerResample:
    """Compute the Brier score at `horizon`: `brier_curve` of one."""
    return brier_curve(time, event, survival[:, None], np.array([horizon]), weight)[:, 0]


def brier_curve(
    time: PerRow,
    event: Events,
    survival: Float[np.ndarray, "N H"],
    horizons: Float[np.ndarray, " H"],
    weight: Counts,
) -> Float[np.ndarray, "S H"]:
    """Compute the Brier score at each horizon h, rows weighted by the inverse probability of being uncensored.

    Graf et al. 1999, Stat. Med. 18:2529: mean of S²·1(t ≤ h, event)/G(t) + (1−S)²·1(t > h)/G(h).
    """
    times, G = product_limit(time, event, weight, censoring=True)
    failing = np.flatnonzero(event & (time <= horizons.max()))
    failing = failing[np.argsort(time[failing])]
    drawn, total = weight[:, failing], weight.sum(axis=1)
    scores = np.empty((len(weight), len(horizons)))
    with np.errstate(divide="ignore", invalid="ignore"):
        cases = drawn / survival_at(times, G, time[failing])
        cases[drawn == 0] = 0  # a row that was not drawn says nothing, whatever its G
        for k, (h, S) in enumerate(zip(horizons, survival.T, strict=True)):
            early, late = failing[: np.searchsorted(time[failing], h, side="right")], time > h
            controls = weight @ (late * (1 - S) ** 2) / survival_at(times, G, horizons[k : k + 1])[:, 0]
            scores[:, k] = ratio(cases[:, : len(early)] @ S[early] ** 2 + (controls if late.any() else 0), total)
    return np.where(np.isfinite(scores), scores, np.nan)


def observed_expected_at(time: PerRow, event: Events, survival: PerRow, horizon: float, weight: Counts) -> PerResample:
    """Divide the Kaplan-Meier risk at `horizon` by the mean predicted risk."""
    times, curve = product_limit(time, event, weight)
    observed = 1 - survival_at(times, curve, np.array([horizon]))[:, 0]
    return ratio(observed * weight.sum(axis=1), weight @ (1 - survival))
