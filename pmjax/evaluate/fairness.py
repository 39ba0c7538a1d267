"""Subgroup evidence: each level of a group, and how far it lies from everybody else."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool

from pmjax.errors import UserError
from pmjax.evaluate.pool import Metrics, Pool

METRICS = ("accuracy", "recall", "specificity", "auroc", "brier", "observed_expected", "harrell_c")
DIFFERENCE = "_difference_to_rest"


@dataclass(frozen=True)
class Level:
    """One level of a group column: its rows (N,) among the pool's."""

    column: str
    value: str
    rows: Bool[np.ndarray, " N"]

    @property
    def name(self) -> str:
        """As evidence names it: `sex=female`."""
        return f"{self.column}={self.value}"


def levels(rows: pd.Series, patients: pd.DataFrame, columns: tuple[str, ...]) -> list[Level]:
    """Find the levels of group columns on the pool's rows, in the order of columns and sorted values.

    Args:
        rows: (N,) row numbers of the cohort.
        patients: one line a row, with `row` and the columns; an empty value is the level "missing".
        columns: group columns.

    Raises:
        UserError: a column that `patients` lacks, or a row that it lacks.
    """
    require(patients.columns, columns)
    known = patients.drop_duplicates("row").set_index("row")
    absent = ~rows.isin(known.index)
    if absent.any():
        raise UserError(f"patients lack row {rows[absent].iloc[0]}, which predictions hold")
    found = []
    for column in columns:
        value = known[column].reindex(rows).fillna("missing").astype(str).replace("", "missing").to_numpy()
        found += [Level(column, v, value == v) for v in sorted(set(value))]
    return found


def require(columns: Iterable[str], groups: tuple[str, ...]) -> None:
    """Raise a UserError that names a group which is not among the columns of the patients."""
    has = [c for c in columns if c not in ("row", "patient")]
    for group in groups:
        if group not in has:
            raise UserError(f"evaluate.groups: patients have no column {group!r}; there is {', '.join(has) or 'none'}")


def subgroup(pool: Pool, model: str, metrics: Metrics, level: Level) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each metric of `METRICS` (S+1,) on the level, then the level minus the rest on the same resamples."""
    inside = pool.measure(model, metrics, level.rows)
    rest = {} if level.rows.all() else pool.measure(model, metrics, ~level.rows)
    for name in (n for n in inside if n.split("@")[0] in METRICS):
        yield name, inside[name]
        if rest:
            yield name + DIFFERENCE, inside[name] - rest[name]
