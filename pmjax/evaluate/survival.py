"""Metrics of survival predictions, each computed for S resamples of N rows at once (see `classification`).

Rows are (start, time], event; start is 0 unless a row is an interval of a patient whose covariates change with time.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from pmjax.evaluate.classification import Counts, PerResample, ratio

PerRow = Float[np.ndarray, " N"]
Events = Bool[np.ndarray, " N"]
_PAIRS_AT_ONCE = 4_000_000

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
    form. The pair matrix is applied to resamples as a product; float32 is exact for these counts and halves.
    """
    concordant, comparable = np.zeros(len(weight)), np.zeros(len(weight))
    for f in np.unique(fold):
        rows = np.flatnonzero(fold == f)
        failing = rows[event[rows]]
        counts = np.ascontiguousarray(weight[:, rows], dtype=np.float32)
        step = max(1, _PAIRS_AT_ONCE // len(rows))
        for at in range(0, len(failing), step):
            i = failing[at : at + step]
            t, r = time[i][:, None], risk[i][:, None]
            valid = (start[rows] < t) & ((time[rows] > t) | ((time[rows] == t) & ~event[rows]))
            right = valid * ((r > risk[rows]) + 0.5 * (r == risk[rows]))
            drawn = np.ascontiguousarray(weight[:, i], dtype=np.float32)
            concordant += _bilinear(drawn, right.astype(np.float32), counts)
            comparable += _bilinear(drawn, valid.astype(np.float32), counts)
    return ratio(concordant, comparable)


def cox_loss(start: PerRow, time: PerRow, event: Events, risk: PerRow) -> float:
    """Compute the negative Cox partial log-likelihood of log-hazards per event, ties by Efron (1977).

    NaN where there is no event.
    """
    if not event.any():
        return float("nan")
    shift = risk.max()  # the likelihood does not change when every risk is shifted; the exponential stays finite
    hazard = np.exp(risk - shift)
    times, which = np.unique(time[event], return_inverse=True)
    at_risk = ((start < times[:, None]) & (time >= times[:, None])) @ hazard
    tied = np.bincount(which, weights=hazard[event])
    failures = np.bincount(which)
    order = np.argsort(which, kind="stable")
    rank = np.empty(len(which))
    rank[order] = np.arange(len(which)) - np.repeat(np.cumsum(failures) - failures, failures)
    within = at_risk[which] - rank / failures[which] * tied[which]
    # Rounding may empty a risk set whose members differ by hundreds in log-hazard.
    within = np.maximum(within, np.finfo(np.float64).tiny)
    return float(np.mean(np.log(within) + shift - risk[event]))


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
        The distinct times and the probability to be beyond each.
    """
    order = np.argsort(time, kind="stable")
    times, first = np.unique(time[order], return_index=True)
    total = np.add.reduceat(weight[:, order], first, axis=1)
    failed = np.add.reduceat(weight[:, order] * event[order], first, axis=1)
    at_risk = total[:, ::-1].cumsum(axis=1)[:, ::-1]
    if censoring:
        at_risk, failed = at_risk - failed, total - failed
    share = np.divide(failed, at_risk, out=np.zeros_like(failed), where=at_risk > 0)
    return times, np.cumprod(1 - share, axis=1)


def survival_at(
    times: Float[np.ndarray, " U"], curve: Float[np.ndarray, "S U"], at: Float[np.ndarray, " M"]
) -> Float[np.ndarray, "S M"]:
    """Read a step curve at given times (1 before the first step)."""
    padded = np.concatenate([np.ones((len(curve), 1)), curve], axis=1)
    return padded[:, np.searchsorted(times, at, side="right")]


def brier_at(time: PerRow, event: Events, survival: PerRow, horizon: float, weight: Counts) -> PerResample:
    """Compute the Brier score at `horizon`, rows weighted by the inverse probability of being uncensored.

    Graf et al. 1999, Stat. Med. 18:2529: mean of S²·1(t ≤ h, event)/G(t) + (1−S)²·1(t > h)/G(h).
    """
    times, G = product_limit(time, event, weight, censoring=True)
    early, late = event & (time <= horizon), time > horizon
    with np.errstate(divide="ignore", invalid="ignore"):
        cases = weight[:, early] / survival_at(times, G, time[early])
        controls = weight[:, late] / survival_at(times, G, np.array([horizon]))
    cases[weight[:, early] == 0] = 0  # a row that was not drawn says nothing, whatever its G
    squared = cases @ survival[early] ** 2 + controls @ (1 - survival[late]) ** 2
    score = ratio(squared, weight.sum(axis=1))
    return np.where(np.isfinite(score), score, np.nan)


def observed_expected_at(time: PerRow, event: Events, survival: PerRow, horizon: float, weight: Counts) -> PerResample:
    """Divide the Kaplan-Meier risk at `horizon` by the mean predicted risk."""
    times, curve = product_limit(time, event, weight)
    observed = 1 - survival_at(times, curve, np.array([horizon]))[:, 0]
    return ratio(observed * weight.sum(axis=1), weight @ (1 - survival))


def _bilinear(drawn: np.ndarray, pairs: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Add up drawn_i · pairs_ij · counts_j for each resample, exactly."""
    return np.einsum("sj,sj->s", drawn @ pairs, counts, dtype=np.float64)
