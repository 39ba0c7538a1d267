"""ComBat against the formulas of Johnson et al. (2007) written out feature by feature, and what it must do."""

import inspect

import numpy as np
import pytest

from pmjax.prepare import harmonise
from pmjax.prepare.harmonise import UNKNOWN, adjust, fit, site_codes, unseen_sites


def shifted(seed=0, n=60, features=30, sites=3, shift=2.0):
    """Sites that differ by shift and scale in every feature."""
    key = np.random.default_rng(seed)
    site = np.arange(n) % sites
    level = key.normal(0, shift, (sites, features))
    spread = key.uniform(0.5, 2, (sites, 1)) * key.uniform(0.8, 1.2, (sites, features))
    return 10 + level[site] + spread[site] * key.normal(0, 1, (n, features)), site


def johnson(values, site):
    """Section 3 of the paper, without covariates, in loops; every site has two rows or more, no gap."""
    n, features = values.shape
    batches = np.unique(site)
    alpha = np.array([sum(values[site == i, g].sum() for i in batches) / n for g in range(features)])
    gamma = np.array([[values[site == i, g].mean() - alpha[g] for g in range(features)] for i in batches])
    row = np.searchsorted(batches, site)
    sigma = np.sqrt([((values[:, g] - alpha[g] - gamma[row, g]) ** 2).sum() / n for g in range(features)])
    z = (values - alpha) / sigma
    result = np.empty_like(values)
    for i in batches:
        own = z[site == i]
        gamma_hat, delta_hat = own.mean(axis=0), own.var(axis=0, ddof=1)
        gamma_bar, tau = gamma_hat.mean(), gamma_hat.var(ddof=1)
        v, s = delta_hat.mean(), delta_hat.var(ddof=1)
        prior, theta = (v**2 + 2 * s) / s, (v**3 + v * s) / s
        for g in range(features):
            star, delta = gamma_hat[g], delta_hat[g]
            for _ in range(200):
                star = (len(own) * tau * gamma_hat[g] + delta * gamma_bar) / (len(own) * tau + delta)
                delta = (theta + ((own[:, g] - star) ** 2).sum() / 2) / (len(own) / 2 + prior - 1)
            result[site == i, g] = sigma[g] / np.sqrt(delta) * (own[:, g] - star) + alpha[g]
    return result


@pytest.mark.parametrize("sizes", [(20, 20, 20), (5, 40, 15)])
def test_equal_to_the_papers_formulas(sizes):
    values, _ = shifted(n=sum(sizes))
    site = np.repeat(range(3), sizes)
    values[site == 1] += 3
    np.testing.assert_allclose(adjust(fit(values, site, 3), values, site), johnson(values, site), rtol=1e-8)


def test_planted_shifts_and_scales_are_gone():
    values, site = shifted(n=300)
    found = adjust(fit(values, site, 3), values, site)
    means = np.stack([found[site == i].mean(axis=0) for i in range(3)])
    spreads = np.stack([found[site == i].std(axis=0) for i in range(3)])
    assert np.ptp(means, axis=0).max() < 0.1
    assert (spreads.max(axis=0) / spreads.min(axis=0)).max() < 1.2
    before = np.stack([values[site == i].mean(axis=0) for i in range(3)])
    assert np.ptp(before, axis=0).min() > 0.2


def test_a_signal_that_is_balanced_over_sites_is_restored():
    key = np.random.default_rng(0)
    site, case = np.arange(600) % 3, np.arange(600) // 3 % 2
    signal = key.normal(0, 1, (600, 30))
    signal[:, :5] += 3 * case[:, None]
    values = key.normal(0, 5, (3, 30))[site] + key.uniform(0.5, 2, (3, 30))[site] * signal

    def effect(x):
        return (x[case == 1].mean(axis=0) - x[case == 0].mean(axis=0)) / x[case == 0].std(axis=0)

    found = adjust(fit(values, site, 3), values, site)
    np.testing.assert_allclose(effect(found)[:5], effect(signal)[:5], rtol=0.05)
    assert np.abs(effect(found)[5:] - effect(signal)[5:]).max() < 0.05
    assert np.abs(effect(values)[:5]).max() < 2


def test_no_label_can_enter():
    assert set(inspect.signature(harmonise.fit).parameters) == {"values", "site", "sites"}


def test_gaps_do_not_count_and_stay():
    values, site = shifted(n=90)
    gap = np.random.default_rng(1).random(values.shape) < 0.2
    values[gap] = np.nan
    found = adjust(fit(values, site, 3), values, site)
    np.testing.assert_array_equal(np.isnan(found), gap)
    means = np.stack([np.nanmean(found[site == i], axis=0) for i in range(3)])
    assert np.ptp(means, axis=0).max() < 0.5


def test_a_feature_that_a_site_never_measured_takes_the_sites_common_shift():
    values, site = shifted(shift=0.0)
    values[site == 1] += 5
    values[site == 1, 0] = np.nan
    params = fit(values, site, 3)
    assert np.isfinite(params["site_shift"]).all()
    late = adjust(params, values[site == 1] * 0 + 15, np.ones(20, int))
    others = adjust(params, values[site == 1] * 0 + 15, np.full(20, UNKNOWN))
    assert (others - late)[:, 1:].min() > 2
    filled = np.full((1, 30), 15.0)
    assert (adjust(params, filled, np.array([UNKNOWN])) - adjust(params, filled, np.array([1])))[0, 0] > 2


def test_one_feature_takes_each_sites_own_mean_and_variance():
    values, site = shifted(features=1)
    found = adjust(fit(values, site, 3), values, site)
    for i in range(3):
        assert found[site == i].mean() == pytest.approx(values.mean())
    spreads = [found[site == i].std(ddof=1) for i in range(3)]
    np.testing.assert_allclose(spreads, spreads[0])


@pytest.mark.parametrize("case", ["one row", "constant", "constant in a site"])
def test_thin_and_flat_columns_stay_finite(case):
    values, site = shifted(n=31)
    if case == "one row":
        site = np.where(np.arange(31) == 30, 2, np.arange(31) % 2)
    elif case == "constant":
        values[:, 0] = 7
    else:
        values[site == 0, 0] = 7
    found = adjust(fit(values, site, 3), values, site)
    assert np.isfinite(found).all()
    if case == "constant":
        np.testing.assert_array_equal(found[:, 0], 7)


def test_one_site_alone_and_unseen_sites_are_left_as_they_are():
    values, site = shifted()
    alone = fit(values[site == 0], site[site == 0], 3)
    np.testing.assert_array_equal(adjust(alone, values, site), values)
    two = fit(values[site < 2], site[site < 2], 3)
    np.testing.assert_array_equal(adjust(two, values[site == 2], site[site == 2]), values[site == 2])
    unknown = np.full(60, UNKNOWN)
    np.testing.assert_array_equal(adjust(two, values, unknown), values)


def test_series_take_the_site_of_their_row_at_every_step():
    values, site = shifted()
    params = fit(values, site, 3)
    series = np.repeat(values[:, None], 4, axis=1)
    expected = np.repeat(adjust(params, values, site)[:, None], 4, axis=1)
    np.testing.assert_array_equal(adjust(params, series, site), expected)


def test_sites_get_codes_and_those_without_training_rows_are_named():
    assert site_codes(np.array(["b", "a", "z"]), ("a", "b")).tolist() == [1, 0, UNKNOWN]
    assert unseen_sites(np.array([0, 1, 2, 2]), np.array([True, False, True, False])) == (1,)
