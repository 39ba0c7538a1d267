"""Fusion: what a patient lacks has no effect, the gate is a softmax over the rest, and any family may encode."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pmjax.errors import UserError
from pmjax.models import build
from pmjax.models.fusion import gate, hide

ENCODERS = {
    "expression": {"family": "dnn", "hidden": [8]},
    "visits": {"family": "rnn", "hidden": 6},
    "scan": {"family": "cnn", "features": [3], "hidden": 5},
    "sequence": {"family": "hybrid", "features": [3], "hidden": 4},
}
SHAPES = {"expression": (5, 7), "visits": (5, 4, 3), "scan": (5, 6, 6, 1), "sequence": (5, 9, 4)}


@pytest.fixture
def case(key):
    """Model, parameters, values and masks of five patients; the first lacks visits, the last has nothing."""
    rng = np.random.default_rng(0)
    inputs = {name: jnp.float32(rng.normal(size=shape)) for name, shape in SHAPES.items()}
    present = rng.random((5, 4)) < 0.6
    present[0], present[4] = [True, False, True, True], False
    steps = {"visits": jnp.array(np.arange(4) < np.array([4, 2, 3, 1, 0])[:, None])}
    masks = {name: (steps.get(name), jnp.array(present[:, m])) for m, name in enumerate(SHAPES)}
    model = build("fusion", 2, encoders=ENCODERS, hidden=6)
    return model, model.init(key, inputs, masks), inputs, masks


def test_what_a_patient_lacks_has_no_effect_and_gets_no_gradient(case):
    model, params, inputs, masks = case
    grads = jax.grad(lambda x: (model.apply(params, x, masks) ** 2).sum())(inputs)
    for name, grad in grads.items():
        per_patient = jnp.abs(grad).reshape(5, -1).sum(axis=1)
        assert (per_patient[~masks[name][1]] == 0).all()
        assert (per_patient[masks[name][1]] > 0).all()
    wild = {n: jnp.where(masks[n][1].reshape(-1, *[1] * (x.ndim - 1)), x, 1e6) for n, x in inputs.items()}
    np.testing.assert_array_equal(model.apply(params, wild, masks), model.apply(params, inputs, masks))


def test_a_patient_without_anything_gets_the_head_s_bias_and_gradients_stay_finite(case):
    model, params, inputs, masks = case
    bias = params["params"]["Dense_0"]["bias"]
    np.testing.assert_array_equal(model.apply(params, inputs, masks)[4], bias)
    grads = jax.grad(lambda p: (model.apply(p, inputs, masks) ** 2).sum())(params)
    assert all(jnp.isfinite(g).all() for g in jax.tree.leaves(grads))


def test_a_single_modality_passes_whole_whatever_its_score(key):
    np.testing.assert_allclose(gate(jnp.array([[-40.0, 90.0]]), jnp.array([[True, False]])), [[1, 0]])


def test_the_gate_is_a_softmax_over_what_is_present():
    scores = jnp.array([[1.0, 2.0, -1.0], [1.0, 2.0, -1.0], [500.0, -500.0, 0.0]])
    present = jnp.array([[True, True, True], [True, False, True], [False, False, False]])
    expected = np.exp([[1, 2, -1], [1, -np.inf, -1], [-np.inf] * 3])
    expected[:2] /= expected[:2].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(gate(scores, present), expected, rtol=1e-6)


def test_hiding_never_takes_the_last_modality_nor_gives_an_absent_one(key):
    present = jax.random.bernoulli(jax.random.key(1), 0.6, (4000, 3))
    kept = hide(key, present, 0.5)
    assert not (kept & ~present).any()
    assert (kept.any(axis=1) == present.any(axis=1)).all()
    whole = present.sum(axis=1) == 3
    # Of three, none is kept by chance 1/8, and then all are: E = 3/2 + 3/8.
    assert kept[whole].sum(axis=1).mean() == pytest.approx(1.875, abs=0.08)


def test_runs_under_vmap_are_the_runs_one_by_one(case):
    model, _, inputs, masks = case
    keys = jax.random.split(jax.random.key(3), 2)
    many = jax.vmap(model.init, (0, None, None))(keys, inputs, masks)
    outputs = jax.jit(jax.vmap(model.apply, (0, None, None)))(many, inputs, masks)
    for r in range(2):
        np.testing.assert_allclose(
            outputs[r], model.apply(model.init(keys[r], inputs, masks), inputs, masks), atol=1e-5
        )


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({}, "fusion.encoders is empty"),
        ({"encoders": {"a": {"hidden": 4}}}, "fusion.encoders.a"),
        ({"encoders": {"a": {"family": "fusion"}}}, "'fusion' is unknown"),
        ({"encoders": {"a": {"family": "dnn", "pool": 2}}}, "dnn takes no 'pool'"),
        ({"encoders": {"a": {"family": "dnn"}}, "depth": 2}, "fusion takes no 'depth'"),
    ],
)
def test_what_fusion_cannot_build_is_named(keywords, says):
    with pytest.raises(UserError, match=says):
        build("fusion", 2, **keywords)
