"""Traditional baselines, tuned on the same folds and validation rows as the models.

Each setting is fitted on the training rows to predict the validation rows, by which it is chosen, and again on
training and validation rows to predict the test rows: the whole of what a user would have had.
scikit-learn is imported where it fits: that takes longer than all that a deep model needs to start.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from pmjax.cohort import Classify, Cohort, Modality, Survive, Task
from pmjax.data.readers import dna
from pmjax.errors import UserError
from pmjax.prepare import transforms
from pmjax.prepare.fill import carry_forward
from pmjax.prepare.preparation import Preparation
from pmjax.prepare.splits import Splits
from pmjax.train.cox import cox_regression
from pmjax.train.heads import risk_columns
from pmjax.train.inputs import site_codes, sources_of
from pmjax.train.model import expand
from pmjax.train.table import describe_setting, predictions_table
from pmjax.types import HostArray, ModalityKind

Columns = dict[str, HostArray]
Fit = Callable[..., Columns]


def train_baseline(
    name: str,
    spec: Mapping[str, Any],
    cohort: Cohort,
    splits: Splits,
    *,
    preparation: Preparation,
    horizons: tuple[float, ...],
    seed: int,
    progress: Callable[[], None],
) -> pd.DataFrame:
    """Fits every split × setting of the baseline `name`; returns rows of Predictions.

    Raises:
        UserError: unknown baseline, or one that does not fit the task.
    """
    check_baseline(name, spec, cohort)
    baseline = BASELINES[name]
    site = site_codes(cohort) if preparation.harmonise else None
    inputs = [cohort.modalities[source] for source in sources_of(spec, cohort, f"config.baselines.{name}.input")]
    design = partial(baseline.design, preparation=preparation, site=site, task=cohort.task)

    @cache
    def views(**own: Any) -> list[Modality]:
        return [baseline.view(modality, **own) for modality in inputs]

    tables = []
    for setting in expand({k: v for k, v in spec.items() if k != "input"}):
        own = {k: v for k, v in setting.items() if k in baseline.of_view}
        keywords = {k: v for k, v in setting.items() if k not in own}
        for s in range(len(splits.train)):
            keys: dict[str, Any] = {
                "model": name,
                "setting": describe_setting(setting),
                "fold": int(splits.fold[s]),
                "inner": int(splits.inner[s]),
                "seed": 0,
            }
            both = splits.train[s] | splits.validation[s]
            for part, rows, target in (
                ("validation", splits.train[s], splits.validation[s]),
                ("test", both, splits.test[s]),
            ):
                x = np.hstack([design(view, rows) for view in views(**own)])
                try:
                    columns = baseline.fit(x, cohort.task, rows, horizons=horizons, seed=seed, **keywords)
                except ValueError as error:  # what scikit-learn raises at a value out of its range
                    raise UserError(f"config.baselines.{name}: {describe_setting(setting)} fails ({error})") from error
                tables.append(predictions_table(cohort, columns, np.flatnonzero(target), part, **keys))
            progress()
    return pd.concat(tables, ignore_index=True)


def check_baseline(name: str, spec: Mapping[str, Any], cohort: Cohort) -> None:
    """Raises a UserError where the baseline is unknown, does not fit the cohort, or takes no such keyword."""
    if name not in BASELINES:
        raise UserError(f"config.baselines: {name!r} is unknown; use {', '.join(BASELINES)}")
    baseline = BASELINES[name]
    if not isinstance(cohort.task, baseline.task):
        raise UserError(f"config.baselines: {name} cannot predict the task {cohort.task.name!r}; drop it")
    for source in sources_of(spec, cohort, f"config.baselines.{name}.input"):
        kind = cohort.modalities[source].kind
        if baseline.kinds and kind not in baseline.kinds:
            raise UserError(f"config.baselines.{name}.input: {source!r} is a {kind}; {name} takes a sequence")
    given = ("x", "task", "rows", "horizons", "seed", "setting")
    own = [k for k in inspect.signature(baseline.fit).parameters if k not in given]
    known_keywords = [*baseline.of_view, *own, *(_BOOSTING if baseline.fit is fit_boosting else ())]
    for key in spec:
        if key not in ("input", *known_keywords):
            raise UserError(f"config.baselines.{name}: it takes no {key!r}; it takes {', '.join(known_keywords)}")
    expand(spec)


def flat(modality: Modality, rows: HostArray, **_: Any) -> HostArray:
    """Lays steps and positions side by side, (N, F), and leaves gaps as they are; an absent modality is a gap."""
    values = modality.values.reshape(len(modality.values), -1)
    return values if modality.present is None else np.where(modality.present[:, None], values, np.nan)


def scaled(
    modality: Modality,
    rows: HostArray,
    *,
    preparation: Preparation = Preparation(),  # noqa: B008  # frozen
    site: HostArray | None = None,
    task: Task | None = None,
) -> HostArray:
    """Prepares as fitted on `rows` (N,) bool, then lays steps and positions side by side: (N, F)."""
    fitted = transforms.fit(modality, rows, preparation=preparation.narrow(modality), site=site, task=task)
    # Not cut as for the networks: these solvers stand wild values, and are what their users know.
    values = transforms.apply(fitted, modality.values, modality.mask, site=site, present=modality.present, clip=np.inf)
    return values.reshape(len(values), -1).astype(np.float64)


def as_measured(modality: Modality, summary: bool = False) -> Modality:
    """The modality itself; with `summary` a series becomes a table of each feature's mean and last seen value.

    Laid out flat, hundreds of columns a patient drown a regression; this is what its users would give it.
    """
    if not isinstance(summary, bool):
        raise UserError(f"config.baselines: summary is {summary!r}; it must be True or False")
    if not summary or modality.kind != "series":
        return modality
    filled, _ = carry_forward(modality.values, modality.mask)
    real = True if modality.mask is None else modality.mask[..., None]
    seen = ~np.isnan(modality.values) & real
    count = seen.sum(axis=1)
    total = np.where(seen, modality.values, 0).sum(axis=1)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    names = tuple(f"{feature} {what}" for what in ("mean", "last") for feature in modality.features)
    return Modality("table", np.concatenate([mean, filled[:, -1]], axis=1), names, present=modality.present)


def kmers(modality: Modality, k: int = 4) -> Modality:
    """The share of each k-mer among those of a one-hot DNA sequence, as a table (N, 4^k)."""
    if not isinstance(k, int) or not 1 <= k <= 6:
        raise UserError(f"config.baselines.kmer.k is {k!r}; it must be a whole number from 1 to 6")
    counts = dna.kmer_counts(modality.values, k)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return Modality("table", share, dna.kmers(k), present=modality.present)


def _classes(p: HostArray) -> Columns:
    return {f"probability_{k}": p[:, k] for k in range(p.shape[1])}


def fit_logistic(
    x: HostArray, task: Classify, rows: HostArray, *, C: float = 1.0, seed: int = 0, horizons: tuple[float, ...] = ()
) -> Columns:
    """Logistic regression on scaled values with an L2 penalty of inverse strength C."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=C, max_iter=10_000).fit(x[rows], task.label[rows])
    return _classes(model.predict_proba(x))


