"""Transforms against scikit-learn, and the properties that keep test rows out of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pmjax import data
from pmjax.cohort import Modality
from pmjax.prepare.preparation import Preparation
from pmjax.prepare.transforms import CLIP, apply, fit, fit_folds, missing_columns, output_features

TOLD = Preparation(indicators=True)


def table(values):
    return Modality("table", values, tuple(f"f{i}" for i in range(values.shape[1])))


def ragged(seed=0, n=12, steps=4, features=3):
    key = np.random.default_rng(seed)
    mask = np.arange(steps) < key.integers(1, steps + 1, n)[:, None]
    values = np.where(key.random((n, steps, features)) < 0.2, np.nan, key.normal(3, 2, (n, steps, features)))
    return Modality("series", values, tuple("abc"), mask)


@st.composite
def gappy(draw):
    """A table with gaps, constant columns and columns of very different size; training rows."""
    key = np.random.default_rng(draw(st.integers(0, 1000)))
    n, f = draw(st.integers(4, 20)), draw(st.integers(1, 5))
    values = key.normal(0, 1, (n, f)) * 10.0 ** key.integers(-6, 7, f) + key.integers(-3, 4, f)
    values[:, key.random(f) < 0.2] = draw(st.sampled_from([0.0, 7.0, 1e6, np.nan]))
    values[key.random((n, f)) < 0.3] = np.nan
    train = key.random(n) < 0.6
    train[0] = True
    return values, train


def test_equal_to_scikit_learns_imputer_and_scaler():
    modality = data.load("lung").modalities["table"]
    train = np.arange(228) % 3 > 0
    pipeline = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(modality.values[train])
    expected = np.clip(pipeline.transform(modality.values), -CLIP, CLIP)
    np.testing.assert_allclose(apply(fit(modality, train), modality.values), expected, atol=1e-5)


@given(gappy())
def test_parameters_never_depend_on_rows_outside_training(case):
    values, train = case
    changed = np.where(train[:, None], values, 1e9)
    other = fit(table(changed), train)
    for name, fitted in fit(table(values), train).items():
        np.testing.assert_array_equal(fitted, other[name])


@given(gappy())
def test_the_result_is_finite_and_bounded_float32(case):
    values, train = case
    outputs = apply(fit(table(values), train), values)
    assert outputs.dtype == np.float32
    assert (np.abs(outputs) <= CLIP).all()  # false for NaN too


@given(gappy())
def test_training_columns_have_mean_0_and_sd_1_or_are_0(case):
    values, train = case
    params = fit(table(values), train)
    outputs = apply(params, values)[train].astype(np.float64)
    constant = params["scale"] == 0
    assert (outputs[:, constant] == 0).all()
    # float32 holds a column of size m and sd s to about 1e-7 m / s of an sd; such columns are judged by that.
    error = 1e-5 + 1e-6 * np.abs(params["mean"]) / np.where(constant, 1, params["scale"])
    assert (np.abs(outputs.mean(axis=0)) <= error).all()
    assert (np.abs(outputs.std(axis=0) - 1)[~constant] <= error[~constant]).all()


@pytest.mark.parametrize("modality", [ragged(), table(ragged().values[:, 0])], ids=["series", "table"])
def test_numpy_equals_jax_under_jit_and_vmap_over_folds(modality):
    train = np.random.default_rng(1).random((3, len(modality.values))) < 0.7
    params = fit_folds(modality, train, preparation=TOLD)
    mapped = jax.jit(jax.vmap(apply, (0, None, None)))
    found = mapped(params, jnp.asarray(modality.values, jnp.float32), modality.mask)
    assert isinstance(found, jax.Array)
    for s in range(3):
        one = {name: value[s] for name, value in params.items()}
        expected = apply(one, modality.values, modality.mask)
        assert isinstance(expected, np.ndarray)
        np.testing.assert_allclose(found[s], expected, rtol=1e-5, atol=1e-6)


def test_gradients_through_gaps_and_constant_columns_are_finite():
    params = fit(table(np.array([[1.0, 2.0], [1.0, 3.0]])), np.array([True, True]))
    gradient = jax.grad(lambda v: apply(params, v).sum())(jnp.array([[1.0, jnp.nan]]))
    assert np.isfinite(gradient).all()


def test_padded_steps_neither_enter_the_fit_nor_come_out():
    modality = ragged()
    garbage = np.where(modality.mask[..., None], modality.values, 1e6)
    train = np.ones(len(garbage), bool)
    params = fit(modality, train, preparation=TOLD)
    other = fit(Modality("series", garbage, modality.features, modality.mask), train, preparation=TOLD)
    for name in params:
        np.testing.assert_array_equal(params[name], other[name])
    outputs = apply(params, garbage, modality.mask)
    assert (outputs[~modality.mask] == 0).all()
    np.testing.assert_array_equal(outputs, apply(params, modality.values, modality.mask))


def test_a_column_without_training_values_becomes_0():
    values = np.array([[np.nan, 1.0], [np.nan, 2.0], [5.0, 3.0]])
    outputs = apply(fit(table(values), np.array([True, True, False])), values)
    assert (outputs[:, 0] == 0).all()


def test_one_hot_sequences_stay_as_they_are():
    letters = np.eye(4)[np.random.default_rng(0).integers(0, 4, (5, 7))]
    modality = Modality("sequence", letters, tuple("ACGT"))
    np.testing.assert_array_equal(apply(fit(modality, np.arange(5) < 3), letters), letters)


def test_indicators_mark_the_gaps_and_have_names():
    modality = data.load("lung").modalities["table"]
    columns = missing_columns(modality)
    assert columns == (2, 3, 4, 5, 6)
    params = fit(modality, np.ones(228, bool), preparation=TOLD)
    outputs = apply(params, modality.values)
    np.testing.assert_array_equal(outputs[:, 7:], np.isnan(modality.values[:, columns]))
    assert len(output_features(modality, params)) == outputs.shape[1]
    assert output_features(modality, params)[7] == "ECOG score (physician) is missing"


def test_gaps_in_padding_are_no_gaps():
    modality = ragged()
    values = np.where(modality.mask[..., None], np.nan_to_num(modality.values), np.nan)
    assert missing_columns(Modality("series", values, modality.features, modality.mask)) == ()
