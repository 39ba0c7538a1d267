"""Efron's likelihood against a plain loop over events in extended precision: late entry, ties, any spread of risks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.efron import expected_events, log_likelihood, risk_sets


def cohort(seed, n=40, late=True):
    """Start, time and event on a coarse grid, so that all kinds of ties occur."""
    rng = np.random.default_rng(seed)
    time = rng.integers(1, 9, n).astype(float)
    event = rng.random(n) < 0.6
    event[0] = True
    return np.floor(rng.random(n) * time) * late, time, event


def book(start, time, event, risk):
    """Log-likelihood and expected events, term by term; each term scaled by the largest hazard of its risk set."""
    value, expected = np.longdouble(0), np.zeros(len(risk), np.longdouble)
    for t in np.unique(time[event]):
        failing, at_risk = event & (time == t), (start < t) & (time >= t)
        top = risk[at_risk].max()
        hazard = np.exp((risk - top).astype(np.longdouble)) * at_risk
        d = failing.sum()
        for k in range(d):
            left = hazard * (1 - failing * np.longdouble(k) / d)
            value += risk[failing].sum() / d - top - np.log(left.sum())
            expected += left / left.sum()
    return float(value), expected.astype(float)


@pytest.mark.parametrize("spread", [0.0, 1.0, 30.0])
@given(seed=st.integers(0, 10_000), late=st.booleans())
def test_value_and_gradient_are_those_of_the_book(spread, seed, late):
    start, time, event = cohort(seed, late=late)
    risk = np.random.default_rng(seed).normal(3, spread, len(time))
    sets = risk_sets(start, time, event)
    value, within = log_likelihood(sets, risk)
    expected_value, expected = book(start, time, event, risk)
    assert value == pytest.approx(expected_value, rel=1e-10, abs=1e-8)
    np.testing.assert_allclose(expected_events(sets, risk, within), expected, rtol=1e-6, atol=1e-9)


@given(st.integers(0, 10_000))
def test_expected_events_add_up_to_those_that_occurred(seed):
    start, time, event = cohort(seed, n=200)
    risk = np.random.default_rng(seed).normal(size=200)
    sets = risk_sets(start, time, event)
    expected = expected_events(sets, risk, log_likelihood(sets, risk)[1])
    assert expected.sum() == pytest.approx(event.sum(), rel=1e-12)


def test_no_start_is_a_start_of_zero():
    _, time, event = cohort(0)
    risk = np.linspace(-1, 1, len(time))
    zero = risk_sets(np.zeros_like(time), time, event)
    assert log_likelihood(risk_sets(None, time, event), risk)[0] == log_likelihood(zero, risk)[0]


def test_whoever_enters_after_all_failures_counts_nothing():
    start, time, event = np.array([0.0, 0, 5]), np.array([1.0, 2, 9]), np.array([True, True, False])
    risk = np.array([0.3, -0.2, 50.0])
    with_late = log_likelihood(risk_sets(start, time, event), risk)[0]
    assert with_late == pytest.approx(log_likelihood(risk_sets(None, time[:2], event[:2]), risk[:2])[0], abs=1e-12)
