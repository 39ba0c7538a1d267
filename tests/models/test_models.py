"""What holds for every family: shapes, finite gradients, patients independent of each other, precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pmjax.errors import UserError
from pmjax.models import FAMILIES, build

SHAPES = {"series": (6, 7, 4), "image": (6, 9, 8, 2), "table": (6, 5)}
TAKES = [(family, form) for family in FAMILIES for form in SHAPES if family == "dnn" or form != "table"]
TAKES.remove(("rnn", "image"))


def inputs_of(form):
    return jnp.float32(np.random.default_rng(0).normal(size=SHAPES[form]))


@pytest.mark.parametrize(("family", "form"), TAKES)
def test_shape_gradient_and_independence_of_patients(family, form, key):
    model, inputs = build(family, 3), inputs_of(form)
    params = model.init(key, inputs)
    outputs = jax.jit(model.apply)(params, inputs)
    assert outputs.shape == (6, 3)
    assert outputs.dtype == jnp.float32
    np.testing.assert_allclose(model.apply(params, inputs), outputs, atol=1e-5)
    np.testing.assert_allclose(model.apply(params, inputs[::-1]), outputs[::-1], atol=1e-5)
    np.testing.assert_allclose(model.apply(params, inputs[2:3]), outputs[2:3], atol=1e-5)
    grads = jax.grad(lambda p: (model.apply(p, inputs) ** 2).sum())(params)
    assert all(jnp.isfinite(g).all() and (g != 0).any() for g in jax.tree.leaves(grads))


@pytest.mark.parametrize(("family", "form"), TAKES)
def test_bfloat16_stays_near_float32_and_returns_float32(family, form, key):
    inputs = inputs_of(form)
    params = build(family, 3).init(key, inputs)
    half = build(family, 3, precision="bfloat16").apply(params, inputs)
    assert half.dtype == jnp.float32
    full = build(family, 3).apply(params, inputs)
    assert 0 < jnp.abs(half - full).max() < 0.1


@pytest.mark.parametrize(("family", "form"), TAKES)
def test_runs_under_vmap_are_the_runs_one_by_one(family, form, key):
    model, inputs = build(family, 2), inputs_of(form)
    keys = jax.random.split(key, 3)
    many = jax.vmap(model.init, (0, None))(keys, inputs)
    outputs = jax.vmap(model.apply, (0, None))(many, inputs)
    for r in range(3):
        np.testing.assert_allclose(outputs[r], model.apply(model.init(keys[r], inputs), inputs), atol=1e-5)


def test_a_flat_cnn_sees_where_and_a_pooled_one_whether(key):
    """A pattern moved by whole windows: only the flat network can tell, and padding tells neither anything."""
    rng = np.random.default_rng(0)
    inputs = jnp.float32(np.concatenate([rng.normal(size=(3, 4, 2)), np.zeros((3, 12, 2))], axis=1))
    moved, mask = jnp.roll(inputs, 8, axis=1), jnp.ones((3, 16), bool)
    for flatten in (False, True):
        model = build("cnn", 2, features=(5,), kernel_size=1, pool=2, flatten=flatten)
        params = model.init(key, inputs, mask)
        same = jnp.abs(model.apply(params, inputs, mask) - model.apply(params, moved, mask)).max() < 1e-6
        assert same == (not flatten)
        wild = inputs.at[:, 9:].set(7.0)
        real = jnp.broadcast_to(jnp.arange(16) < 9, (3, 16))
        np.testing.assert_allclose(model.apply(params, wild, real), model.apply(params, inputs, real), atol=1e-6)


def test_dropout_acts_in_training_only(key):
    model, inputs = build("dnn", 2, dropout=0.5), inputs_of("table")
    params = model.init(key, inputs)
    a, b = (model.apply(params, inputs, train=True, rngs={"dropout": jax.random.key(k)}) for k in (1, 2))
    assert (a != b).any()
    assert (model.apply(params, inputs) == model.apply(params, inputs)).all()


@pytest.mark.parametrize(
    ("family", "keywords", "says"),
    [
        ("cnnn", {}, "did you mean 'cnn'"),
        ("rnn", {"pool": 2}, "takes no 'pool'"),
        ("dnn", {"precision": "float8"}, "float8"),
    ],
)
def test_unknown_words_are_named(family, keywords, says):
    with pytest.raises(UserError, match=says):
        build(family, 2, **keywords)
