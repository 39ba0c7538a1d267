"""Equation 9, Cox with Efron's ties and the logistic hazard against NumPy, lifelines and their own invariances."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import CoxPHFitter
from lifelines.datasets import load_lung, load_rossi

from pmjax.train import losses


def cox_by_sums(risk, start, time, event):
    """Efron's partial likelihood as its definition reads, float64."""
    total = 0.0
    for t in np.unique(time[event]):
        tied = event & (time == t)
        at_risk = (start < t) & (t <= time)
        d = tied.sum()
        for k in range(d):
            total += np.log(np.exp(risk[at_risk]).sum() - k / d * np.exp(risk[tied]).sum())
        total -= risk[tied].sum()
    return total


def survival_rows(n, seed):
    rng = np.random.default_rng(seed)
    time = rng.integers(2, 8, n).astype(float)
    start = np.where(rng.random(n) < 0.5, 0.0, time - rng.integers(1, 3, n)).clip(0)
    return rng.normal(size=n), start, time, rng.random(n) < 0.6


def as_jax(*arrays):
    return [jnp.asarray(a, jnp.float32) if a.dtype.kind == "f" else jnp.asarray(a) for a in arrays]


def test_cross_entropy_is_equation_9():
    rng = np.random.default_rng(0)
    logits, label, weight = rng.normal(size=(20, 4)), rng.integers(0, 4, 20), rng.random(20)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -(weight * (np.eye(4)[label] * np.log(p)).sum(axis=1)).sum()
    total, count = losses.cross_entropy(*as_jax(logits, label, weight))
    np.testing.assert_allclose([total, count], [expected, weight.sum()], rtol=1e-5)


@given(n=st.sampled_from([1, 2, 9, 30]), seed=st.integers(0, 100))
def test_cox_is_its_definition_with_ties_and_late_entry(n, seed):
    rows = survival_rows(n, seed)
    total, count = losses.cox(*as_jax(*rows), jnp.ones(n))
    np.testing.assert_allclose(total, cox_by_sums(*rows), rtol=2e-5, atol=2e-5)
    assert count == rows[3].sum()


@pytest.mark.parametrize(("load", "gold"), [(load_rossi, -658.747659), (load_lung, None)])
def test_cox_is_that_of_lifelines(load, gold):
    """Gold value of design.md §4 (rossi), and the fit of lifelines itself on both."""
    frame = load().dropna()
    duration, event = ("week", "arrest") if gold else ("time", "status")
    fit = CoxPHFitter().fit(frame, duration, event)
    x = frame.drop(columns=[duration, event])
    risk = (x - x.mean()).to_numpy() @ fit.params_.to_numpy()
    time, fails = frame[duration].to_numpy(float), frame[event].to_numpy(bool)
    total, count = losses.cox(*as_jax(risk, np.zeros(len(x)), time, fails), jnp.ones(len(x)))
    np.testing.assert_allclose(-total, fit.log_likelihood_, rtol=1e-6)
    assert count == fails.sum()
    if gold:
        np.testing.assert_allclose(fit.log_likelihood_, gold, atol=1e-6)


def hazard_by_sums(logits, first, last, event):
    total = 0.0
    for row, a, b, fails in zip(1 / (1 + np.exp(-logits)), first, last, event, strict=True):
        for k in range(a, b + 1):
            total -= np.log(row[k] if fails and k == b else 1 - row[k])
    return total


@given(n=st.sampled_from([1, 2, 9, 20]), seed=st.integers(0, 100))
def test_logistic_hazard_is_its_definition(n, seed):
    rng = np.random.default_rng(seed)
    logits, last = rng.normal(size=(n, 5)), rng.integers(-1, 5, n)
    first, event = np.minimum(rng.integers(0, 3, n), last + 1), (rng.random(n) < 0.5) & (last >= 0)
    first = np.where(event, np.minimum(first, last), first)
    total, count = losses.logistic_hazard(*as_jax(logits, first, last, event), jnp.ones(n))
    np.testing.assert_allclose(total, hazard_by_sums(logits, first, last, event), rtol=2e-5, atol=1e-5)
    assert count == n


def loss_of(name, outputs, weight, n, seed=0):
    """Any of the losses as a function of outputs (n, 5) and weight."""
    rng = np.random.default_rng(seed)
    _risk, start, time, event = survival_rows(n, seed)
    if name == "cross_entropy":
        return losses.cross_entropy(outputs, *as_jax(rng.integers(0, 5, n)), weight)
    if name == "cox":
        return losses.cox(outputs[:, 0], *as_jax(start, time, event), weight)
    return losses.logistic_hazard(outputs, *as_jax(np.zeros(n, int), rng.integers(0, 5, n), event), weight)


NAMES = ["cross_entropy", "cox", "logistic_hazard"]


@pytest.mark.parametrize("name", NAMES)
def test_masked_rows_are_absent(name):
    """Rows of weight 0 change neither loss nor count nor gradient, whatever their outputs hold."""
    weight = jnp.float32([1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1])
    outputs = jnp.float32(np.random.default_rng(1).normal(size=(12, 5)))
    wild = jnp.where(weight[:, None] > 0, outputs, 1e4)
    for a, b in zip(loss_of(name, outputs, weight, 12), loss_of(name, wild, weight, 12), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    grads = jax.grad(lambda o: loss_of(name, o, weight, 12)[0])(wild)
    assert (grads[weight == 0] == 0).all()
    assert jnp.isfinite(grads).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [0.0, 1.0, 1e3])
def test_everything_masked_gives_zero_and_finite_gradients(name, scale):
    outputs = scale * jnp.float32(np.random.default_rng(1).normal(size=(6, 5)))
    for weight in (jnp.zeros(6), jnp.ones(6)):
        loss, grads = jax.value_and_grad(lambda o, w=weight: losses.mean(loss_of(name, o, w, 6)))(outputs)
        assert jnp.isfinite(loss)
        assert jnp.isfinite(grads).all()
        assert weight.any() or loss == 0


def test_cox_without_ties_is_the_logistic_choice_among_those_at_risk(key):
    """A special case by another route: −Σ log softmax over each risk set; and a shift of all risks changes nothing."""
    risk = jax.random.normal(key, (9,))
    time, event = jnp.arange(9.0) + 1, jnp.array([True, False, True] * 3)
    expected = sum(-jax.nn.log_softmax(risk[i:])[0] for i in range(9) if event[i])
    for shift in (0.0, 50.0):
        total, _ = losses.cox(risk + shift, jnp.zeros(9), time, event, jnp.ones(9))
        np.testing.assert_allclose(total, expected, rtol=1e-5)
