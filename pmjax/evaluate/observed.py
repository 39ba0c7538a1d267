"""Evidence of what was observed, whatever a model says: survival by group, and whether groups differ."""

from collections.abc import Iterator

import pandas as pd

from pmjax.errors import UserError
from pmjax.evaluate.fairness import Level
from pmjax.evaluate.kaplan_meier import Observed, kaplan_meier, log_rank, per_patient
from pmjax.evaluate.pool import Pool
from pmjax.evidence import Evidence

KAPLAN_MEIER = "kaplan-meier"
_METHOD = "Kaplan-Meier (paper eq. 8), test rows, log-log interval"


def observed(pool: Pool, levels: list[Level], horizons: tuple[float, ...]) -> Iterator[Evidence]:
    """Yield median survival and `survival@H` for all and each level, then `logrank_p` for each group column."""
    frame = pool.truth.assign(**{c: _column(levels, c, pool.truth.index) for c in _columns(levels)})
    rows = [("all", pool.everyone())] + [(level.name, level.rows) for level in levels]
    for name, keep in rows:
        yield from _survival(pool, name, kaplan_meier(per_patient(frame[keep])), horizons)
    patients = per_patient(frame)
    for column in _columns(levels):
        yield _log_rank(pool, patients, column)


def _survival(pool: Pool, group: str, curve: Observed, horizons: tuple[float, ...]) -> Iterator[Evidence]:
    found = {"median_survival": curve.median}
    found |= {f"survival@{h:g}": curve.at(h) for h in horizons}
    for metric, (estimate, low, high) in found.items():
        method = _METHOD
        if estimate is None:
            method += "; not reached"
        elif low is None or high is None:
            method += "; an open bound is not reached"
        yield _evidence(pool, group, metric, (estimate, low, high), curve.n, curve.events, method)


def _log_rank(pool: Pool, patients: pd.DataFrame, column: str) -> Evidence:
    p = None
    try:
        chi2, p, freedom = log_rank(patients, column)
        method = f"log-rank test, chi-squared {chi2:.6f} on {freedom} degrees of freedom"
    except UserError as error:
        method = str(error)
    n, events = len(patients), int(patients["event"].sum())
    return _evidence(pool, column, "logrank_p", (p, None, None), n, events, method)


def _evidence(
    pool: Pool,
    group: str,
    metric: str,
    value: tuple[float | None, float | None, float | None],
    n: int,
    events: int,
    method: str,
) -> Evidence:
    return Evidence(
        pool.cohort, pool.task, KAPLAN_MEIER, "", "test", group, metric, *value, n=n, events=events, method=method
    )


def _columns(levels: list[Level]) -> list[str]:
    return list(dict.fromkeys(level.column for level in levels))


def _column(levels: list[Level], column: str, index: pd.Index) -> pd.Series:
    values = pd.Series("", index=index, dtype=object)
    for level in (one for one in levels if one.column == column):
        values[level.rows] = level.value
    return values
