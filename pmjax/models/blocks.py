"""The building blocks: convolution (paper, equation 1), max-pool and the tanh RNN (equation 2), as pure functions
and as the flax modules that hold their parameters. All of them work under `vmap` over runs."""

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Bool, Float

Dtype = Any  # what JAX calls DTypeLike; its name and its types differ between versions


def convolve(inputs: Float[Array, "B *S C"], kernel: Float[Array, "*K C F"]) -> Float[Array, "B *S F"]:
    """Convolves over one or two spatial axes with zero padding to the same size, Conv(I, K) of equation 1.

    As everywhere in deep learning this is the cross-correlation: the kernel is not flipped. An accelerator takes
    XLA's convolution and its gradients, a CPU the formulations below: the same numbers to rounding.
    """
    return _on_cpu(inputs, kernel) if jax.default_backend() == "cpu" else _by_xla(inputs, kernel)


def _same(size: tuple[int, ...]) -> list[tuple[int, int]]:
    return [((k - 1) // 2, k // 2) for k in size]


def _by_xla(inputs: Array, kernel: Array) -> Array:
    return _xla_convolution(inputs, kernel, _same(kernel.shape[:-2]))


def _xla_convolution(inputs: Array, kernel: Array, pads: list[tuple[int, int]]) -> Array:
    S = "HW"[: len(pads)]
    layout = (f"N{S}C", f"{S}IO", f"N{S}C")
    return jax.lax.conv_general_dilated(inputs, kernel, (1,) * len(pads), pads, dimension_numbers=layout)


def _unfold(inputs: Array, size: tuple[int, ...]) -> Array:
    """Puts the window of each position side by side: (B, *S, C) → (B, *S, K·C)."""
    padded = jnp.pad(inputs, [(0, 0), *_same(size), (0, 0)])
    windows = [
        padded[(slice(None), *(slice(o, o + s) for o, s in zip(offset, inputs.shape[1:-1], strict=True)))]
        for offset in product(*map(range, size))
    ]
    return jnp.concatenate(windows, axis=-1)


def _by_product(inputs: Array, kernel: Array) -> Array:
    """The convolution as one matrix product of unfolded windows."""
    return _unfold(inputs, kernel.shape[:-2]) @ _as_matrix(kernel)


def _as_matrix(kernel: Array) -> Array:
    return kernel.reshape(math.prod(kernel.shape[:-1]), kernel.shape[-1])


def _inputs_gradient(outputs: Array, kernel: Array) -> Array:
    """What a gradient of the outputs is for the inputs: the flipped kernel over it, a convolution like any other.

    XLA's CPU backend has no fast path for the form that `jax.grad` makes, least of all inside `lax.scan` (a step of
    `cnn1d` in benchmarks: 871 ms there; 35 ms by this and the product for the kernel).
    """
    flipped = jnp.flip(kernel, range(kernel.ndim - 2)).swapaxes(-1, -2)
    return _xla_convolution(outputs, flipped, [(after, before) for before, after in _same(kernel.shape[:-2])])


def _inputs_gradient_by_product(outputs: Array, kernel: Array) -> Array:
    shape = jax.ShapeDtypeStruct((*outputs.shape[:-1], kernel.shape[-2]), outputs.dtype)
    fold = jax.linear_transpose(lambda inputs: _unfold(inputs, kernel.shape[:-2]), shape)
    (gradient,) = fold(outputs @ _as_matrix(kernel).T)
    return gradient


def _unless_mapped(alone: Callable[..., Array], mapped: Callable[..., Array]) -> Callable[..., Array]:
    """Makes a function that is `alone` as it stands, or for a single run, and `mapped` under `vmap`.

    `vmap` over runs turns XLA's convolution into a grouped one, slow on CPU, and a matrix product into a batched one.
    """
    function = custom_vmap(alone)

    @function.def_vmap
    def rule(size: int, batched: Sequence[bool], *arrays: Array) -> tuple[Array, bool]:
        if size == 1:
            return alone(*(a[0] if b else a for a, b in zip(arrays, batched, strict=True)))[None], True
        return jax.vmap(mapped, [0 if b else None for b in batched], axis_size=size)(*arrays), True

    return function


def _by_library(inputs: Array, kernel: Array) -> Array:
    """The convolution for answers, as XLA's CPU library (YNNPACK) takes it: over two axes, of enough channels.

    The library makes convolution, bias, ReLU and pool one pass over both cores, but not where a gradient needs what
    lies between. 256 answers of `cnn2d` in benchmarks: 37 → 20.5 ms; of `cnn1d-small`: 1.75 → .85 ms.
    """
    if kernel.ndim == 3:
        return _by_xla(inputs[:, None], kernel[None])[:, 0]
    *size, channels, features = kernel.shape
    if math.prod(kernel.shape[:-1]) <= _FEW_VALUES:
        return _by_product(inputs, kernel)
    if 1 < channels < _FEW_CHANNELS:
        row = _unfold(inputs, (1, size[1]))
        return _by_xla(row, kernel.reshape(size[0], 1, -1, features))
    return _by_xla(inputs, kernel)


_FEW_VALUES = 16
"""Values of a window up to which one product of unfolded windows is faster than the library."""

_FEW_CHANNELS = 8
"""Channels below which the windows of a row are unfolded, so that the library has longer products to do."""

_ANSWER = _unless_mapped(_by_library, _by_product)
# Along one axis XLA's convolution runs at the speed of its matrix product; over images the product is 1.4 × faster.
_FORWARD = {1: _unless_mapped(_by_xla, _by_product), 2: _by_product}
_BACKWARD = _unless_mapped(_inputs_gradient, _inputs_gradient_by_product)


@jax.custom_vjp
def _on_cpu(inputs: Array, kernel: Array) -> Array:
    return _ANSWER(inputs, kernel)


def _on_cpu_forward(inputs: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return _FORWARD[kernel.ndim - 2](inputs, kernel), (inputs, kernel)


def _on_cpu_backward(saved: tuple[Array, Array], outputs: Array) -> tuple[Array, Array]:
    """The kernel's gradient is one product with the windows, unfolded again rather than kept: K times the inputs."""
    inputs, kernel = saved
    unfolded = _unfold(inputs, kernel.shape[:-2])
    by_position = (math.prod(outputs.shape[:-1]), -1)
    of_kernel = unfolded.reshape(by_position).T @ outputs.reshape(by_position)
    return _BACKWARD(outputs, kernel), of_kernel.reshape(kernel.shape)


_on_cpu.defvjp(_on_cpu_forward, _on_cpu_backward)


def max_pool(inputs: Float[Array, "B *S C"], window: int) -> Float[Array, "B *P C"]:
    """Takes the maximum of each full or partial window of `window` (per spatial axis, stride = window).

    Reshape and max: the gradient of `nn.max_pool` (select-and-scatter) is slow on CPU. A window's gradient sums
    to 1, shared evenly where values tie.
    """
    if window == 1:
        return inputs
    spatial = inputs.shape[1:-1]
    short = [(0, 0), *((0, -s % window) for s in spatial), (0, 0)]
    padded = jnp.pad(inputs, short, constant_values=-jnp.inf)
    split = [n for s in padded.shape[1:-1] for n in (s // window, window)]
    blocks = padded.reshape(inputs.shape[0], *split, inputs.shape[-1])
    return blocks.max(axis=tuple(range(2, 2 + 2 * len(spatial), 2)))


def mask_steps(inputs: Float[Array, "B *S C"], mask: Bool[Array, "B T"] | None) -> Float[Array, "B *S C"]:
    """Sets steps that are padding to zero."""
    return inputs if mask is None else jnp.where(mask[..., None], inputs, 0)


def pool_mask(mask: Bool[Array, "B T"] | None, window: int) -> Bool[Array, "B P"] | None:
    """The mask of a pooled series: a window is real where any of its steps is."""
    if mask is None or window == 1:
        return mask
    padded = jnp.pad(mask, ((0, 0), (0, -mask.shape[1] % window)))
    return padded.reshape(mask.shape[0], -1, window).any(axis=-1)


@jax.custom_vjp
def tanh_rnn(
    inputs: Float[Array, "B T F"],
    mask: Bool[Array, "B T"] | None,
    w: Float[Array, "F D"],
    u: Float[Array, "D D"],
    b: Float[Array, " D"],
) -> tuple[Float[Array, "B T D"], Float[Array, "B D"]]:
    """h_t = tanh(W x_t + U h_{t-1} + b), h_0 = 0 (paper, equation 2), by `lax.scan`.

    At a masked step h is carried on unchanged, so padding before, between or after visits has no effect.

    Returns:
        One output a step, and the state after the last real step.
    """
    outputs_and_last, _ = _tanh_rnn_forward(inputs, mask, w, u, b)
    return outputs_and_last


def _states(
    inputs: Array, mask: Array | None, w: Array, u: Array, b: Array
) -> tuple[Float[Array, "B D"], Float[Array, "T B D"]]:
    """The state after the last step, and the state before each; W x_t + b of all steps is one product."""

    def step(h: Array, x_and_real: tuple[Array, Array | None]) -> tuple[Array, Array]:
        x, real = x_and_real
        new = jnp.tanh(x + h @ u)
        return (new if real is None else jnp.where(real[:, None], new, h)), h

    xs = inputs.swapaxes(0, 1) @ w + b[None, None]
    start = jnp.zeros((inputs.shape[0], u.shape[0]), inputs.dtype)
    return jax.lax.scan(step, start, (xs, None if mask is None else mask.T))


def _tanh_rnn_forward(
    inputs: Array, mask: Array | None, w: Array, u: Array, b: Array
) -> tuple[tuple[Array, Array], tuple[Array | None, ...]]:
    last, before = _states(inputs, mask, w, u, b)
    outputs = jnp.concatenate([before[1:], last[None]]).swapaxes(0, 1)
    return (outputs, last), (inputs, mask, w, u, last, before)


def _tanh_rnn_backward(saved: Any, gradients: tuple[Array, Array]) -> tuple[Array | None, ...]:
    """Runs back through the states for da alone, a = W x + U h + b; W, U, b and x are one large product each.

    Only states are kept: 1 − h² is the derivative of tanh. States *before* each step pair with da as they lie, where
    those after would be shifted, and so copied. 1.5 × faster than `jax.grad` of the scan (benchmarks/LOG.md).
    """
    inputs, mask, w, u, last, before = saved
    of_outputs, of_last = gradients

    def step(carry: tuple[Array, Array], x: tuple[Array, Array, Array | None]) -> tuple[tuple[Array, Array], Array]:
        dh, h = carry
        previous, of_output, real = x
        dh = dh + of_output
        da = dh * (1 - h * h)
        if real is None:
            return (da @ u.T, previous), da
        da = jnp.where(real[:, None], da, 0)
        return (da @ u.T + jnp.where(real[:, None], 0, dh), previous), da

    steps = (before, of_outputs.swapaxes(0, 1), None if mask is None else mask.T)
    _, da = jax.lax.scan(step, (of_last, last), steps, reverse=True)
    xs = inputs.swapaxes(0, 1)
    flat = da.reshape(-1, u.shape[0])
    of_w, of_u = (x.reshape(-1, x.shape[-1]).T @ flat for x in (xs, before))
    return (da @ w.T).swapaxes(0, 1), None, of_w, of_u, da.sum(axis=(0, 1))


tanh_rnn.defvjp(_tanh_rnn_forward, _tanh_rnn_backward)


class Convolution(nn.Module):
    """Z = ReLU(Conv(I, K) + b) (paper, equation 1). (B, *S, C) → (B, *S, features)."""

    features: int
    kernel_size: int
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, inputs: Float[Array, "B *S C"]) -> Float[Array, "B *S F"]:
        """Applies the block; the spatial rank (1 or 2) is that of the inputs."""
        size = (self.kernel_size,) * (inputs.ndim - 2)
        shape = (*size, inputs.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.he_normal(), shape).astype(self.dtype)
        bias = self.param("bias", nn.initializers.zeros, (self.features,)).astype(self.dtype)
        outputs = convolve(inputs.astype(self.dtype), kernel)
        return nn.relu(outputs + jnp.expand_dims(bias, range(outputs.ndim - 1)))


class TanhRNN(nn.Module):
    """The tanh RNN of equation 2. (B, T, F) → (B, T, hidden) and (B, hidden)."""

    hidden: int
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(
        self, inputs: Float[Array, "B T F"], mask: Bool[Array, "B T"] | None = None
    ) -> tuple[Float[Array, "B T D"], Float[Array, "B D"]]:
        """Returns the output of every step and the pooled one."""
        w = self.param("w", nn.initializers.lecun_normal(), (inputs.shape[-1], self.hidden))
        u = self.param("u", nn.initializers.orthogonal(), (self.hidden, self.hidden))
        b = self.param("b", nn.initializers.zeros, (self.hidden,))
        w, u, b = (p.astype(self.dtype) for p in (w, u, b))
        return tanh_rnn(inputs.astype(self.dtype), mask, w, u, b)


class Convolutions(nn.Module):
    """Convolution → max-pool, once per entry of `features`. (B, *S, C) → (B, *P, features[-1]), mask (B, P).

    Padding is set to zero before each convolution and each pool, so that masked equals truncated.
    """

    features: tuple[int, ...]
    kernel_size: int
    pool: int
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(
        self, inputs: Float[Array, "B *S C"], mask: Bool[Array, "B T"] | None = None
    ) -> tuple[Float[Array, "B *P F"], Bool[Array, "B _"] | None]:
        """Returns the feature maps and the mask of their positions."""
        x = mask_steps(inputs, mask)
        for features in self.features:
            x = Convolution(features, self.kernel_size, self.dtype)(x)
            if mask is not None:
                x = x * mask[..., None].astype(x.dtype)  # a product, where `mask_steps` chooses: XLA's library fuses it
            x, mask = max_pool(x, self.pool), pool_mask(mask, self.pool)
        return x, mask


class Layers(nn.Module):
    """Dense → ReLU → dropout, once per width. (B, F) → (B, widths[-1])."""

    widths: tuple[int, ...]
    dropout: float = 0.0
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, inputs: Float[Array, "B F"], *, train: bool = False) -> Float[Array, "B D"]:
        """Applies the layers; dropout draws from the `dropout` key while `train`."""
        x = inputs.astype(self.dtype)
        for width in self.widths:
            x = nn.relu(nn.Dense(width, dtype=self.dtype)(x))
            x = nn.Dropout(self.dropout, deterministic=not train)(x)
        return x
