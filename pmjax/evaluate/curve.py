"""Calibration curve for a figure: what was observed among patients of similar predicted risk."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float

from pmjax.errors import UserError
from pmjax.evaluate.classification import Counts, ratio
from pmjax.evaluate.intervals import interval
from pmjax.evaluate.pool import Pool, Replicate, survival_name
from pmjax.evaluate.survival import product_limit, survival_at

_COLUMNS = ["model", "bin", "predicted", "observed", "low", "high"]


def calibration_curve(pool: Pool, bins: int = 10, horizon: float | None = None) -> pd.DataFrame:
    """Tabulate model, bin, predicted, observed, low, high: as many rows of a replicate in each bin.

    Predicted is the mean risk in the bin; observed the share of events, or the Kaplan-Meier risk at `horizon`; both
    averaged over replicates. The band is the bootstrap interval of observed; bins hold still over resamples. Tied
    risks share a bin, and a bin left empty by ties in any replicate is NaN.

    Raises:
        UserError: more than two classes, or survival without predictions at `horizon`.
    """
    first = next(iter(pool.replicates.values()))[0]
    if pool.survival and (horizon is None or survival_name(horizon) not in first.columns):
        raise UserError(f"calibration curve: predictions have no survival at horizon {horizon}")
    if not pool.survival and pool.classes != 2:
        raise UserError("calibration curve: it is drawn for two classes; there are more")

    def metrics(r: Replicate, weight: Counts) -> dict[str, np.ndarray]:
        risk = r["probability"][:, 1] if horizon is None else 1 - r[survival_name(horizon)]
        which = bins * np.searchsorted(np.sort(risk), risk) // len(risk)
        predicted, observed = np.full((2, len(weight), bins), np.nan)
        for b in np.unique(which):
            inside = which == b
            w = weight[:, inside]
            predicted[:, b] = ratio(w @ risk[inside], w.sum(axis=1))
            observed[:, b] = _observed(r.columns, inside, w, horizon)
        return {"predicted": predicted, "observed": observed}

    lines = []
    for model in pool.replicates:
        values = pool.measure(model, metrics)
        for b in range(bins):
            predicted = interval(values["predicted"][:, b])[0]
            lines.append((model, b, predicted, *interval(values["observed"][:, b])[:3]))
    return pd.DataFrame(lines, columns=_COLUMNS).astype(dict.fromkeys(_COLUMNS[2:], np.float64))


def _observed(
    columns: Mapping[str, np.ndarray], inside: np.ndarray, weight: Counts, horizon: float | None
) -> Float[np.ndarray, " S"]:
    total = weight.sum(axis=1)
    if horizon is None:
        return ratio(weight @ (columns["label"][inside] == 1), total)
    times, curve = product_limit(columns["time"][inside], columns["event"][inside], weight)
    return np.where(total > 0, 1 - survival_at(times, curve, np.array([horizon]))[:, 0], np.nan)
