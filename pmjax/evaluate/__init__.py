"""From predictions to evidence: every number with its interval, what it was computed on and how."""

from collections.abc import Iterable, Iterator
from functools import partial

import numpy as np
import pandas as pd

from pmjax.errors import UserError
from pmjax.evaluate import benefit, calibration, classification, compare, fairness, survival
from pmjax.evaluate.choose import choose, chosen_rows
from pmjax.evaluate.curve import calibration_curve
from pmjax.evaluate.intervals import interval
from pmjax.evaluate.pool import Metrics, Pool, Replicate, build_pool, survival_name
from pmjax.evaluate.recalibrate import check_recalibration, recalibrated
from pmjax.evidence import Evidence

__all__ = [
    "build_pool",
    "calibration_curve",
    "check",
    "check_recalibration",
    "choose",
    "chosen_rows",
    "evaluate",
    "recalibrated",
]


def evaluate(
    predictions: pd.DataFrame,
    patients: pd.DataFrame,
    *,
    baselines: tuple[str, ...],
    resamples: int,
    threshold: float,
    horizons: tuple[float, ...],
    groups: tuple[str, ...],
    seed: int,
) -> list[Evidence]:
    """Judge every model on test rows of its chosen settings.

    In order: each model's metrics, net benefit, differences to the baselines, subgroups, and for survival what was
    observed (Kaplan-Meier, log-rank). Where rows are intervals, predictions at horizons
    are not judged. The same arguments give the same list.

    Args:
        predictions: as `pmjax.predictions` describes them; one cohort and task.
        patients: one line a cohort row: row, patient, and the group columns.
        baselines: models against which the others are compared.
        resamples: bootstrap resamples of patients.
        threshold: probability from which the positive of two classes is predicted.
        horizons: times at which survival is judged, in the task's unit.
        groups: columns of `patients` for subgroups.
        seed: of the resamples.

    Raises:
        UserError: an argument that does not fit the predictions or patients, named in the message.
    """
    absent = [b for b in baselines if b not in set(predictions["model"])]
    if absent:
        raise UserError(f"baselines: predictions hold no model {absent[0]!r}")
    end = float(predictions["time"].max()) if "time" in predictions.columns else None
    check(patients.columns, end, resamples=resamples, threshold=threshold, horizons=horizons, groups=groups)
    judged = build_pool(predictions, resamples, seed)
    found = fairness.levels(judged.truth["row"], patients, groups)
    # At a horizon a patient needs one prediction made at time 0.
    metrics = partial(_survival, () if judged.intervals else horizons)
    of_groups = metrics
    if not judged.survival:
        metrics = partial(_classification, threshold, tuple(calibration.METRICS))
        of_groups = partial(_classification, threshold, ("observed_expected",))
    values = {model: judged.measure(model, metrics) for model in judged.replicates}
    return [
        *_of_models(judged, values, baselines),
        *_of_groups(judged, of_groups, found),
        *_observed(judged, found, horizons),
    ]


def _of_models(
    judged: Pool, values: dict[str, dict[str, np.ndarray]], baselines: tuple[str, ...]
) -> Iterator[Evidence]:
    first, everyone = next(iter(values)), judged.everyone()
    for model, named in [*values.items(), *benefit.benefit(judged).items()]:
        of = model if model in values else first
        setting = "chosen" if model in values else ""
        for metric, samples in named.items():
            yield _evidence(judged, of, model, setting, "all", everyone, metric, samples)
    for model, baseline, metric, samples in compare.differences(values, baselines):
        name = model + compare.MINUS + baseline
        yield _evidence(judged, model, name, "chosen", "all", everyone, metric + compare.DIFFERENCE, samples)
    for model, metric, samples in compare.shares(values):
        yield _evidence(judged, model, model, "chosen", "all", everyone, metric + compare.SHARE, samples)


