"""Bootstrap over patients: who is in each resample, and the 95 % interval of what was computed on them.

Percentile interval (Efron and Tibshirani 1993, ch. 13). A resample draws whole patients with replacement, so rows of
one patient stay together. All models and replicates are judged on the same resamples, which makes differences paired.
"""

import numpy as np
from jaxtyping import Float, Shaped, UInt16

LEVEL = 0.95
# Below this share of defined resamples the rest no longer stands for the population, and no interval is given.
DEFINED = 0.9
_DRAWS_AT_ONCE = 4_000_000


def resamples(patient: Shaped[np.ndarray, " N"], count: int, seed: int) -> UInt16[np.ndarray, "S N"]:
    """Draw `count` resamples of patients and return how often each holds every row."""
    ids, cluster = np.unique(patient, return_inverse=True)
    P = len(ids)
    rng = np.random.default_rng(seed)
    counts = np.empty((count, P), np.uint16)
    step = max(1, _DRAWS_AT_ONCE // P)
    for at in range(0, count, step):
        rows = min(step, count - at)
        drawn = rng.integers(0, P, (rows, P)) + P * np.arange(rows)[:, None]
        counts[at : at + rows] = np.bincount(drawn.ravel(), minlength=rows * P).reshape(rows, P)
    return counts[:, cluster]


def interval(
    values: Float[np.ndarray, " S"],
) -> tuple[float | None, float | None, float | None, str]:
    """Return estimate, low, high and how they came about.

    Args:
        values: the plain estimate first, then one value a resample; NaN where undefined.
    """
    estimate, drawn = values[0], values[1:]
    if not np.isfinite(estimate):
        return None, None, None, "undefined on these patients (a zero denominator, or classes that separate perfectly)"
    defined = drawn[np.isfinite(drawn)]
    left_out = len(drawn) - len(defined)
    if len(defined) < DEFINED * len(drawn):
        return float(estimate), None, None, f"no interval: undefined in {left_out} of {len(drawn)} resamples"
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    method = f"percentile bootstrap over patients, {len(drawn)} resamples"
    if left_out:
        method += f", {left_out} undefined ones left out"
    return float(estimate), float(low), float(high), method
