"""Recalibration agrees with scikit-learn's unpenalised logistic regression and with its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from pmjax.evaluate.calibration import calibration, intercept, logit, observed_expected, slope
from pmjax.evaluate.intervals import resamples


def drawn(n=400, stretch=1.0, shift=0.0, seed=0):
    """Outcomes of log odds x, and predictions with log odds stretch * x + shift."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    truth = rng.random(n) < 1 / (1 + np.exp(-x))
    return truth, 1 / (1 + np.exp(-(stretch * x + shift)))


def test_slope_agrees_with_logistic_regression_on_repeated_rows():
    truth, p = drawn(stretch=2.0, shift=0.5)
    weight = resamples(np.arange(len(truth)).astype(str), 5, seed=1).astype(float)
    ours = slope(truth, p, weight)
    for s in range(len(weight)):
        rows = np.repeat(np.arange(len(truth)), weight[s].astype(int))
        fit = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit(p[rows])[:, None], truth[rows])
        assert ours[s] == pytest.approx(fit.coef_[0, 0], abs=1e-6)


def test_slope_undoes_a_stretch_and_ignores_a_shift():
    truth, p = drawn()
    _, stretched = drawn(stretch=2.0, shift=0.7)
    one = np.ones((1, len(truth)))
    assert slope(truth, stretched, one)[0] == pytest.approx(slope(truth, p, one)[0] / 2, abs=1e-8)


@pytest.mark.parametrize("shift", [-6.0, -0.5, 0.0, 3.0, 9.0])
def test_intercept_makes_expected_equal_observed(shift):
    truth, p = drawn(shift=shift)
    weight = np.random.default_rng(0).integers(0, 3, (4, len(truth))).astype(float)
    a = intercept(truth, p, weight)
    moved = 1 / (1 + np.exp(-(a[:, None] + logit(p))))
    np.testing.assert_allclose((weight * moved).sum(axis=1), weight @ truth, atol=1e-7)


def test_observed_expected_is_the_ratio_of_sums():
    truth, p = drawn()
    assert observed_expected(truth, p, np.ones((1, 400)))[0] == pytest.approx(truth.sum() / p.sum())


def test_no_finite_maximum_is_undefined():
    truth = np.array([False, False, True, True])
    apart, same = np.array([0.1, 0.2, 0.8, 0.9]), np.full(4, 0.5)
    mixed = np.array([0.1, 0.8, 0.2, 0.9])
    weight = np.array([[1.0, 1, 1, 1], [1, 0, 0, 1], [1, 1, 0, 0]])
    assert np.isnan(slope(truth, apart, weight)).all()
    assert np.isnan(slope(truth, same, weight)).all()
    assert np.isfinite(slope(truth, mixed, weight)).tolist() == [True, False, False]
    assert np.isfinite(intercept(truth, mixed, weight)).tolist() == [True, True, False]


def test_classes_average_one_against_the_rest():
    rng = np.random.default_rng(0)
    probability = rng.dirichlet([2, 2, 2], 300)
    label = np.array([rng.choice(3, p=p) for p in probability])
    one = np.ones((1, 300))
    values = calibration(label, probability, one)
    each = [slope(label == k, probability[:, k], one)[0] for k in range(3)]
    assert values["calibration_slope"][0] == pytest.approx(np.mean(each))


@given(st.integers(0, 10_000))
def test_slope_is_undefined_where_a_threshold_separates_the_drawn_rows(seed):
    rng = np.random.default_rng(seed)
    truth, p = drawn(n=9, seed=seed)
    weight = rng.integers(0, 3, (20, 9)).astype(float)
    ours = slope(truth, p, weight)
    for s in range(len(weight)):
        one, zero = p[truth & (weight[s] > 0)], p[~truth & (weight[s] > 0)]
        apart = not len(one) or not len(zero) or one.min() >= zero.max() or one.max() <= zero.min()
        assert np.isnan(ours[s]) == apart
