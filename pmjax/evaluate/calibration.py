"""Calibration: do predicted probabilities match what happened? (Van Calster et al. 2019, BMC Medicine 17:230)

Slope b and intercept a as defined there: b from logit P(y) = a' + b·logit(p) (1 is right, below 1 too extreme);
a from logit P(y) = a + logit(p) with the slope held at 1 (0 is right, above 0 too low on the whole). Both for S
resamples at once; NaN where there is no finite maximum of the likelihood (one class only, or perfect separation).
"""

import numpy as np
from jaxtyping import Bool, Float

from pmjax.evaluate.classification import Counts, Labels, PerResample, Probabilities, one_vs_rest, ratio

# Probabilities are stored as float32: nearer to 0 or 1 than its eps they carry no information.
_EPS = float(np.finfo(np.float32).eps)
_STEPS = 40
_TOLERANCE = 1e-9

DEFINITIONS = {
    "calibration_slope": "logistic recalibration, slope of logit(p)",
    "calibration_intercept": "calibration in the large, slope held at 1",
    "observed_expected": "observed events over the sum of probabilities",
}


def logit(p: Float[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
    """Compute log odds of p, held float32 eps away from 0 and 1."""
    p = np.clip(p, _EPS, 1 - _EPS)
    return np.log(p) - np.log1p(-p)


def slope(truth: Bool[np.ndarray, " N"], p: Float[np.ndarray, " N"], weight: Counts) -> PerResample:
    """Fit the calibration slope by Newton's method in every resample, started at the fit of all together."""
    x = logit(p)
    spread = x.std()
    if spread == 0:
        return np.full(len(weight), np.nan)
    z = (x - x.mean()) / spread
    together = _newton(truth, z, weight.mean(axis=0, keepdims=True), np.zeros((1, 2)))
    if np.isnan(together).any():  # no resample of separable rows has a maximum either
        return np.full(len(weight), np.nan)
    return _newton(truth, z, weight, np.repeat(together, len(weight), axis=0))[:, 1] / spread


def intercept(truth: Bool[np.ndarray, " N"], p: Float[np.ndarray, " N"], weight: Counts) -> PerResample:
    """Fit the intercept with offset logit(p): the root of Σ w (y − 1/(1 + e^{−a}(1−p)/p)) = 0."""
    against = np.exp(-logit(p))
    total, events = weight.sum(axis=1), weight @ truth
    a = np.where((events > 0) & (events < total), 0.0, np.nan)
    for _ in range(_STEPS):
        denominator = np.multiply.outer(np.exp(-a), against)
        denominator += 1
        expected = weight / denominator
        sums = expected.sum(axis=1)
        expected /= denominator
        error, curvature = events - sums, sums - expected.sum(axis=1)
        step = np.clip(error / curvature, -2, 2)  # a whole Newton step may overshoot where the curve is flat
        a = a + step
        if not (np.abs(step) > _TOLERANCE).any():
            break
    else:
        a[np.abs(step) > _TOLERANCE] = np.nan
    return a


def observed_expected(truth: Bool[np.ndarray, " N"], p: Float[np.ndarray, " N"], weight: Counts) -> PerResample:
    """Divide observed events by the sum of predicted probabilities."""
    return ratio(weight @ truth, weight @ p)


METRICS = {
    "calibration_slope": slope,
    "calibration_intercept": intercept,
    "observed_expected": observed_expected,
}


def calibration(
    label: Labels, probability: Probabilities, weight: Counts, names: tuple[str, ...] = tuple(METRICS)
) -> dict[str, PerResample]:
    """Compute the named metrics of `METRICS` for each resample."""
    K = probability.shape[1]
    return {name: one_vs_rest(METRICS[name], label, probability, K, weight) for name in names}


def _newton(
    truth: np.ndarray, z: np.ndarray, weight: np.ndarray, start: Float[np.ndarray, "S 2"]
) -> Float[np.ndarray, "S 2"]:
    """Maximise each resample's logistic likelihood of (a, b) in a + b z; NaN where it has no finite maximum."""
    fitted = np.full_like(start, np.nan)
    active, current, w = np.arange(len(start)), start, weight
    # q is the probability of the class that was not seen: small where a fit is good, and then it is exact.
    side = np.where(truth, 1.0, -1.0)
    basis = np.stack([np.ones_like(z), z, z * z], axis=1)
    signed = side[:, None] * basis[:, :2]
    for _ in range(_STEPS):
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            denominator = np.exp(current @ signed.T)
            denominator += 1
            q = w / denominator
            gradient, curvature = q @ signed, q @ basis
            q /= denominator
            h0, h1, h2 = (curvature - q @ basis).T
            inverse = np.stack([h2, -h1, -h1, h0], axis=1).reshape(-1, 2, 2) / (h0 * h2 - h1 * h1)[:, None, None]
            step = np.clip(np.einsum("sij,sj->si", inverse, gradient), -2, 2)
        current = current + step
        size = np.abs(step).max(axis=1)
        done = size < _TOLERANCE
        fitted[active[done]] = current[done]
        going = ~done & np.isfinite(size)
        if not going.any():
            break
        if not going.all():
            active, current, w = active[going], current[going], w[going]
    return fitted
