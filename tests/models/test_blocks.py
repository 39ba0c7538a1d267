"""Equations 1 to 3 against NumPy in float64; no look-ahead and no effect of padding, proved by gradient."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pmjax.models import FAMILIES, blocks, build
from pmjax.models.blocks import convolution


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def convolve_by_loops(inputs, kernel):
    """Equation 1 as written: a sum over the window and the channels at every position."""
    *size, channels, features = kernel.shape
    pads = [(0, 0), *(((k - 1) // 2, k // 2) for k in size), (0, 0)]
    padded = np.pad(inputs, pads)
    out = np.zeros((*inputs.shape[:-1], features))
    for at in np.ndindex(*inputs.shape[:-1]):
        window = padded[(at[0], *(slice(a, a + k) for a, k in zip(at[1:], size, strict=True)))]
        out[at] = np.einsum("kc,kcf->f", window.reshape(-1, channels), kernel.reshape(-1, channels, features))
    return out


@pytest.mark.parametrize("channels", [1, 3, 9, 16])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4])
@pytest.mark.parametrize("spatial", [(7,), (5, 6)])
def test_convolve_is_equation_1(spatial, kernel_size, channels):
    """For answers, and where a gradient will be asked for: two formulations; 17 features are the library's least."""
    inputs, kernel = normal(2, *spatial, channels), normal(*(kernel_size,) * len(spatial), channels, 17)
    expected = convolve_by_loops(inputs, kernel)
    arrays = jnp.float32(inputs), jnp.float32(kernel)
    for ours in (jax.jit(blocks.convolve)(*arrays), jax.vjp(blocks.convolve, *arrays)[0]):
        assert np.abs(ours - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize(("spatial", "masked"), [((40,), False), ((40,), True), ((12, 10), False)])
def test_convolutions_fused_into_one_pass_are_equations_1_and_pool(spatial, masked, key):
    """XLA hands convolution, bias, ReLU, mask and pool to its library at once where no gradient is asked for."""
    inputs, module = normal(64, *spatial, 8), blocks.Convolutions((17,), 3, 2)
    mask = np.random.default_rng(0).random((64, *spatial)) < 0.7 if masked else None
    kernel, bias = normal(*(3,) * len(spatial), 8, 17), normal(17)
    params = {"params": {"Convolution_0": {"kernel": jnp.float32(kernel), "bias": jnp.float32(bias)}}}
    ours, _ = jax.jit(module.apply)(params, jnp.float32(inputs), mask)
    real = np.ones((64, *spatial, 1)) if mask is None else mask[..., None]
    full = np.maximum(convolve_by_loops(inputs * real, kernel) + bias, 0) * real
    expected = full.reshape(64, *(n for s in spatial for n in (s // 2, 2)), 17).max(axis=(2, 4)[: len(spatial)])
    assert np.abs(ours - expected).max() <= 1e-5 * np.abs(expected).max()


def test_convolution_is_relu_of_convolution_plus_bias(key):
    inputs, module = jnp.float32(normal(2, 9, 3)), blocks.Convolution(4, 3)
    params = module.init(key, inputs)["params"]
    params["bias"] = jnp.float32(normal(4))
    expected = np.maximum(convolve_by_loops(np.float64(inputs), np.float64(params["kernel"])) + normal(4), 0)
    np.testing.assert_allclose(module.apply({"params": params}, inputs), expected, rtol=1e-5, atol=1e-5)


@given(length=st.integers(1, 9), window=st.integers(1, 4))
def test_max_pool_takes_each_window_once(length, window):
    inputs = normal(2, length, 3)
    expected = np.stack([inputs[:, i : i + window].max(axis=1) for i in range(0, length, window)], axis=1)
    np.testing.assert_allclose(blocks.max_pool(jnp.float32(inputs), window), expected, rtol=1e-6)


def test_max_pool_of_an_image():
    inputs = normal(2, 5, 4, 1)
    expected = [[inputs[:, i : i + 2, j : j + 2].max(axis=(1, 2)) for j in (0, 2)] for i in (0, 2, 4)]
    np.testing.assert_allclose(blocks.max_pool(jnp.float32(inputs), 2), np.array(expected).transpose(2, 0, 1, 3), 1e-6)


def test_gradient_of_a_pool_sums_to_one_per_window_with_ties():
    inputs = jnp.array([[1.0, 1, 0, 2, 2, 2, -1, -1]]).reshape(1, 8, 1)
    grads = jax.grad(lambda x: blocks.max_pool(x, 2).sum())(inputs)
    np.testing.assert_allclose(grads.reshape(4, 2).sum(axis=1), 1)


@given(values=arrays(np.float32, (2, 2, 7, 3), elements=st.integers(0, 2)), window=st.integers(2, 4))
def test_gradient_of_a_pool_of_many_runs_is_shared_evenly_where_steps_tie(values, window):
    """The last window is partial; `vmap` over runs as a study has it."""
    of_windows = normal(2, 2, -(-7 // window), 3)
    expected = np.zeros(values.shape)
    for i, start in enumerate(range(0, 7, window)):
        steps = values[:, :, start : start + window]
        largest = steps == steps.max(axis=2, keepdims=True)
        expected[:, :, start : start + window] = largest / largest.sum(axis=2, keepdims=True) * of_windows[:, :, [i]]
    _, backward = jax.vjp(jax.vmap(lambda x: blocks.max_pool(x, window)), jnp.float32(values))
    np.testing.assert_allclose(backward(jnp.float32(of_windows))[0], expected, rtol=1e-5, atol=1e-7)


def test_tanh_rnn_is_equation_2():
    x, w, u, b = normal(2, 6, 3), normal(3, 4), normal(4, 4), normal(4)
    h, expected = np.zeros((2, 4)), []
    for t in range(6):
        h = np.tanh(x[:, t] @ w + h @ u + b)
        expected.append(h)
    outputs, last = blocks.tanh_rnn(jnp.float32(x), None, jnp.float32(w), jnp.float32(u), jnp.float32(b))
    np.testing.assert_allclose(outputs, np.stack(expected, axis=1), atol=1e-5)
    np.testing.assert_allclose(last, h, atol=1e-5)


def test_tanh_rnn_does_not_look_ahead(key):
    module = blocks.TanhRNN(4)
    inputs = jnp.float32(normal(1, 6, 3))
    params = module.init(key, inputs)
    jacobian = jax.jacobian(lambda x: module.apply(params, x)[0])(inputs)[0, :, :, 0]
    influence = np.abs(jacobian).sum(axis=(1, 3))
    assert (np.triu(influence, 1) == 0).all()
    assert (influence[np.tril_indices(6)] > 0).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_has_no_effect(family, key):
    """By gradient: no padded value moves any output. (A DNN flattens, but reads padding as zero.)"""
    model = build(family, 2)
    inputs, mask = jnp.float32(normal(3, 7, 4)), jnp.arange(7)[None] < jnp.array([7, 4, 1])[:, None]
    params = model.init(key, inputs, mask)
    grads = jax.grad(lambda x: (model.apply(params, x, mask) ** 2).sum())(inputs)
    assert (grads[~mask] == 0).all()
    assert (jnp.abs(grads[mask]).sum(axis=-1) > 0).mean() > 0.5


@pytest.mark.parametrize("family", ["cnn", "rnn", "hybrid"])
@pytest.mark.parametrize("pool", [1, 2, 3])
def test_masked_equals_truncated(family, pool, key):
    keywords = {} if family == "rnn" else {"pool": pool, "features": (4, 5)}
    model = build(family, 2, **keywords)
    inputs = jnp.float32(normal(2, 9, 4))
    params = model.init(key, inputs)
    for length in range(1, 10):
        mask = jnp.broadcast_to(jnp.arange(9) < length, (2, 9))
        masked = model.apply(params, inputs, mask)
        np.testing.assert_allclose(masked, model.apply(params, inputs[:, :length]), atol=1e-5)


def test_hybrid_is_equation_3(key):
    """Z = g(RNN(f(Conv(I, K) + b))), each part in NumPy float64."""
    model = build("hybrid", 3, features=(5,), kernel_size=3, pool=1, hidden=4)
    inputs = jnp.float32(normal(2, 6, 4))
    params = jax.tree.map(np.float64, model.init(key, inputs)["params"])
    conv = params["encoder"]["Convolutions_0"]["Convolution_0"]
    rnn, head = params["encoder"]["TanhRNN_0"], params["Dense_0"]
    features = np.maximum(convolve_by_loops(np.float64(inputs), conv["kernel"]) + conv["bias"], 0)
    h = np.zeros((2, 4))
    for t in range(6):
        h = np.tanh(features[:, t] @ rnn["w"] + h @ rnn["u"] + rnn["b"])
    expected = h @ head["kernel"] + head["bias"]
    ours = model.apply(jax.tree.map(jnp.float32, {"params": params}), inputs)
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def gradients_by_loops(inputs, kernel, outputs):
    """The two gradients of Σ outputs · convolve(inputs, kernel), each term of equation 1 added where it belongs."""
    size = kernel.shape[:-2]
    pads = [(0, 0), *(((k - 1) // 2, k // 2) for k in size), (0, 0)]
    padded, of_kernel = np.pad(inputs, pads), np.zeros(kernel.shape)
    of_padded = np.zeros_like(padded)
    for at in np.ndindex(*inputs.shape[:-1]):
        window = (at[0], *(slice(a, a + k) for a, k in zip(at[1:], size, strict=True)))
        of_kernel += padded[window][..., None] * outputs[at]
        of_padded[window] += kernel @ outputs[at]
    inner = tuple(slice(before, before + s) for (before, _), s in zip(pads[1:-1], inputs.shape[1:-1], strict=True))
    return of_padded[(slice(None), *inner)], of_kernel


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4])
@pytest.mark.parametrize("spatial", [(7,), (5, 6)])
@pytest.mark.parametrize("channels", [3, 16])
@pytest.mark.parametrize("convolve", [blocks.convolve, convolution._by_xla])
def test_gradients_of_convolve_are_those_of_equation_1(convolve, channels, spatial, kernel_size):
    """Of the CPU's formulation, and of the one that accelerators take."""
    inputs, kernel = normal(2, *spatial, channels), normal(*(kernel_size,) * len(spatial), channels, 4)
    outputs = normal(2, *spatial, 4, seed=1)
    _, back = jax.vjp(convolve, jnp.float32(inputs), jnp.float32(kernel))
    for ours, expected in zip(back(jnp.float32(outputs)), gradients_by_loops(inputs, kernel, outputs), strict=True):
        assert np.abs(ours - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("runs", [1, 5])
@pytest.mark.parametrize("mapped", [(0, 0), (0, None), (None, 0)])
@pytest.mark.parametrize("channels", [3, 16])
@pytest.mark.parametrize("spatial", [(7,), (5, 6), (2,), (1, 2)])
def test_convolve_and_its_gradients_under_vmap_are_those_of_each_run(spatial, channels, mapped, runs):
    """Under `vmap` another formulation is taken, whichever of inputs and kernel differs between runs."""
    shapes = (2, *spatial, channels), (*(3,) * len(spatial), channels, 4)
    arrays = [jnp.float32(normal(*((runs, *s) if m == 0 else s))) for s, m in zip(shapes, mapped, strict=True)]
    cotangent = jnp.float32(normal(2, *spatial, 4, seed=1))

    def value_and_gradients(inputs, kernel):
        outputs, back = jax.vjp(blocks.convolve, inputs, kernel)
        return outputs, *back(cotangent)

    many = jax.jit(jax.vmap(value_and_gradients, mapped))(*arrays)
    answers = jax.jit(jax.vmap(blocks.convolve, mapped))(*arrays)
    for r in range(runs):
        one = value_and_gradients(*(a[r] if m == 0 else a for a, m in zip(arrays, mapped, strict=True)))
        for ours, expected in zip((*many, answers), (*one, one[0]), strict=True):
            np.testing.assert_allclose(ours[r], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("masked", [False, True])
def test_tanh_rnn_and_its_gradients_are_those_of_the_equation_in_float64(masked):
    """Against `jax.grad` of equation 2 step by step in float64, with weight on every output and on the last state."""
    x, w, u, b = normal(3, 6, 3), normal(3, 4), normal(4, 4), normal(4)
    mask = np.random.default_rng(0).random((3, 6)) < 0.6 if masked else None
    of_outputs, of_last = normal(3, 6, 4, seed=1), normal(3, 4, seed=1)

    def by_steps(x, w, u, b):
        h, total = jnp.zeros((3, 4)), 0.0
        for t in range(6):
            new = jnp.tanh(x[:, t] @ w + h @ u + b[None])
            h = new if mask is None else jnp.where(mask[:, t, None], new, h)
            total += (of_outputs[:, t] * h).sum()
        return total + (of_last * h).sum()

    def ours(x, w, u, b):
        outputs, last = blocks.tanh_rnn(x, None if mask is None else jnp.asarray(mask), w, u, b)
        return (jnp.float32(of_outputs) * outputs).sum() + (jnp.float32(of_last) * last).sum()

    with jax.enable_x64(True):
        value, expected = jax.value_and_grad(by_steps, (0, 1, 2, 3))(x, w, u, b)
    arrays = tuple(map(jnp.float32, (x, w, u, b)))
    assert ours(*arrays) == pytest.approx(float(value), rel=1e-5)
    for found, gradient in zip(jax.grad(ours, (0, 1, 2, 3))(*arrays), expected, strict=True):
        assert np.abs(found - np.asarray(gradient)).max() <= 1e-5 * np.abs(gradient).max()


@pytest.mark.parametrize("size", [1, 3, 64, 200])
def test_orthogonal_weights_are_those_of_a_qr(size, key):
    """Gram–Schmidt with a positive diagonal of R is unique, so that flax's initialiser, by LAPACK, draws the same."""
    ours = np.float64(blocks.orthogonal(key, (size, size)))
    assert np.abs(ours.T @ ours - np.eye(size)).max() <= 1e-5
    np.testing.assert_allclose(ours, nn.initializers.orthogonal()(key, (size, size)), atol=2e-5)
