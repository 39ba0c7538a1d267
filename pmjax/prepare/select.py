"""Feature selection inside the fold: univariate statistics of training rows, and the k best by them."""

import numpy as np
from jaxtyping import Float, Int

from pmjax.task import Classify, Task
from pmjax.types import HostArray


def best_features(x: Float[np.ndarray, "n F"], task: Task, rows: HostArray, k: int) -> Int[np.ndarray, " k"]:
    """Choose the k features (all, where there are fewer) that tell the outcome best, each by itself.

    Args:
        x: finite values of the training rows.
        task: of the whole cohort; only the outcomes of `rows` are read.
        rows: (n,) indices of the training rows.

    Returns:
        Indices in ascending order, so that features keep their order; of equal ones the first is chosen.
    """
    if isinstance(task, Classify):
        scores = anova_f(x, task.label[rows])
    else:
        scores = cox_score(x, task.time[rows], task.event[rows], None if task.start is None else task.start[rows])
    return np.sort(np.argsort(-scores, kind="stable")[:k]).astype(np.int32)


def anova_f(x: HostArray, label: HostArray) -> HostArray:
    """F statistic of one-way analysis of variance of each column, (F,), for two classes or more.

    0 where a column is constant, infinite where it varies between the classes alone.
    """
    x = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    classes, counts = np.unique(label, return_counts=True)
    means = np.stack([x[label == k].mean(axis=0) for k in classes])
    between = (counts[:, None] * means**2).sum(axis=0) / max(len(classes) - 1, 1)
    within = sum(((x[label == k] - m) ** 2).sum(axis=0) for k, m in zip(classes, means, strict=True))
    within = within / max(len(x) - len(classes), 1)
    with np.errstate(divide="ignore"):
        return np.divide(between, within, out=np.zeros_like(between), where=between > 0)


def cox_score(x: HostArray, time: HostArray, event: HostArray, start: HostArray | None = None) -> HostArray:
    """Score statistic U²/I of a Cox model of each column alone at β = 0, Breslow ties: (F,), χ² with one degree.

    For a 0/1 column without tied times this is the log-rank statistic. Late entry where rows have a `start`: at
    risk at t are rows with start < t ≤ time.
    """
    x = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    at, deaths = np.unique(time[event], return_counts=True)
    moments = np.concatenate([np.ones((len(x), 1)), x, x**2], axis=1)
    risk = _sum_from(moments, time, at)
    if start is not None:
        risk = risk - _sum_from(moments, start, at)
    size, first, second = risk[:, :1], *np.split(risk[:, 1:], 2, axis=1)
    mean = first / size
    score = x[event].sum(axis=0) - (deaths[:, None] * mean).sum(axis=0)
    information = (deaths[:, None] * np.maximum(second / size - mean**2, 0)).sum(axis=0)
    # Rounding leaves a constant column with information of about 1e-16.
    informed = information > 1e-12 * len(x)
    return np.divide(score**2, information, out=np.zeros_like(score), where=informed)


def _sum_from(moments: HostArray, time: HostArray, at: HostArray) -> HostArray:
    """Sum of `moments` over rows with time ≥ each of `at`, (E, …)."""
    order = np.argsort(time, kind="stable")
    tail = np.cumsum(moments[order][::-1], axis=0)[::-1]
    tail = np.concatenate([tail, np.zeros_like(tail[:1])])
    return tail[np.searchsorted(time[order], at)]
