"""What was observed: Kaplan-Meier curves and log-rank tests by lifelines, one line a patient."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test
from lifelines.utils import median_survival_times

from pmjax.errors import UserError


@dataclass(frozen=True)
class Observed:
    """Kaplan-Meier estimate (paper eq. 8) of one group; intervals are log-log (exponential Greenwood)."""

    n: int
    events: int
    curve: pd.DataFrame  # index time; columns survival, low, high, at_risk
    median: tuple[float | None, float | None, float | None]

    def at(self, horizon: float) -> tuple[float, float | None, float | None]:
        """Return survival with its interval at `horizon`."""
        step = self.curve.iloc[self.curve.index.searchsorted(horizon, side="right") - 1]
        low, high = (None if np.isnan(step[c]) else float(step[c]) for c in ("low", "high"))
        return float(step["survival"]), low, high


def per_patient(rows: pd.DataFrame) -> pd.DataFrame:
    """Join the intervals of a patient: first start, last time, event there; other columns from the first row."""
    ordered = rows.sort_values(["patient", "time"], kind="stable")
    ends = {"time": "last", "event": "last"}
    return (
        ordered.groupby("patient", sort=True)
        .agg({c: ends.get(c, "first") for c in ordered.columns})
        .reset_index(drop=True)
    )


def kaplan_meier(patients: pd.DataFrame) -> Observed:
    """Estimate the curve of `patients` (columns start, time, event; one line each)."""
    late = patients["start"].to_numpy() if (patients["start"] > 0).any() else None
    fit = KaplanMeierFitter().fit(patients["time"], patients["event"], entry=late)
    bounds = fit.confidence_interval_survival_function_
    curve = fit.survival_function_.set_axis(["survival"], axis=1)
    curve = curve.assign(low=bounds.iloc[:, 0], high=bounds.iloc[:, 1])
    curve["at_risk"] = fit.event_table["at_risk"].reindex(curve.index)
    low, high = median_survival_times(bounds).iloc[0]
    median = _reached(fit.median_survival_time_), _reached(low), _reached(high)
    return Observed(len(patients), int(patients["event"].sum()), curve, median)


def _reached(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def log_rank(patients: pd.DataFrame, column: str) -> tuple[float, float, int]:
    """Test whether the levels of `column` survive alike: chi-squared, p, degrees of freedom.

    Raises:
        UserError: one level only, or patients who enter late, which the test of lifelines does not know.
    """
    if patients[column].nunique() < 2:
        raise UserError(f"log-rank by {column!r}: there is one level only")
    if (patients["start"] > 0).any():
        raise UserError(f"log-rank by {column!r}: patients enter after time 0; this test needs all from 0")
    test = multivariate_logrank_test(patients["time"], patients[column], patients["event"])
    return float(test.test_statistic), float(test.p_value), int(patients[column].nunique() - 1)
