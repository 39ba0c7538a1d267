"""Ceilings: what the best possible model reaches on average, from the truth alone.

Each is the metric expected over outcomes, given the inputs of the rows: labels are averaged out, so it is free of their
noise, and it converges to the value in the population as rows grow. Only metrics are given that the truth maximises
(or minimises): recall, precision and F1 trade against each other with the threshold and have no ceiling of this kind.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from scipy.special import entr, expit

PerRow = Float[np.ndarray, " N"]
_QUANTILES = 2_000


def classification_ceiling(probability: Float[np.ndarray, "N K"]) -> dict[str, float]:
    """Expect the metrics of the Bayes-optimal probabilities, defined as in `pmjax.evaluate.classification`.

    Accuracy E max p; log-loss E Σ −p ln p (nats); Brier E p(1 − p) of the positive class, summed over classes where
    there are more than two; AUROC and average precision of the positive class, the mean over classes against the rest
    where there are more than two.
    """
    p = np.asarray(probability, np.float64)
    scored = p[:, 1:] if p.shape[1] == 2 else p
    return {
        "accuracy": float(p.max(axis=1).mean()),
        "auroc": float(np.mean([expected_auroc(column) for column in scored.T])),
        "auprc": float(np.mean([expected_auprc(column) for column in scored.T])),
        "log_loss": float(entr(p).sum(axis=1).mean()),
        "brier": float((scored * (1 - scored)).sum(axis=1).mean()),
    }


def expected_auroc(p: PerRow) -> float:
    """Compute Σ p_i (1 − p_j) [p_i > p_j, ties half] / Σ p_i (1 − p_j) over i ≠ j.

    That is the chance that a positive outranks a negative, when row i is positive with probability p_i. NaN where no
    pair can differ.
    """
    _, level = np.unique(p, return_inverse=True)
    positive, negative = np.bincount(level, p), np.bincount(level, 1 - p)
    below = np.cumsum(negative) - negative / 2
    itself = (p * (1 - p)).sum()  # a row is no pair with itself; as a tie it was counted half
    pairs = p.sum() * (1 - p).sum() - itself
    return float((positive @ below - itself / 2) / pairs) if pairs > 0 else float("nan")


def expected_auprc(p: PerRow) -> float:
    """Compute average precision Σ (R_l − R_{l−1}) P_l over levels of p from the top, with expected counts."""
    _, level = np.unique(-p, return_inverse=True)
    positive = np.bincount(level, p)
    precision = positive.cumsum() / np.bincount(level).cumsum()
    return float(positive @ precision / positive.sum()) if positive.sum() > 0 else float("nan")


def survival_ceiling(
    log_hazard: PerRow, survival: Mapping[float, PerRow] | None = None, until: float = np.inf
) -> dict[str, float]:
    """Expect Harrell's C of the true log-hazard, and the Brier score of the true `survival` at each horizon.

    Of two patients whose hazards are proportional at all times, h_i and h_j, i fails first with chance h_i/(h_i + h_j).
    With everyone followed to the same end a pair is comparable with chance 1 − exp(−(h_i + h_j) Λ), where Λ = `until`
    is the baseline's cumulative hazard at the end (time itself, where hazards are constant); infinity is no censoring.
    C is the mean of max(h_i, h_j)/(h_i + h_j) over pairs, weighted by that chance. More than 2,000 rows are represented
    by 2,000 evenly spaced quantiles, which moves C by less than 2e-4.
    """
    eta = np.sort(np.asarray(log_hazard, np.float64))
    if len(eta) > _QUANTILES:
        eta = np.quantile(eta, (np.arange(_QUANTILES) + 0.5) / _QUANTILES)
    i, j = np.triu_indices(len(eta), 1)
    comparable = -np.expm1(-(np.exp(eta[i]) + np.exp(eta[j])) * until)
    concordance = {"harrell_c": float(np.average(expit(np.abs(eta[i] - eta[j])), weights=comparable))}
    return concordance | {f"brier@{h:g}": float((s * (1 - s)).mean()) for h, s in (survival or {}).items()}
