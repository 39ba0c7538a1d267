"""Chosen test predictions as arrays, pooled over folds, and the resamples on which all of them are judged."""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Shaped
from threadpoolctl import threadpool_limits

from pmjax.errors import UserError
from pmjax.evaluate.choose import chosen_rows
from pmjax.evaluate.intervals import resamples
from pmjax.predictions import probability_columns, survival_columns

_WEIGHTS_IN_CACHE = 262_144  # 2 MiB
_WEIGHTS_AT_ONCE = 4_000_000
# What a metric sorts, it sorts once for so many.
_RESAMPLES_AT_LEAST = 64


@dataclass(frozen=True)
class Replicate:
    """Predictions of one seed, inner fold and repeat: n rows, each once.

    Attributes:
        position: (n,) places in the pool's rows.
        columns: arrays of n by name: fold; label and probability (n, K); or start, time, event, risk, survival_<h>.
    """

    position: np.ndarray
    columns: Mapping[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def take(self, keep: Bool[np.ndarray, " N"]) -> "Replicate":
        """Keep the rows at which `keep`, over the pool's rows, is True."""
        inside = keep[self.position]
        columns = {k: v[inside] for k, v in self.columns.items()}
        return replace(self, position=self.position[inside], columns=columns)


Metrics = Callable[[Replicate, Float[np.ndarray, "S n"]], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Pool:
    """The test rows of a study and what each model says of them.

    Attributes:
        truth: N lines: row, patient and label, or start, time and event; by growing row.
        replicates: by model, in order of appearance.
        counts: (S+1, N) how often a resample holds a row; the first line is all ones, the plain estimate.
    """

    cohort: str
    task: str
    truth: pd.DataFrame
    replicates: Mapping[str, tuple[Replicate, ...]]
    counts: Shaped[np.ndarray, "S N"]

    @property
    def survival(self) -> bool:
        """Whether the task is a time to an event."""
        return "label" not in self.truth.columns

    @property
    def intervals(self) -> bool:
        """Whether some row starts after time 0, so that rows are intervals rather than patients."""
        return self.survival and bool((self.truth["start"] > 0).any())

    @property
    def classes(self) -> int:
        """Number of classes; 0 for survival."""
        return 0 if self.survival else next(iter(self.replicates.values()))[0]["probability"].shape[1]

    @cached_property
    def positive(self) -> Bool[np.ndarray, " N"]:
        """Rows that count as events: an event, the positive of two classes, the rarest of more."""
        if self.survival:
            return self.truth["event"].to_numpy(bool)
        label = self.truth["label"].to_numpy()
        return label == (1 if self.classes == 2 else np.bincount(label, minlength=self.classes).argmin())

    def everyone(self) -> Bool[np.ndarray, " N"]:
        """Select all rows."""
        return np.ones(len(self.truth), bool)

    def size(self, model: str, keep: Bool[np.ndarray, " N"]) -> tuple[int, int]:
        """Count the patients among the model's kept rows, and the events."""
        judged = np.zeros(len(self.truth), bool)
        for replicate in self.replicates[model]:
            judged[replicate.position] = True
        judged &= keep
        return self.truth["patient"][judged].nunique(), int(self.positive[judged].sum())

    def measure(
        self, model: str, metrics: Metrics, keep: Bool[np.ndarray, " N"] | None = None
    ) -> dict[str, Float[np.ndarray, "S ..."]]:
        """Compute metrics on every resample, averaged over the model's replicates.

        Returns:
            By name (S+1, …): the plain estimate, then one value a resample; NaN where any replicate's is undefined.
        """
        taken = [r if keep is None else r.take(keep) for r in self.replicates[model]]
        taken = [r for r in taken if len(r.position)] or taken[:1]
        values = [_in_chunks(r, self.counts, metrics) for r in taken]
        return {name: np.mean([v[name] for v in values], axis=0) for name in values[0]}


def build_pool(predictions: pd.DataFrame, count: int, seed: int, settings: pd.DataFrame | None = None) -> Pool:
    """Pool the chosen test predictions of every model and draw `count` resamples of their patients.

    Raises:
        UserError: more than one cohort or task, no test rows, or a row that is there twice or with two truths.
    """
    for column in ("cohort", "task"):
        if predictions[column].nunique() != 1:
            names = ", ".join(map(str, predictions[column].unique()[:3])) or "none"
            raise UserError(f"predictions hold the {column}s {names}; evaluate one at a time")
    test = chosen_rows(predictions, "test", settings)
    if test.empty:
        raise UserError("predictions: no row of part 'test'; nothing can be judged")
    columns = ["label"] if "label" in test.columns else ["start", "time", "event"]
    truth = test[["row", "patient", *columns]].drop_duplicates().sort_values("row").reset_index(drop=True)
    twice = truth["row"].duplicated()
    if twice.any():
        raise UserError(f"predictions: row {truth['row'][twice].iloc[0]} has two different {' or '.join(columns)}")
    repeat = test["fold"].map(_repeats(test))
    replicates = {
        str(model): tuple(_replicates(str(model), rows, repeat[rows.index], truth["row"].to_numpy()))
        for model, rows in test.groupby("model", sort=False)
    }
    drawn = resamples(truth["patient"].to_numpy(str), count, seed)
    counts = np.concatenate([np.ones((1, len(truth)), drawn.dtype), drawn])
    return Pool(str(test["cohort"].iloc[0]), str(test["task"].iloc[0]), truth, replicates, counts)


def survival_name(horizon: float) -> str:
    """Name the column of a replicate that holds survival at `horizon`, however the prediction wrote the number."""
    return f"survival_{horizon:g}"


def _repeats(test: pd.DataFrame) -> dict[int, int]:
    """Number the repeats: a fold that holds a row of the current repeat again begins the next one."""
    repeats: dict[int, int] = {}
    repeat, seen = 0, set[int]()
    for fold in sorted(test["fold"].unique()):
        here = set(test.loc[test["fold"] == fold, "row"])
        if here & seen:
            repeat, seen = repeat + 1, set()
        seen |= here
        repeats[int(fold)] = repeat
    return repeats


def _replicates(model: str, rows: pd.DataFrame, repeat: pd.Series, universe: np.ndarray) -> Iterator[Replicate]:
    for (_, inner, seed), part in rows.groupby([repeat.rename("repeat"), "inner", "seed"], sort=True):
        twice = part["row"].duplicated()
        if twice.any():
            row = part["row"][twice].iloc[0]
            raise UserError(f"predictions of {model}, inner fold {inner}, seed {seed}: test row {row} is there twice")
        columns: dict[str, np.ndarray] = {"fold": part["fold"].to_numpy()}
        if "label" in part.columns:
            columns["label"] = part["label"].to_numpy(np.int64)
            columns["probability"] = part[probability_columns(part)].to_numpy(np.float64)
        else:
            names = {name: name for name in ("start", "time", "risk")}
            names |= {survival_name(float(c.removeprefix("survival_"))): c for c in survival_columns(part)}
            columns |= {name: part[c].to_numpy(np.float64) for name, c in names.items()}
            columns["event"] = part["event"].to_numpy(bool)
        yield Replicate(np.searchsorted(universe, part["row"].to_numpy()), columns)


def _in_chunks(replicate: Replicate, counts: np.ndarray, metrics: Metrics) -> dict[str, np.ndarray]:
    """Compute metrics on some resamples at a time, on all cores, so that they stay in a core's cache.

    At 1,000 rows that took a third of the time of all resamples at once. Sums of a product do not depend on the number
    of cores, as each is taken by one.
    """
    n = max(1, len(replicate.position))
    step = max(1, min(_WEIGHTS_AT_ONCE, max(_WEIGHTS_IN_CACHE, _RESAMPLES_AT_LEAST * n)) // n)

    def some(at: int) -> dict[str, np.ndarray]:
        return metrics(replicate, counts[at : at + step, replicate.position].astype(np.float64))

    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as cores:
        parts = list(cores.map(some, range(0, len(counts), step)))
    return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
