"""Survival metrics agree with lifelines, with brute force and with their own repeated rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.datasets import load_rossi
from lifelines.utils import concordance_index

from pmjax.evaluate.survival import (
    brier_at,
    cox_loss,
    harrell_c,
    observed_expected_at,
    product_limit,
    survival_at,
)


def tied(seed, n=30):
    """Start, time, event and risk on a coarse grid, so that all kinds of ties occur."""
    rng = np.random.default_rng(seed)
    time = rng.integers(1, 9, n).astype(float)
    event = rng.random(n) < 0.6
    event[0] = True
    return np.floor(rng.random(n) * time), time, event, rng.integers(0, 5, n).astype(float)


def brute_c(start, time, event, risk, fold):
    """Every ordered pair, one by one."""
    concordant = comparable = 0.0
    for i in np.flatnonzero(event):
        for j in range(len(time)):
            outlives = time[j] > time[i] or (time[j] == time[i] and not event[j])
            if fold[i] == fold[j] and start[j] < time[i] and outlives:
                comparable += 1
                concordant += float(risk[i] > risk[j]) + 0.5 * float(risk[i] == risk[j])
    return concordant / comparable if comparable else np.nan


@given(st.integers(0, 10_000))
def test_c_of_counts_is_brute_force_on_repeated_rows(seed):
    start, time, event, risk = tied(seed)
    rng = np.random.default_rng(seed + 1)
    fold = rng.integers(0, 3, len(time))
    weight = rng.integers(0, 3, (3, len(time))).astype(float)
    ours = harrell_c(start, time, event, risk, fold, weight)
    for s in range(3):
        rows = np.repeat(np.arange(len(time)), weight[s].astype(int))
        expected = brute_c(start[rows], time[rows], event[rows], risk[rows], fold[rows])
        np.testing.assert_allclose(ours[s], expected, atol=1e-12)


@given(st.integers(0, 10_000))
def test_c_from_zero_in_one_fold_is_lifelines(seed):
    _, time, event, risk = tied(seed)
    ours = harrell_c(np.zeros_like(time), time, event, risk, np.zeros(len(time), int), np.ones((1, len(time))))
    assert ours[0] == pytest.approx(concordance_index(time, -risk, event), abs=1e-12)


def pair_matrix_c(start, time, event, risk, fold, weight):
    """All pairs at once, in float64."""
    t, r = time[:, None], risk[:, None]
    valid = event[:, None] & (start < t) & ((time > t) | ((time == t) & ~event)) & (fold[:, None] == fold)
    right = valid * ((r > risk) + 0.5 * (r == risk))
    return np.einsum("si,ij,sj->s", weight, right, weight) / np.einsum("si,ij,sj->s", weight, valid * 1.0, weight)


@pytest.mark.parametrize("resamples", [1, 40])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("times", "risks", "folds"), [(12, 8, 1), (10_000, 9, 2), (15, 10_000, 1), (10_000, 10_000, 3)]
)
def test_c_of_many_rows_is_exactly_that_of_all_pairs(resamples, late, times, risks, folds):
    rng = np.random.default_rng([resamples, late, times, risks])
    n = 1300
    time = rng.integers(1, times, n).astype(float)
    start = np.floor(late * rng.random(n) * time)
    event, risk, fold = rng.random(n) < 0.6, rng.integers(0, risks, n) / 7, rng.integers(0, folds, n)
    weight = rng.integers(0, 3, (resamples, n)).astype(float)
    found = harrell_c(start, time, event, risk, fold, weight)
    np.testing.assert_array_equal(found, pair_matrix_c(start, time, event, risk, fold, weight))


@given(st.integers(0, 10_000), st.booleans())
def test_order_of_rows_changes_no_c(seed, late):
    start, time, event, risk = tied(seed, n=120)
    order = np.random.default_rng(seed).permutation(120)
    one, fold = np.ones((1, 120)), np.zeros(120, int)
    given = harrell_c(start * late, time, event, risk, fold, one)
    shuffled = harrell_c((start * late)[order], time[order], event[order], risk[order], fold, one)
    np.testing.assert_array_equal(given, shuffled)


def test_splitting_follow_up_into_intervals_changes_no_c():
    _, time, event, risk = tied(3)
    cut = 2.5
    long = time > cut
    start = np.concatenate([np.zeros(len(time)), np.full(long.sum(), cut)])
    stop = np.concatenate([np.minimum(time, cut), time[long]])
    happened = np.concatenate([event & ~long, event[long]])
    both = np.concatenate([risk, risk[long]])
    split = harrell_c(start, stop, happened, both, np.zeros(len(stop), int), np.ones((1, len(stop))))
    whole = harrell_c(0 * time, time, event, risk, np.zeros(len(time), int), np.ones((1, len(time))))
    assert split[0] == pytest.approx(whole[0], abs=1e-12)


def test_c_of_many_rows_is_the_same_in_blocks(monkeypatch):
    start, time, event, risk = tied(0, n=200)
    arguments = (start, time, event, risk, np.zeros(200, int), np.ones((2, 200)))
    whole = harrell_c(*arguments)
    monkeypatch.setattr("pmjax.evaluate.concordance._PAIRS_AT_ONCE", 2_000)
    np.testing.assert_array_equal(harrell_c(*arguments), whole)


def brute_cox(start, time, event, risk):
    """Efron's partial likelihood, time by time, as in the book."""
    total = 0.0
    for t in np.unique(time[event]):
        failing = event & (time == t)
        at_risk = np.exp(risk[(start < t) & (time >= t)]).sum()
        d = failing.sum()
        total += risk[failing].sum()
        total -= sum(np.log(at_risk - k / d * np.exp(risk[failing]).sum()) for k in range(d))
    return -total / event.sum()


