"""Paired differences: each model against each baseline, on the same patients and the same resamples."""

from collections.abc import Iterator, Mapping

import numpy as np

from pmjax.predictions import ORACLE

FLOORS = {"auroc": 0.5, "harrell_c": 0.5}
SHARE = "_share_of_ceiling"
HEADLINE = ("accuracy", "mcc", "auroc", "brier", "log_loss", "harrell_c")
MINUS = " − "
DIFFERENCE = "_difference"


def headline(metric: str) -> bool:
    """Say whether models are compared by this metric: those of `HEADLINE`, and the Brier score at any horizon."""
    return metric.split("@")[0] in HEADLINE


def differences(
    values: Mapping[str, Mapping[str, np.ndarray]], baselines: tuple[str, ...]
) -> Iterator[tuple[str, str, str, np.ndarray]]:
    """Yield model, baseline, metric and model minus baseline (S+1,), in the order of `values`.

    Args:
        values: by model and metric (S+1,): the plain estimate, then one value a resample, the same for every model.
        baselines: names among the models.
    """
    for model in (m for m in values if m not in (*baselines, ORACLE)):
        for baseline in baselines:
            for metric in filter(headline, values[model]):
                yield model, baseline, metric, values[model][metric] - values[baseline][metric]


def shares(values: Mapping[str, Mapping[str, np.ndarray]]) -> Iterator[tuple[str, str, np.ndarray]]:
    """Yield model, metric and the share (S+1,) of the way from chance to the oracle that the model went.

    On the same patients and resamples; nothing where no oracle is among the models.
    """
    ceiling = values.get(ORACLE, {})
    for model in (m for m in values if m != ORACLE):
        for metric, floor in FLOORS.items():
            if metric in ceiling:
                yield model, metric, (values[model][metric] - floor) / (ceiling[metric] - floor)
