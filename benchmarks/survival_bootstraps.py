"""The metrics that `benchmarks.survival` takes of many resamples at once, and a peer's answer to one of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.survival_statistics import Rows, structured
from pmjax.evaluate import calibration, classification, survival


@dataclass(frozen=True)
class Bootstrap:
    """Metrics of many resamples at once, and a peer's loop over resampled rows.

    Attributes:
        name: as the table shows it.
        metrics: (rows, counts (S, n)) → (S,) by name.
        peer: (rows of one resample) → the same numbers.
        by: what the peer uses.
        tolerance: of the absolute difference.
    """

    name: str
    metrics: Callable[[Mapping[str, np.ndarray], np.ndarray], dict[str, np.ndarray]]
    peer: Callable[[Mapping[str, np.ndarray]], Sequence[float]]
    by: str
    tolerance: float = 1e-9


_AT = 700.0
"""Days at which resampled survival is judged."""


def columns(rows: Rows) -> dict[str, np.ndarray]:
    """The rows as a study's predictions hold them, and a class with its probability beside."""
    rng, n = np.random.default_rng(1), len(rows.time)
    p = 1 / (1 + np.exp(-rows.risk))
    label = (rng.random(n) < 1 / (1 + np.exp(0.2 - 0.8 * rows.risk))).astype(int)
    columns = {"start": np.zeros(n), "time": rows.time, "event": rows.event, "fold": np.zeros(n, int)}
    columns |= {"risk": rows.risk, "survival": np.exp(-np.exp(rows.risk) * _AT / 1_000)}
    return columns | {"label": label, "probability": np.stack([1 - p, p], axis=1)}


def _classes_pmjax(r: Mapping[str, np.ndarray], weight: np.ndarray) -> dict[str, np.ndarray]:
    label, probability = r["label"], r["probability"]
    values = {"auroc": classification.auroc(label == 1, probability[:, 1], weight)}
    values["brier"] = classification.brier(label, probability, weight)
    return values | calibration.calibration(label, probability, weight)


def _classes_peer(r: Mapping[str, np.ndarray]) -> Sequence[float]:
    from scipy.optimize import brentq
    from scipy.special import expit, logit
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import brier_score_loss, roc_auc_score

    label, p = r["label"], r["probability"][:, 1]
    x = logit(p)
    slope = LogisticRegression(C=np.inf, tol=1e-10, solver="newton-cholesky").fit(x[:, None], label).coef_[0, 0]
    intercept = brentq(lambda a: label.sum() - expit(a + x).sum(), -5, 5, xtol=1e-13)
    return roc_auc_score(label, p), brier_score_loss(label, p), slope, intercept, label.sum() / p.sum()


def _c_resampled(r: Mapping[str, np.ndarray], weight: np.ndarray) -> dict[str, np.ndarray]:
    return {"c": survival.harrell_c(*(r[k] for k in ("start", "time", "event", "risk", "fold")), weight)}


def _c_peer(r: Mapping[str, np.ndarray]) -> Sequence[float]:
    from lifelines.utils import concordance_index

    return [concordance_index(r["time"], -r["risk"], r["event"])]


def _km_resampled(r: Mapping[str, np.ndarray], weight: np.ndarray) -> dict[str, np.ndarray]:
    curve = survival.product_limit(r["time"], r["event"], weight)
    return {"survival": survival.survival_at(*curve, np.array([_AT]))[:, 0]}


def _km_peer(r: Mapping[str, np.ndarray]) -> Sequence[float]:
    from lifelines import KaplanMeierFitter

    return [KaplanMeierFitter().fit(r["time"], r["event"]).predict(_AT)]


def _brier_resampled(r: Mapping[str, np.ndarray], weight: np.ndarray) -> dict[str, np.ndarray]:
    return {"brier": survival.brier_at(r["time"], r["event"], r["survival"], _AT, weight)}


def _brier_peer(r: Mapping[str, np.ndarray]) -> Sequence[float]:
    from sksurv.metrics import brier_score

    truth = structured(r["time"], r["event"])
    return brier_score(truth, truth, r["survival"][:, None], np.array([_AT]))[1]


BOOTSTRAPS = (
    Bootstrap(
        "AUROC, Brier score, calibration (slope, intercept, O/E)",
        _classes_pmjax,
        _classes_peer,
        "scikit-learn, SciPy",
        tolerance=1e-5,
    ),
    Bootstrap("Harrell's C", _c_resampled, _c_peer, "lifelines"),
    Bootstrap("Kaplan-Meier at a horizon", _km_resampled, _km_peer, "lifelines"),
    Bootstrap("Brier score at a horizon", _brier_resampled, _brier_peer, "scikit-survival"),
)
