"""Metrics of class probabilities, each computed for S resamples of N rows at once.

`weight` (S, N) says how often a resample holds a row: a metric of weights equals the metric of the repeated rows, and
one resample of ones is the plain estimate. NaN marks a resample in which the metric is undefined (a class or a
prediction is absent); `intervals` leaves those out and counts them. With two classes the positive one is index 1; with
more, one-vs-rest metrics are averaged over the classes with equal weight (macro).
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int

Counts = Float[np.ndarray, "S N"]
Labels = Int[np.ndarray, " N"]
Probabilities = Float[np.ndarray, "N K"]
PerResample = Float[np.ndarray, " S"]

DEFINITIONS = {
    "accuracy": "(TP+TN)/(TP+TN+FP+FN), paper eq. 4",
    "precision": "TP/(TP+FP), paper eq. 5",
    "recall": "TP/(TP+FN), paper eq. 6",
    "specificity": "TN/(TN+FP)",
    "f1": "2TP/(2TP+FP+FN), paper eq. 7",
    "mcc": "Matthews correlation of decided and true class (Gorodkin 2004 for more than two)",
    "auroc": "area under the ROC curve, tied scores count half",
    "auprc": "average precision, no interpolation",
    "log_loss": "mean of −log probability of the true class",
    "brier": "mean squared error of the probability (summed over classes where there are more than two)",
}


def ratio(part: PerResample, whole: PerResample) -> PerResample:
    """Divide, with NaN (undefined) where `whole` is zero."""
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)


def predicted(probability: Probabilities, threshold: float) -> Int[np.ndarray, " N"]:
    """Decide the class: two classes by `probability[:, 1] >= threshold`, more by the largest probability."""
    if probability.shape[1] == 2:
        return (probability[:, 1] >= threshold).astype(np.int64)
    return probability.argmax(axis=1)


def one_vs_rest(
    metric: Callable[..., PerResample], label: Labels, score: np.ndarray, classes: int, weight: Counts
) -> PerResample:
    """Average `metric(truth, score of the class, weight)` over classes; for two, the positive class alone.

    `score` is (N, K) or the decided class (N,), which becomes hit or miss per class.
    """
    which = [1] if classes == 2 else range(classes)
    columns = [score == k if score.ndim == 1 else score[:, k] for k in which]
    return np.mean([metric(label == k, s, weight) for k, s in zip(which, columns, strict=True)], axis=0)


def precision(truth: Bool[np.ndarray, " N"], hit: Bool[np.ndarray, " N"], weight: Counts) -> PerResample:
    """Compute TP/(TP+FP), paper eq. 5."""
    return ratio(weight @ (truth & hit), weight @ hit)


def recall(truth: Bool[np.ndarray, " N"], hit: Bool[np.ndarray, " N"], weight: Counts) -> PerResample:
    """Compute TP/(TP+FN), paper eq. 6."""
    return ratio(weight @ (truth & hit), weight @ truth)


def specificity(truth: Bool[np.ndarray, " N"], hit: Bool[np.ndarray, " N"], weight: Counts) -> PerResample:
    """Compute TN/(TN+FP)."""
    return ratio(weight @ (~truth & ~hit), weight @ ~truth)


def f1(truth: Bool[np.ndarray, " N"], hit: Bool[np.ndarray, " N"], weight: Counts) -> PerResample:
    """Compute 2TP/(2TP+FP+FN): paper eq. 7 where that is defined, 0 where it is 0/0 for want of a true positive."""
    return ratio(2 * (weight @ (truth & hit)), weight @ truth + weight @ hit)


def mcc(label: Labels, decided: Labels, classes: int, weight: Counts) -> PerResample:
    """Compute Matthews' correlation coefficient over K classes (Gorodkin, Comput Biol Chem 28, 2004)."""
    true, called = (weight @ (column[:, None] == np.arange(classes)) for column in (label, decided))
    total, hits = weight.sum(axis=1), weight @ (label == decided)
    spread = [np.maximum(total**2 - (side**2).sum(axis=1), 0) for side in (true, called)]
    return ratio(hits * total - (true * called).sum(axis=1), np.sqrt(spread[0] * spread[1]))


def auroc(truth: Bool[np.ndarray, " N"], score: Float[np.ndarray, " N"], weight: Counts) -> PerResample:
    """Compute the share of (positive, negative) pairs in the right order, ties half (Mann–Whitney)."""
    negative = np.flatnonzero(~truth)
    negative = negative[np.argsort(score[negative], kind="stable")]
    below = np.zeros((len(weight), len(negative) + 1))
    np.cumsum(weight[:, negative], axis=1, out=below[:, 1:])
    levels, level = np.unique(score[truth], return_inverse=True)
    positives = _sum_by(weight[:, truth], level, len(levels))
    lower = below[:, np.searchsorted(score[negative], levels, side="left")]
    upper = below[:, np.searchsorted(score[negative], levels, side="right")]
    pairs = np.einsum("sl,sl->s", positives, (lower + upper) / 2)
    return ratio(pairs, positives.sum(axis=1) * below[:, -1])


def auprc(truth: Bool[np.ndarray, " N"], score: Float[np.ndarray, " N"], weight: Counts) -> PerResample:
    """Compute average precision Σ (R_n − R_{n−1}) P_n over distinct scores from the top, as scikit-learn does."""
    levels, level = np.unique(-score, return_inverse=True)
    positives = _sum_by(weight * truth, level, len(levels))
    hits = positives.cumsum(axis=1)
    called = _sum_by(weight, level, len(levels)).cumsum(axis=1)
    at_level = np.divide(hits, np.maximum(called, 1), out=called)
    return ratio(np.einsum("sl,sl->s", positives, at_level), positives.sum(axis=1))


def log_loss(label: Labels, probability: Probabilities, weight: Counts) -> PerResample:
    """Average −log p of the true class, p at least float64 eps (paper eq. 9)."""
    true = probability[np.arange(len(label)), label]
    return ratio(weight @ -np.log(np.clip(true, np.finfo(np.float64).eps, 1)), weight.sum(axis=1))


def brier(label: Labels, probability: Probabilities, weight: Counts) -> PerResample:
    """Average (p − y)² of the positive class, or its sum over classes where there are more than two."""
    error = (probability - (label[:, None] == np.arange(probability.shape[1]))) ** 2
    row = error[:, 1] if probability.shape[1] == 2 else error.sum(axis=1)
    return ratio(weight @ row, weight.sum(axis=1))


def classification(
    label: Labels, probability: Probabilities, weight: Counts, threshold: float
) -> dict[str, PerResample]:
    """Compute every metric of `DEFINITIONS` for each resample."""
    classes, decided = probability.shape[1], predicted(probability, threshold)
    values = {"accuracy": ratio(weight @ (decided == label), weight.sum(axis=1))}
    for metric in (precision, recall, specificity, f1):
        values[metric.__name__] = one_vs_rest(metric, label, decided, classes, weight)
    values["mcc"] = mcc(label, decided, classes, weight)
    for ranking in (auroc, auprc):
        values[ranking.__name__] = one_vs_rest(ranking, label, probability, classes, weight)
    return values | {
        "log_loss": log_loss(label, probability, weight),
        "brier": brier(label, probability, weight),
    }


def _sum_by(weight: Counts, level: np.ndarray, levels: int) -> Float[np.ndarray, "S L"]:
    """Add up the columns of equal `level` (a bare gather where there are no ties)."""
    order = np.argsort(level, kind="stable")
    if levels in (0, len(level)):
        return weight[:, order]
    return np.add.reduceat(weight[:, order], np.searchsorted(level[order], np.arange(levels)), axis=1)
