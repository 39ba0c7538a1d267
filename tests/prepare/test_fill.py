"""Forward filling against values worked out by hand, and its causality."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.cohort import Modality
from pmjax.errors import UserError
from pmjax.prepare.fill import carry_forward
from pmjax.prepare.preparation import Preparation
from pmjax.prepare.transforms import apply, fit, output_features

NAN = np.nan


def series(seed, n=3, steps=9, features=2):
    key = np.random.default_rng(seed)
    values = np.where(key.random((n, steps, features)) < 0.5, NAN, key.normal(0, 1, (n, steps, features)))
    return values, np.arange(steps) < key.integers(1, steps + 1, n)[:, None]


def test_hand_computed_steps_and_hours():
    values = np.array([[0.0, NAN, 5.0], [1.5, 7.0, NAN], [4.0, NAN, NAN], [9.0, 8.0, 6.0]])[None]
    filled, age = carry_forward(values)
    np.testing.assert_array_equal(filled[0], [[0, NAN, 5], [1.5, 7, 5], [4, 7, 5], [9, 8, 6]])
    np.testing.assert_array_equal(age[0], [[0, 0, 0], [0, 0, 1], [0, 1, 2], [0, 0, 0]])
    _, hours = carry_forward(values, clock=0)
    np.testing.assert_array_equal(hours[0], [[0, 0, 0], [0, 0, 1.5], [0, 2.5, 4], [0, 0, 0]])


def test_what_was_never_seen_ages_from_the_first_real_step():
    values = np.array([[3.0, NAN], [5.0, NAN], [9.0, NAN]])[None]
    assert carry_forward(values, clock=0)[1][0, :, 1].tolist() == [0, 2, 6]
    late = carry_forward(values, np.array([[False, True, True]]), 0)[1]
    assert late[0, 1:, 1].tolist() == [0, 4]


@given(st.integers(0, 200))
def test_equal_to_the_plain_loop(seed):
    values, mask = series(seed)
    filled, age = carry_forward(values, mask)
    for row, feature in np.ndindex(len(values), values.shape[-1]):
        last, seen = NAN, 0
        for step in np.flatnonzero(mask[row]):
            if not np.isnan(values[row, step, feature]):
                last, seen = values[row, step, feature], step
            np.testing.assert_array_equal(filled[row, step, feature], last)
            assert age[row, step, feature] == step - seen


@given(st.integers(0, 200))
def test_later_steps_and_padding_change_nothing_before_them(seed):
    values, mask = series(seed)
    at = seed % 9
    later = values.copy()
    later[:, at + 1 :] = 1e6
    for found, other in zip(carry_forward(values, mask), carry_forward(later, mask), strict=True):
        np.testing.assert_array_equal(found[:, : at + 1], other[:, : at + 1])
    padded = np.where(mask[..., None], values, 1e6)
    for found, other in zip(carry_forward(values, mask), carry_forward(padded, mask), strict=True):
        np.testing.assert_array_equal(found[mask], other[mask])


def test_the_gradient_reaches_no_later_step():
    values, _ = series(0)
    params = fit(Modality("series", values, ("a", "b")), np.ones(3, bool), preparation=Preparation(forward_fill=True))
    inputs = jnp.nan_to_num(jnp.asarray(values, jnp.float32))
    slope = jax.grad(lambda v: apply(params, v)[:, 4].sum())(inputs)
    assert (slope[:, 5:] == 0).all()
    assert (slope[:, 4] != 0).any()


def test_jit_equals_numpy():
    values, mask = series(3)
    found = jax.jit(carry_forward)(jnp.asarray(values, jnp.float32), mask)
    for one, other in zip(found, carry_forward(values.astype(np.float32), mask), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_transform_fills_then_takes_the_median_and_appends_standardised_ages():
    values = np.array([[[NAN], [2.0], [NAN]], [[4.0], [NAN], [9.0]]])
    modality = Modality("series", values, ("glucose",))
    params = fit(modality, np.ones(2, bool), preparation=Preparation(forward_fill=True))
    filled, age = np.array([[4, 2, 2], [4, 4, 9]]), np.array([[0, 0, 1], [0, 1, 0]])
    outputs = apply(params, values)
    np.testing.assert_allclose(outputs[..., 0], (filled - filled.mean()) / filled.std(), rtol=1e-5)
    np.testing.assert_allclose(outputs[..., 1], (age - age.mean()) / age.std(), rtol=1e-5)
    assert output_features(modality, params) == ("glucose", "time since glucose")


def test_the_clock_is_a_feature_and_must_not_run_backwards():
    values = np.array([[[0.0, 1.0], [8.0, NAN], [20.0, NAN]]])
    modality = Modality("series", values, ("hour", "glucose"))
    params = fit(modality, np.ones(1, bool), preparation=Preparation(forward_fill=True, clock="hour"))
    assert params["age_mean"].tolist() == [0, pytest.approx(28 / 3)]
    steps = apply(params, values)[0, :, 3] * params["age_scale"][1] + params["age_mean"][1]
    np.testing.assert_allclose(steps, [0, 8, 20], atol=1e-5)
    backwards = Modality("series", values[:, ::-1], ("hour", "glucose"))
    with pytest.raises(UserError, match="'hour' runs backwards"):
        fit(backwards, np.ones(1, bool), preparation=Preparation(forward_fill=True, clock="hour"))
