"""The statistics that `benchmarks.survival` times: simulated rows, and how pmjax and each peer answers from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from pmjax import efron
from pmjax.evaluate import survival
from pmjax.train.cox import cox_regression

SIZES = (1_000, 10_000, 100_000, 1_000_000)
_HORIZONS = 10


@dataclass(frozen=True)
class Rows:
    """Simulated patients: what happened, covariates (N, 10), a risk, and survival (N, H) at horizons (H,)."""

    time: np.ndarray
    event: np.ndarray
    x: np.ndarray
    risk: np.ndarray
    survival: np.ndarray
    horizons: np.ndarray


@lru_cache(maxsize=len(SIZES))
def simulate(n: int, tied: bool, seed: int = 0) -> Rows:
    """Draws `n` patients; time in days."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 10))
    log_hazard = x @ np.linspace(-0.5, 0.5, 10)
    failure = 1_000 * rng.exponential(np.exp(-log_hazard))
    censoring = np.minimum(rng.exponential(2_000, n), 1_800)
    time, event = np.minimum(failure, censoring), failure <= censoring
    risk = log_hazard + 0.5 * rng.normal(size=n)
    if tied:
        time, risk = 7 * np.ceil(time / 7), np.round(risk, 1)
    horizons = np.quantile(time, np.linspace(0.1, 0.8, _HORIZONS))
    return Rows(time, event, x, risk, np.exp(-np.exp(risk)[:, None] * horizons / 1_000), horizons)


Call = Callable[[], np.ndarray]


@dataclass(frozen=True)
class Statistic:
    """A question that several tools answer.

    Attributes:
        name: as the tables show it.
        calls: by tool, (rows) → the call that is timed; inputs are brought into the tool's form before.
        tolerance: by how much the answer of each tool may differ from pmjax's, relative to its largest number.
        largest: rows that a tool can bear, where it holds all pairs of them.
        note: what is compared.
    """

    name: str
    calls: Mapping[str, Callable[[Rows], Call]]
    tolerance: Mapping[str, float]
    largest: Mapping[str, int] = field(default_factory=dict)
    note: str = ""


