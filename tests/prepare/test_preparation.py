"""What a Preparation adds to the transform: each option, all of them at once, and no row outside training."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pmjax.cohort import Modality
from pmjax.errors import UserError
from pmjax.prepare.harmonise import UNKNOWN
from pmjax.prepare.preparation import Preparation, from_json, to_json
from pmjax.prepare.transforms import CLIP, apply, fit, fit_folds, output_features
from pmjax.task import Classify


def table(values):
    return Modality("table", values, tuple(f"f{i}" for i in range(values.shape[1])))


def everything(kind):
    """A preparation with every option that the kind takes, a cohort of that kind with gaps, its sites and task."""
    key = np.random.default_rng(5)
    n, steps, features = 40, 6, 5
    shape = (n, features) if kind == "table" else (n, steps, features)
    values = np.where(key.random(shape) < 0.2, np.nan, np.exp(key.normal(1, 1, shape)))
    mask = None if kind == "table" else np.arange(steps) < key.integers(2, steps + 1, n)[:, None]
    site, task = key.integers(0, 3, n), Classify("outcome", np.arange(n) % 3, ("a", "b", "c"))
    own = {"select": 3} if kind == "table" else {"forward_fill": True}
    preparation = Preparation(indicators=True, log1p=("a", "b"), winsorise=0.05, harmonise=True, **own)
    return preparation, Modality(kind, values, tuple("abcde"), mask), site, task


@pytest.mark.parametrize("kind", ["table", "series"])
def test_every_option_at_once_gives_the_same_in_numpy_jit_and_vmap_with_one_shape_in_all_folds(kind):
    preparation, modality, site, task = everything(kind)
    train = np.random.default_rng(1).random((3, 40)) < 0.7
    params = fit_folds(modality, train, preparation=preparation, site=site, task=task)
    mapped = jax.jit(jax.vmap(lambda p, v, m, s: apply(p, v, m, site=s), (0, None, None, None)))
    found = mapped(params, jnp.asarray(modality.values, jnp.float32), modality.mask, site)
    for s in range(3):
        one = {name: value[s] for name, value in params.items()}
        expected = apply(one, modality.values, modality.mask, site=site)
        assert expected.shape[-1] == len(output_features(modality, one))
        assert np.isfinite(expected).all()
        np.testing.assert_allclose(found[s], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["table", "series"])
def test_garbage_and_labels_outside_training_leave_every_parameter_bit_identical(kind):
    preparation, modality, site, task = everything(kind)
    train = np.arange(40) % 4 > 0
    changed = modality.values.copy()
    changed[~train] = 1e9
    other = Modality(kind, changed, modality.features, modality.mask)
    relabelled = Classify("outcome", np.where(train, task.label, 0), task.classes)
    params = fit(modality, train, preparation=preparation, site=site, task=task)
    again = fit(other, train, preparation=preparation, site=np.where(train, site, 2), task=relabelled)
    assert params.keys() == again.keys()
    for name in params:
        np.testing.assert_array_equal(params[name], again[name])


@pytest.mark.parametrize("kind", ["table", "series"])
def test_training_columns_of_every_option_have_mean_0_and_sd_1(kind):
    preparation, modality, site, task = everything(kind)
    train = np.arange(40) % 4 > 0
    params = fit(modality, train, preparation=preparation, site=site, task=task)
    outputs = apply(params, modality.values, modality.mask, site=site, clip=np.inf)[train].astype(float)
    if modality.mask is not None:
        outputs = outputs[modality.mask[train]]
    scaled = outputs[..., : -len(params["indicators"])]
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize("kind", ["table", "series"])
def test_parameters_survive_json_bit_for_bit(kind):
    preparation, modality, site, task = everything(kind)
    train = np.arange(40) % 4 > 0
    params = fit_folds(modality, train[None], preparation=preparation, site=site, task=task)
    back = from_json(json.loads(json.dumps(to_json(params), allow_nan=False)))
    assert back.keys() == params.keys()
    for name, value in params.items():
        assert back[name].dtype == value.dtype
        np.testing.assert_array_equal(back[name], value)


def test_winsorising_cuts_at_numpys_quantiles_of_the_training_rows():
    values = np.random.default_rng(0).standard_cauchy((200, 3))
    train = np.arange(200) < 150
    params = fit(table(values), train, preparation=Preparation(winsorise=0.1))
    low, high = np.quantile(values[train], [0.1, 0.9], axis=0)
    cut = np.clip(values, low, high)
    expected = (cut - cut[train].mean(axis=0)) / cut[train].std(axis=0)
    np.testing.assert_allclose(apply(params, values), expected, rtol=1e-4, atol=1e-5)


def test_log1p_takes_the_named_features_and_no_negative_value():
    values = np.random.default_rng(0).poisson(3, (50, 2)).astype(float)
    train = np.ones(50, bool)
    found = apply(fit(table(values), train, preparation=Preparation(log1p=("f1",))), values)
    logged = np.column_stack([values[:, 0], np.log1p(values[:, 1])])
    np.testing.assert_allclose(found, apply(fit(table(logged), train), logged), rtol=1e-5)
    whole = fit(table(values), train, preparation=Preparation(log1p=True))
    assert whole["log"].tolist() == [1, 1]
    values[3, 1] = -1
    with pytest.raises(UserError, match="'f1' has values below 0"):
        fit(table(values), train, preparation=Preparation(log1p=("f1",)))


def test_rows_without_the_modality_neither_enter_the_fit_nor_come_out():
    values = np.random.default_rng(0).normal(3, 2, (20, 2))
    present = np.arange(20) % 3 > 0
    garbage = np.where(present[:, None], values, 1e9)
    whole = Modality("table", garbage, ("a", "b"), present=present)
    train = np.ones(20, bool)
    expected = fit(table(values[present]), np.ones(present.sum(), bool))
    params = fit(whole, train)
    for name in params:
        np.testing.assert_array_equal(params[name], expected[name])
    outputs = apply(params, np.where(present[:, None], values, np.nan), present=present)
    assert (outputs[~present] == 0).all()
    np.testing.assert_array_equal(outputs[present], apply(expected, values[present]))


def test_uint8_sequences_come_out_as_float32_unchanged():
    letters = np.eye(4, dtype=np.uint8)[np.random.default_rng(0).integers(0, 4, (5, 7))]
    outputs = apply(fit(Modality("sequence", letters, tuple("ACGT")), np.arange(5) < 3), jnp.asarray(letters))
    assert outputs.dtype == jnp.float32
    np.testing.assert_array_equal(outputs, letters)


def test_selected_features_are_named_and_prepared_as_without_selection():
    _, modality, _, task = everything("table")
    train = np.arange(40) % 4 > 0
    few = fit(modality, train, preparation=Preparation(select=2, indicators=True), task=task)
    full = apply(fit(modality, train), modality.values)
    found = apply(few, modality.values)
    np.testing.assert_array_equal(found[:, :2], full[:, few["selected"]])
    np.testing.assert_array_equal(found[:, 2:], np.isnan(modality.values[:, few["selected"]]))
    names = [modality.features[c] for c in few["selected"]]
    assert output_features(modality, few) == (*names, *(f"{n} is missing" for n in names))
    assert fit(modality, train, preparation=Preparation(select=99), task=task)["selected"].tolist() == [0, 1, 2, 3, 4]


def test_an_unknown_site_is_left_with_the_pooled_parameters():
    _, modality, site, _ = everything("table")
    values = np.nan_to_num(modality.values, nan=1.0)
    modality = table(values)
    train = site < 2
    params = fit(modality, train, preparation=Preparation(harmonise=True), site=site)
    absent = apply(params, values, site=np.full(40, 2))
    np.testing.assert_array_equal(absent, apply(params, values, site=np.full(40, UNKNOWN)))
    pooled = (values - params["mean"]) / params["scale"]
    np.testing.assert_allclose(absent, np.clip(pooled, -CLIP, CLIP), rtol=1e-4, atol=1e-5)
    assert np.abs(apply(params, values, site=np.zeros(40, int)) - absent).max() > 1e-3


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"winsorise": 0.5}, "winsorise is 0.5"),
        ({"select": -1}, "select is -1"),
        ({"clock": "hour"}, "without forward_fill"),
        ({"forward_fill": True}, "prepare.forward_fill fits series, not the kind table"),
        ({"log1p": ("nothing",)}, "no feature 'nothing'"),
        ({"harmonise": True}, "records no sites"),
    ],
)
def test_an_option_that_cannot_be_met_is_one_clear_line(keywords, message):
    with pytest.raises(UserError, match=message):
        fit(table(np.ones((4, 2))), np.ones(4, bool), preparation=Preparation(**keywords))


def test_narrowing_drops_what_the_modality_cannot_take():
    preparation = Preparation(
        indicators=True, forward_fill=True, clock="a", log1p=["f0", "b"], winsorise=0.1, harmonise=True, select=3
    )
    letters = Modality("sequence", np.zeros((1, 2, 4)), tuple("ACGT"))
    assert preparation.narrow(letters) == Preparation(indicators=True)
    assert preparation.narrow(table(np.ones((4, 2)))) == Preparation(
        indicators=True, log1p=("f0",), winsorise=0.1, harmonise=True, select=3
    )
    assert preparation.narrow(Modality("series", np.ones((4, 2, 3)), tuple("abc"))) == Preparation(
        indicators=True, forward_fill=True, clock="a", log1p=("b",), winsorise=0.1, harmonise=True
    )


def test_a_fold_without_the_modality_is_refused():
    with pytest.raises(UserError, match="no training row has this table"):
        fit(Modality("table", np.ones((3, 1)), ("a",), present=np.array([True, False, False])), np.arange(3) > 0)
