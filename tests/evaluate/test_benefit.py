"""Net benefit agrees with counting true and false positives."""

import numpy as np
import pytest

from pmjax.evaluate.benefit import net_benefit, treat_all


def test_net_benefit_counts_true_and_false_positives():
    rng = np.random.default_rng(0)
    truth, p = rng.random(50) < 0.4, np.round(rng.random(50), 1)
    weight = rng.integers(0, 3, (4, 50)).astype(float)
    thresholds = np.array([0.1, 0.3, 0.5])
    ours = net_benefit(truth, p, weight, thresholds)
    for s in range(4):
        rows = np.repeat(np.arange(50), weight[s].astype(int))
        for j, t in enumerate(thresholds):
            treated = p[rows] >= t
            hits, misses = (treated & truth[rows]).sum(), (treated & ~truth[rows]).sum()
            assert ours[s, j] == pytest.approx((hits - misses * t / (1 - t)) / len(rows))


def test_treat_all_is_worth_nothing_where_the_threshold_is_the_prevalence():
    truth = np.arange(10) < 3
    at = treat_all(truth, np.ones((1, 10)), np.array([0.2, 0.3, 0.4]))[0]
    assert at[0] > 0 > at[2]
    assert at[1] == pytest.approx(0, abs=1e-12)


def test_a_perfect_prediction_is_worth_the_prevalence_everywhere():
    truth = np.arange(10) < 3
    value = net_benefit(truth, truth.astype(float), np.ones((1, 10)), np.array([0.1, 0.5, 0.9]))
    np.testing.assert_allclose(value, 0.3)