def _of_groups(judged: Pool, metrics: Metrics, levels: list[fairness.Level]) -> Iterator[Evidence]:
    for model in judged.replicates:
        for level in levels:
            for metric, samples in fairness.subgroup(judged, model, metrics, level):
                yield _evidence(judged, model, model, "chosen", level.name, level.rows, metric, samples)


def _observed(judged: Pool, levels: list[fairness.Level], horizons: tuple[float, ...]) -> Iterator[Evidence]:
    if judged.survival:
        from pmjax.evaluate.observed import observed  # lifelines takes a second to import

        yield from observed(judged, levels, horizons)


def _classification(
    threshold: float, names: tuple[str, ...], r: Replicate, weight: np.ndarray
) -> dict[str, np.ndarray]:
    values = classification.classification(r["label"], r["probability"], weight, threshold)
    return values | calibration.calibration(r["label"], r["probability"], weight, names)


def _survival(horizons: tuple[float, ...], r: Replicate, weight: np.ndarray) -> dict[str, np.ndarray]:
    truth = r["time"], r["event"]
    values = {"harrell_c": survival.harrell_c(r["start"], *truth, r["risk"], r["fold"], weight)}
    for h in horizons:
        if survival_name(h) in r.columns:
            predicted = r[survival_name(h)]
            values[f"brier@{h:g}"] = survival.brier_at(*truth, predicted, h, weight)
            values[f"observed_expected@{h:g}"] = survival.observed_expected_at(*truth, predicted, h, weight)
    return values


def _evidence(
    judged: Pool,
    of: str,
    model: str,
    setting: str,
    group: str,
    keep: np.ndarray,
    metric: str,
    samples: np.ndarray,
) -> Evidence:
    """Write one line; `of` is the model whose replicates were judged."""
    estimate, low, high, method = interval(samples)
    n, events = judged.size(of, keep)
    replicates = judged.replicates[of]
    words = [_definition(judged, metric)]
    if len(replicates) > 1:
        words.append(f"mean of {len(replicates)} replicates")
    return Evidence(
        cohort=judged.cohort,
        task=judged.task,
        model=model,
        setting=setting,
        part="test",
        group=group,
        metric=metric,
        estimate=estimate,
        low=low,
        high=high,
        n=n,
        events=events,
        method="; ".join([*words, method]),
    )


def _definition(judged: Pool, metric: str) -> str:
    endings = {
        fairness.DIFFERENCE: "level minus rest",
        compare.DIFFERENCE: "paired difference",
        compare.SHARE: "share of the way from chance to the oracle, paired",
    }
    for ending, words in endings.items():
        if metric.endswith(ending):
            return f"{words}, {_definition(judged, metric.removesuffix(ending))}"
    name = metric.split("@")[0]
    if judged.survival:
        return survival.DEFINITIONS[name]
    text = (classification.DEFINITIONS | calibration.DEFINITIONS | {"net_benefit": benefit.DEFINITION})[name]
    macro = judged.classes > 2 and name not in ("accuracy", "mcc", "log_loss", "brier")
    return f"{text}; mean over classes, one against the rest" if macro else text


def check(
    columns: Iterable[str],
    end: float | None,
    *,
    resamples: int,
    threshold: float,
    horizons: tuple[float, ...],
    groups: tuple[str, ...],
) -> None:
    """Raise a UserError where `evaluate` would refuse its arguments.

    Args:
        columns: of the patients.
        end: of follow-up; None where the task has no times.
        resamples, threshold, horizons, groups: see `evaluate`.
    """
    fairness.require(columns, groups)
    if resamples < 1:
        raise UserError(f"evaluate.resamples is {resamples}; it must be at least 1")
    if not 0 < threshold < 1:
        raise UserError(f"evaluate.threshold is {threshold}; it must be between 0 and 1")
    if not horizons:
        return
    if end is None:
        raise UserError("evaluate.horizons: this task has no times; leave them empty")
    for h in horizons:
        if not 0 < h < end:
            raise UserError(f"evaluate.horizons: {h:g} is not between 0 and the end of follow-up, {end:g}")
