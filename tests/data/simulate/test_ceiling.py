"""Ceilings against enumeration of every outcome, and against the oracle judged by pmjax.evaluate."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.data.simulate.ceiling import classification_ceiling, expected_auroc, survival_ceiling
from pmjax.evaluate.classification import classification
from pmjax.evaluate.survival import harrell_c


@given(st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.3001, 0.5, 0.8, 1.0]), min_size=2, max_size=6))
def test_auroc_is_the_mean_over_every_labelling(chances):
    p = np.array(chances)
    right, pairs = 0.0, 0.0
    for labels in itertools.product((0, 1), repeat=len(p)):
        y = np.array(labels)
        weight = np.prod(np.where(y, p, 1 - p))
        ahead = np.sign(p[y == 1][:, None] - p[y == 0]) / 2 + 0.5
        right, pairs = right + weight * ahead.sum(), pairs + weight * ahead.size
    assert expected_auroc(p) == pytest.approx(right / pairs if pairs else np.nan, nan_ok=True)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_oracle_judged_by_evaluate_reaches_every_ceiling(classes):
    generator = np.random.default_rng(0)
    p = generator.dirichlet(np.full(classes, 0.5), 2_000)
    ceiling = classification_ceiling(p)
    draws = []
    for _ in range(50):
        label = (p.cumsum(axis=1) < generator.random(len(p))[:, None]).sum(axis=1)
        draws.append(classification(label, p, np.ones((1, len(p))), 0.5))
    for metric, expected in ceiling.items():
        values = np.array([float(draw[metric][0]) for draw in draws])
        assert abs(values.mean() - expected) < 4 * values.std() / np.sqrt(50) + 2e-4, metric


def test_hand_computed_ceilings_of_two_classes():
    ceiling = classification_ceiling(np.array([[0.2, 0.8], [0.9, 0.1]]))
    assert ceiling["accuracy"] == pytest.approx(0.85)
    assert ceiling["brier"] == pytest.approx((0.16 + 0.09) / 2)
    assert ceiling["auroc"] == pytest.approx(0.72 / (0.72 + 0.02))
    entropies = [-0.2 * np.log(0.2) - 0.8 * np.log(0.8), -0.1 * np.log(0.1) - 0.9 * np.log(0.9)]
    assert ceiling["log_loss"] == pytest.approx(np.mean(entropies))


def test_certainty_is_a_perfect_score():
    ceiling = classification_ceiling(np.eye(3)[[0, 1, 2, 1]])
    assert ceiling == {"accuracy": 1, "auroc": 1, "auprc": 1, "log_loss": 0, "brier": 0}


@pytest.mark.parametrize("until", [np.inf, 0.3])
def test_harrell_c_of_the_true_hazard_by_simulation(until):
    generator = np.random.default_rng(1)
    eta = generator.normal(0, 1, 500)
    values = []
    for _ in range(100):
        time = generator.exponential(np.exp(-eta))
        event, time, zero = time < until, np.minimum(time, until), np.zeros(len(eta))
        values.append(harrell_c(zero, time, event, eta, np.zeros(len(eta), int), np.ones((1, len(eta))))[0])
    assert survival_ceiling(eta, until=until)["harrell_c"] == pytest.approx(
        np.mean(values), abs=4 * np.std(values) / np.sqrt(100)
    )


def test_quantiles_represent_a_large_cohort_and_brier_is_named_by_horizon():
    eta = np.random.default_rng(2).normal(0, 0.8, 3_000)
    h = np.exp(eta)
    first = np.maximum(h[:, None], h) / (h[:, None] + h)
    exact = (first.sum() - 0.5 * len(h)) / (len(h) * (len(h) - 1))
    assert survival_ceiling(eta)["harrell_c"] == pytest.approx(exact, abs=2e-4)
    assert survival_ceiling(eta, {365.0: np.repeat([0.5, 1.0], 1_500)})["brier@365"] == 0.125