def _step(times: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    return np.append(1.0, values)[np.searchsorted(times, at, side="right")]


def structured(time: np.ndarray, event: np.ndarray) -> np.ndarray:
    """Outcomes as scikit-survival takes them."""
    return np.rec.fromarrays([event, time], names="event,time")


def _tensors(*arrays: np.ndarray) -> list[Any]:
    import torch

    return [torch.from_numpy(array) for array in arrays]


def _km_pmjax(rows: Rows) -> Call:
    one = np.ones((1, len(rows.time)))
    return lambda: survival.survival_at(*survival.product_limit(rows.time, rows.event, one), rows.horizons)[0]


def _km_lifelines(rows: Rows) -> Call:
    from lifelines import KaplanMeierFitter

    return lambda: KaplanMeierFitter().fit(rows.time, rows.event).survival_function_at_times(rows.horizons).to_numpy()


def _km_sksurv(rows: Rows) -> Call:
    from sksurv.nonparametric import kaplan_meier_estimator

    return lambda: _step(*kaplan_meier_estimator(rows.event, rows.time), rows.horizons)


def _km_torchsurv(rows: Rows) -> Call:
    from torchsurv.stats.kaplan_meier import KaplanMeierEstimator

    event, time, at = _tensors(rows.event, rows.time, rows.horizons)

    def call() -> np.ndarray:
        curve = KaplanMeierEstimator()
        curve(event, time)
        return curve.predict(at).numpy()

    return call


def _loss_pmjax(rows: Rows) -> Call:
    def call() -> np.ndarray:
        sets = efron.risk_sets(None, rows.time, rows.event)
        value, within = efron.log_likelihood(sets, rows.risk)
        return np.append(efron.expected_events(sets, rows.risk, within) - rows.event, -value / rows.event.sum())

    return call


def _loss_torchsurv(rows: Rows) -> Call:
    from torchsurv.loss.cox import neg_partial_log_likelihood

    event, time, risk = _tensors(rows.event, rows.time, rows.risk)

    def call() -> np.ndarray:
        leaf = risk.detach().clone().requires_grad_()
        loss = neg_partial_log_likelihood(leaf, event, time, reduction="sum")
        loss.backward()
        return np.append(leaf.grad.numpy(), loss.item() / rows.event.sum())

    return call


def _fit_pmjax(rows: Rows) -> Call:
    return lambda: cox_regression(rows.x, None, rows.time, rows.event)[0]


def _fit_lifelines(rows: Rows) -> Call:
    from lifelines import CoxPHFitter

    frame = pd.DataFrame(rows.x).rename(columns=str).assign(time=rows.time, event=rows.event)
    return lambda: CoxPHFitter().fit(frame, "time", "event").params_.to_numpy()


def _fit_sksurv(rows: Rows) -> Call:
    from sksurv.linear_model import CoxPHSurvivalAnalysis

    truth = structured(rows.time, rows.event)
    return lambda: CoxPHSurvivalAnalysis(ties="efron").fit(rows.x, truth).coef_


def _c_pmjax(rows: Rows) -> Call:
    zero, one = np.zeros(len(rows.time)), np.ones((1, len(rows.time)))
    return lambda: survival.harrell_c(zero, rows.time, rows.event, rows.risk, zero.astype(int), one)


def _c_lifelines(rows: Rows) -> Call:
    from lifelines.utils import concordance_index

    return lambda: np.array([concordance_index(rows.time, -rows.risk, rows.event)])


def _c_sksurv(rows: Rows) -> Call:
    from sksurv.metrics import concordance_index_censored

    return lambda: np.array([concordance_index_censored(rows.event, rows.time, rows.risk)[0]])


def _c_torchsurv(rows: Rows) -> Call:
    from torchsurv.metrics.cindex import ConcordanceIndex

    tensors = _tensors(rows.risk, rows.event, rows.time)
    return lambda: np.array([ConcordanceIndex()(*tensors).item()])


def _integrate(scores: np.ndarray, horizons: np.ndarray) -> np.ndarray:
    return np.array([np.trapezoid(scores, horizons) / np.ptp(horizons)])


def _brier_pmjax(rows: Rows) -> Call:
    one = np.ones((1, len(rows.time)))
    arguments = rows.time, rows.event, rows.survival, rows.horizons, one
    return lambda: _integrate(survival.brier_curve(*arguments)[0], rows.horizons)


def _brier_sksurv(rows: Rows) -> Call:
    from sksurv.metrics import integrated_brier_score

    truth = structured(rows.time, rows.event)
    return lambda: np.array([integrated_brier_score(truth, truth, rows.survival, rows.horizons)])


STATISTICS = (
    Statistic(
        "Kaplan-Meier",
        {"pmjax": _km_pmjax, "lifelines": _km_lifelines, "scikit-survival": _km_sksurv, "torchsurv": _km_torchsurv},
        tolerance={"lifelines": 1e-9, "scikit-survival": 1e-9, "torchsurv": 1e-4},
        note="Kaplan-Meier: survival at ten horizons. lifelines' time holds its intervals too.",
    ),
    Statistic(
        "Cox loss and gradient",
        {"pmjax": _loss_pmjax, "torchsurv": _loss_torchsurv},
        tolerance={"torchsurv": 1e-4},
        note="Cox loss: Efron's ties, sorting included; torchsurv's sum, divided by events as ours is (its own mean "
        "divides by distinct times of events where there are ties). lifelines and scikit-survival offer no loss.",
    ),
    Statistic(
        "Cox fit",
        {"pmjax": _fit_pmjax, "lifelines": _fit_lifelines, "scikit-survival": _fit_sksurv},
        tolerance={"lifelines": 1e-4, "scikit-survival": 1e-4},
        note="Cox fit: ten coefficients, Efron's ties, no penalty; each tool stops by its own rule.",
    ),
    Statistic(
        "Harrell's C",
        {"pmjax": _c_pmjax, "lifelines": _c_lifelines, "scikit-survival": _c_sksurv, "torchsurv": _c_torchsurv},
        tolerance={"lifelines": 1e-12, "scikit-survival": 1e-12, "torchsurv": 1e-6},
        largest={"scikit-survival": 10_000, "torchsurv": 10_000},
        note="Harrell's C: tied risks half, tied times of events not compared.",
    ),
    Statistic(
        "Integrated Brier score",
        {"pmjax": _brier_pmjax, "scikit-survival": _brier_sksurv},
        tolerance={"scikit-survival": 1e-12},
        note="Integrated Brier score: Graf's weights from the same rows, trapezoids over ten horizons.",
    ),
)
