"""Decision curve: what acting on a prediction is worth (Vickers and Elkin 2006, Med. Decis. Making 26:565)."""

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from pmjax.errors import UserError
from pmjax.evaluate.classification import Counts
from pmjax.evaluate.intervals import interval
from pmjax.evaluate.pool import Pool, Replicate

THRESHOLDS = (0.1, 0.2, 0.3, 0.5)
TREAT_ALL = "treat-all"
DEFINITION = "TP/n − FP/n · t/(1−t), treated where the probability is at least t; treat-none is 0"


def net_benefit(
    truth: Bool[np.ndarray, " N"],
    p: Float[np.ndarray, " N"],
    weight: Counts,
    thresholds: Float[np.ndarray, " T"],
) -> Float[np.ndarray, "S T"]:
    """Compute the net benefit of treating rows with p >= threshold, per patient; treat-none is 0 everywhere."""
    treated = p[:, None] >= thresholds
    gain = np.where(truth[:, None], 1.0, -thresholds / (1 - thresholds))
    total = weight.sum(axis=1, keepdims=True)
    value = weight @ (treated * gain)
    return np.divide(value, total, out=np.full_like(value, np.nan), where=total > 0)


def treat_all(
    truth: Bool[np.ndarray, " N"], weight: Counts, thresholds: Float[np.ndarray, " T"]
) -> Float[np.ndarray, "S T"]:
    """Compute the net benefit of treating everybody."""
    return net_benefit(truth, np.ones(len(truth)), weight, thresholds)


def benefit(pool: Pool, thresholds: tuple[float, ...] = THRESHOLDS) -> dict[str, dict[str, np.ndarray]]:
    """Compute `net_benefit@t` (S+1,) by model and metric, treat-all the last model; empty unless there are two classes.

    Raises:
        UserError: a threshold outside (0, 1).
    """
    bad = [t for t in thresholds if not 0 < t < 1]
    if bad:
        raise UserError(f"decision curve: threshold {bad[0]} is not between 0 and 1")
    if pool.classes != 2:
        return {}
    at = np.array(thresholds)

    def of_model(r: Replicate, weight: Counts) -> dict[str, np.ndarray]:
        return {"curve": net_benefit(r["label"] == 1, r["probability"][:, 1], weight, at)}

    def of_all(r: Replicate, weight: Counts) -> dict[str, np.ndarray]:
        return {"curve": treat_all(r["label"] == 1, weight, at)}

    curves = {model: pool.measure(model, of_model)["curve"] for model in pool.replicates}
    curves[TREAT_ALL] = pool.measure(next(iter(pool.replicates)), of_all)["curve"]
    names = [f"net_benefit@{t:g}" for t in thresholds]
    return {model: dict(zip(names, curve.T, strict=True)) for model, curve in curves.items()}


def decision_curve(pool: Pool, thresholds: tuple[float, ...]) -> pd.DataFrame:
    """Tabulate the curves for a figure: model (treat-all among them), threshold, estimate, low, high."""
    lines = [
        (model, t, *interval(values)[:3])
        for model, curves in benefit(pool, thresholds).items()
        for t, values in zip(thresholds, curves.values(), strict=True)
    ]
    return pd.DataFrame(lines, columns=["model", "threshold", "estimate", "low", "high"])