@given(st.integers(0, 10_000), st.floats(-300, 300))
def test_cox_loss_is_efron_by_brute_force_wherever_risks_have_their_zero(seed, shift):
    start, time, event, risk = tied(seed)
    assert cox_loss(start, time, event, risk + shift) == pytest.approx(brute_cox(start, time, event, risk), abs=1e-9)


def test_cox_loss_holds_where_risks_differ_by_thousands():
    """The last to fail is alone, far below the others: its term is 0 whatever the others' risks."""
    time, event = np.array([1.0, 2.0, 3.0]), np.ones(3, bool)
    loss = cox_loss(np.zeros(3), time, event, np.array([4000.0, -3000.0, -5000.0]))
    assert loss == 0
    loss = cox_loss(np.zeros(3), time, event, np.array([-5000.0, 4000.0, -3000.0]))
    assert loss == pytest.approx(9000 / 3)


@pytest.mark.parametrize("wild", [np.nan, np.inf, -np.inf])
def test_cox_loss_of_a_diverged_model_is_undefined(wild):
    assert np.isnan(cox_loss(np.zeros(3), np.arange(1.0, 4), np.ones(3, bool), np.array([0.0, wild, 1.0])))


def test_cox_loss_reproduces_the_rossi_likelihood():
    rossi = load_rossi()
    fit = CoxPHFitter().fit(rossi, "week", "arrest")
    risk = fit.predict_log_partial_hazard(rossi).to_numpy()
    event = rossi["arrest"].to_numpy(bool)
    loss = cox_loss(np.zeros(len(rossi)), rossi["week"].to_numpy(float), event, risk)
    assert -loss * event.sum() == pytest.approx(-658.747659, abs=1e-5)


def test_cox_loss_without_events_is_undefined():
    assert np.isnan(cox_loss(np.zeros(2), np.ones(2), np.zeros(2, bool), np.zeros(2)))


@given(st.integers(0, 10_000))
def test_product_limit_of_counts_is_kaplan_meier_of_repeated_rows(seed):
    _, time, event, _ = tied(seed)
    weight = np.random.default_rng(seed).integers(0, 3, (2, len(time))).astype(float)
    weight[:, 0] += 1
    times, curve = product_limit(time, event, weight)
    for s in range(2):
        rows = np.repeat(np.arange(len(time)), weight[s].astype(int))
        fit = KaplanMeierFitter().fit(time[rows], event[rows])
        at = np.arange(0.5, time[weight[s] > 0].max())
        expected = fit.survival_function_at_times(at).to_numpy()
        np.testing.assert_allclose(survival_at(times, curve, at)[s], expected, atol=1e-9)


def brute_brier(time, event, survival, horizon):
    """Graf's score with G from lifelines: censorings moved after the events of the same time."""
    after = np.where(event, time, time + 0.25)
    G = KaplanMeierFitter().fit(after, ~event)
    total = 0.0
    for t, e, s in zip(time, event, survival, strict=True):
        if t > horizon:
            total += (1 - s) ** 2 / G.predict(horizon + 0.25)
        elif e:
            total += s**2 / G.predict(t + 0.25)
    return total / len(time)


@pytest.mark.parametrize("horizon", [2.0, 3.5, 5.0])
def test_brier_is_graf_by_brute_force_on_repeated_rows(horizon):
    _, time, event, risk = tied(11, n=60)
    survival = np.exp(-(risk + 1) / 6)
    weight = np.random.default_rng(0).integers(0, 3, (3, 60)).astype(float)
    ours = brier_at(time, event, survival, horizon, weight)
    for s in range(3):
        rows = np.repeat(np.arange(60), weight[s].astype(int))
        assert ours[s] == pytest.approx(brute_brier(time[rows], event[rows], survival[rows], horizon), abs=1e-9)


def test_brier_without_censoring_is_the_plain_squared_error():
    _, time, _, risk = tied(1)
    survival = np.exp(-(risk + 1) / 6)
    ours = brier_at(time, np.ones(len(time), bool), survival, 4.0, np.ones((1, len(time))))
    assert ours[0] == pytest.approx(np.mean(((time > 4) - survival) ** 2))


def test_observed_expected_is_kaplan_meier_over_the_mean():
    _, time, event, risk = tied(2)
    survival = np.exp(-(risk + 1) / 6)
    ours = observed_expected_at(time, event, survival, 4.0, np.ones((1, len(time))))
    observed = 1 - KaplanMeierFitter().fit(time, event).predict(4.0)
    assert ours[0] == pytest.approx(observed / np.mean(1 - survival))


def test_survival_before_the_first_time_is_one():
    times, curve = product_limit(np.array([2.0, 3.0]), np.array([True, True]), np.ones((1, 2)))
    assert survival_at(times, curve, np.array([1.0, 2.0, 2.5, 9.0]))[0].tolist() == [1, 0.5, 0.5, 0]