_BOOSTING = (
    *("loss", "learning_rate", "max_iter", "max_leaf_nodes", "max_depth", "min_samples_leaf", "l2_regularization"),
    *("max_features", "max_bins", "categorical_features", "monotonic_cst", "interaction_cst", "warm_start"),
    *("scoring", "validation_fraction", "n_iter_no_change", "tol", "verbose", "class_weight"),
)
"""Keywords of scikit-learn's boosting, so that they can be checked before that is imported."""


def fit_boosting(
    x: HostArray, task: Classify, rows: HostArray, *, seed: int = 0, horizons: tuple[float, ...] = (), **setting: Any
) -> Columns:
    """Gradient boosting of histogram trees (scikit-learn); missing values stay missing."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(random_state=seed, early_stopping=False, **setting)
    # On few rows its threads mostly wait for each other: on two busy cores one fit took 4.8 s, alone 0.3 s.
    with threadpool_limits(1 if rows.sum() < 20_000 else None, user_api="openmp"):
        return _classes(model.fit(x[rows], task.label[rows]).predict_proba(x))


def fit_cox(
    x: HostArray,
    task: Survive,
    rows: HostArray,
    *,
    penalizer: float = 0.0,
    horizons: tuple[float, ...] = (),
    seed: int = 0,
) -> Columns:
    """Cox regression with Efron ties on scaled values, ridge `penalizer` as in lifelines; late entry where rows are
    intervals. Survival at horizons by Breslow's baseline, as for the models."""
    if penalizer < 0:
        raise ValueError(f"penalizer must be at least 0, not {penalizer}")
    # A column that does not vary in these rows carries nothing and would make the information singular.
    x = x[:, x[rows].std(axis=0) > 1e-8]
    start = None if task.start is None else task.start[rows]
    try:
        beta, _ = cox_regression(x[rows], start, task.time[rows], task.event[rows], penalizer)
    except UserError as error:
        raise UserError(
            f"config.baselines.cox: penalizer={penalizer:g} does not converge; leave out values below 0.01 ({error})"
        ) from error
    return risk_columns(x @ beta, task, rows, horizons)


@dataclass(frozen=True)
class Baseline:
    """A traditional method.

    Attributes:
        task: that it predicts.
        design: (modality, rows to fit on) → matrix (N, F).
        fit: (matrix, task, rows, settings) → columns of Predictions.
        view: the form of the modality that it sees, and `of_view` the settings that say which.
        kinds: of modality that it takes; empty takes all.
    """

    task: type[Task]
    design: Callable[..., HostArray]
    fit: Fit
    view: Callable[..., Modality] = as_measured
    of_view: tuple[str, ...] = ()
    kinds: tuple[ModalityKind, ...] = ()


BASELINES: dict[str, Baseline] = {
    "logistic": Baseline(Classify, scaled, fit_logistic, of_view=("summary",)),
    "boosting": Baseline(Classify, flat, fit_boosting, of_view=("summary",)),
    "cox": Baseline(Survive, scaled, fit_cox, of_view=("summary",)),
    "kmer": Baseline(Classify, scaled, fit_logistic, kmers, ("k",), ("sequence",)),
}
