"""From outputs to rows of Predictions."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pmjax.cohort import Classify, Cohort
from pmjax.types import HostArray


def predictions_table(
    cohort: Cohort,
    columns: Mapping[str, HostArray],
    rows: HostArray,
    part: str,
    *,
    model: str,
    setting: str,
    fold: int,
    inner: int,
    seed: int,
) -> pd.DataFrame:
    """Lays out `columns` (N,) of one run for the rows (indices) of one part, with keys and truth."""
    task = cohort.task
    keys = {
        "cohort": cohort.name,
        "task": task.name,
        "model": model,
        "setting": setting,
        "fold": np.int32(fold),
        "inner": np.int32(inner),
        "seed": np.int32(seed),
        "part": part,
        "row": rows.astype(np.int32),
        "patient": cohort.patient[rows],
        "site": "" if cohort.site is None else cohort.site[rows],
    }
    if isinstance(task, Classify):
        truth = {"label": task.label[rows]}
    else:
        start = np.zeros_like(task.time) if task.start is None else task.start
        truth = {"start": start[rows], "time": task.time[rows], "event": task.event[rows]}
    return pd.DataFrame({**keys, **truth, **{k: v[rows] for k, v in columns.items()}})


def describe_setting(setting: Mapping[str, object]) -> str:
    """Names a setting in one canonical way, e.g. `learning_rate=0.003 weight_decay=0.01`."""
    return " ".join(f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in setting.items())
