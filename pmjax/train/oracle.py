"""Oracle: what a simulator knows of its patients, as predictions of one more model, the ceiling of all others."""

import numpy as np
import pandas as pd

from pmjax.cohort import Classify, Cohort
from pmjax.predictions import ORACLE
from pmjax.prepare.splits import Splits
from pmjax.train.heads import risk_columns
from pmjax.train.table import predictions_table
from pmjax.types import HostArray


def oracle_table(cohort: Cohort, splits: Splits, *, horizons: tuple[float, ...]) -> pd.DataFrame:
    """Lays out the true probabilities or hazards of test rows as Predictions; empty where nothing is known.

    Event-free probabilities that the truth does not tell come from the true hazards by Breslow's baseline of the
    training rows.
    """
    tables = []
    for s in range(len(splits)):
        columns = _columns(cohort, splits.train[s], horizons)
        if not columns:
            return pd.DataFrame()
        keys = {"fold": int(splits.fold[s]), "inner": int(splits.inner[s]), "seed": 0}
        rows = np.flatnonzero(splits.test[s])
        tables.append(predictions_table(cohort, columns, rows, "test", model=ORACLE, setting="truth=known", **keys))
    return pd.concat(tables, ignore_index=True)


def _columns(cohort: Cohort, train: HostArray, horizons: tuple[float, ...]) -> dict[str, HostArray]:
    truth, task = cohort.truth, cohort.task
    if truth is None:
        return {}
    if isinstance(task, Classify):
        if truth.probability is None:
            return {}
        return {f"probability_{k}": p for k, p in enumerate(np.asarray(truth.probability, np.float64).T)}
    if truth.log_hazard is None:
        return {}
    columns = risk_columns(np.asarray(truth.log_hazard, np.float64), task, train, horizons)
    told = {f"survival_{h:g}": truth.survival[h] for h in horizons if h in truth.survival}
    return {**columns, **told}
