"""Predictions: the hinge between models and evidence, one table stored as Parquet.

Left of it nobody computes a metric; right of it nobody touches a model. Predictions of any other tool can be
judged by the same code once they have these columns:

| column | type | |
|---|---|---|
| cohort, task, model, setting | str | `setting` is canonical, e.g. `learning_rate=0.003 weight_decay=0.01` |
| fold, inner, seed | int | outer fold (repeats counted on), inner fold (0 where there is one), seed |
| part | str | train, validation or test |
| row, patient, site | int, str, str | row of the cohort; `site` is "" where there is one |
| label | int | classify: the class |
| start, time, event | float, float, bool | survive; `start` is 0 unless rows are intervals |
| probability_0 … probability_{K-1} | float | classify: sums to 1 |
| risk | float | survive: log-hazard or another score, larger is worse, comparable within one fold and seed |
| survival_<h> | float | survive: probability to be event-free at horizon h |
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pmjax.errors import UserError
from pmjax.types import PARTS

ORACLE = "oracle"
"""The model that is the truth of a simulated cohort: a ceiling, trained on nothing."""

RECALIBRATED = " recalibrated"
"""Ending of a model's name once its probabilities were corrected on patients of the place where it is judged."""

KEYS = ("cohort", "task", "model", "setting", "fold", "inner", "seed", "part", "row", "patient", "site")


def probability_columns(frame: pd.DataFrame) -> list[str]:
    """Names of the class probability columns, in class order."""
    found = [c for c in frame.columns if c.startswith("probability_")]
    return sorted(found, key=lambda c: int(c.removeprefix("probability_")))


def survival_columns(frame: pd.DataFrame) -> list[str]:
    """Names of the event-free probability columns, by growing horizon."""
    found = [c for c in frame.columns if c.startswith("survival_")]
    return sorted(found, key=lambda c: float(c.removeprefix("survival_")))


def check(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns `frame`, or raises a UserError that names the column, model and patient at fault."""
    missing = [c for c in KEYS if c not in frame.columns]
    if missing:
        raise UserError(f"predictions lack the column {missing[0]!r}")
    truth = ["label"] if "label" in frame.columns else ["start", "time", "event"]
    outputs = [*probability_columns(frame), *survival_columns(frame)]
    outputs += ["risk"] if "risk" in frame.columns else []
    missing = [c for c in truth if c not in frame.columns]
    if missing or not outputs:
        raise UserError(f"predictions lack the column {missing[0] if missing else 'probability_0 or risk'!r}")
    bad_part = ~frame["part"].isin(PARTS)
    if bad_part.any():
        raise UserError(f"predictions: part {frame['part'][bad_part].iloc[0]!r} is not one of {', '.join(PARTS)}")
    bad = ~np.isfinite(frame[outputs].to_numpy(np.float64))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        at = frame.iloc[row]
        raise UserError(
            f"predictions: {outputs[column]} of model {at['model']}, fold {at['fold']}, seed {at['seed']}, "
            f"patient {at['patient']} is not finite"
        )
    p = frame[probability_columns(frame)].to_numpy(np.float64)
    if p.size and (np.abs(p.sum(axis=1) - 1) > 1e-3).any():
        raise UserError("predictions: the class probabilities of a row do not sum to 1")
    return frame


def save(frame: pd.DataFrame, path: Path) -> None:
    """Writes the table so that `path` holds either the old or the whole new one."""
    partial = path.with_name(path.name + ".partial")
    pq.write_table(pa.Table.from_pandas(check(frame), preserve_index=False), partial, compression="zstd")
    partial.replace(path)


def load(path: Path) -> pd.DataFrame:
    """Reads and checks a table of predictions."""
    try:
        return check(pq.read_table(path).to_pandas())
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path}: not a readable Parquet table of predictions ({error})") from error
