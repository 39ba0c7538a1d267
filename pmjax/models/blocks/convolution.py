"""Convolution (paper, equation 1) and max-pool: pure functions, in the formulation that is fast on the backend, and
the flax modules that hold their parameters."""

import math
from collections.abc import Callable, Sequence
from itertools import product

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jaxtyping import Array, Bool, Float

from pmjax.models.blocks.dense import Dtype, mask_steps


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
    """Puts the window of each position side by side: (B, *S, C) → (B, *S, K·C).

    The rows of a window first, then one gather of the numbers that lie together in them; images of many channels, whose
    pieces are long anyway, as slices. Of 32 × 200 × 4 numbers in 16 runs windows of 9 took 1.7 ms as slices and take
    .4; of 64 × 32 × 32 × 3 numbers 3 × 3 windows 1.2 and .3; a step of `cnn1d` in benchmarks 36.1 and 34.2.
    """
    if len(size) == 1:
        return _unfold(inputs[:, None], (1, *size))[:, 0]
    batch, height, width, channels = inputs.shape
    padded = jnp.pad(inputs, [(0, 0), *_same(size), (0, 0)])
    if size[0] > 1 and channels >= _MANY_CHANNELS:
        slices = [padded[:, y : y + height, x : x + width] for y, x in product(*map(range, size))]
        return jnp.concatenate(slices, axis=-1)
    flat = padded.reshape(*padded.shape[:2], -1)
    rows = jnp.stack([flat[:, y : y + height] for y in range(size[0])], axis=2)
    starts, length = jnp.arange(width)[:, None] * channels, size[1] * channels
    along = jax.lax.GatherDimensionNumbers(offset_dims=(0, 1, 3, 4), collapsed_slice_dims=(), start_index_map=(3,))
    windows = jax.lax.gather(rows, starts, along, (*rows.shape[:-1], length), mode="promise_in_bounds")
    return windows.reshape(batch, height, width, -1)


_MANY_CHANNELS = 16
"""Channels from which slices of an image are as fast as a gather, and XLA's convolution of a sequence as a product."""


def _fold(windows: Array, size: tuple[int, ...]) -> Array:
    """The transpose of `_unfold`: adds up what the windows say of each position, (B, *S, K·C) → (B, *S, C)."""
    offsets = list(product(*(range(-before, after + 1) for before, after in _same(size))))
    parts = jnp.split(windows, len(offsets), axis=-1)
    zero = jnp.zeros((), windows.dtype)
    moved = [
        jax.lax.pad(part, zero, [(0, 0, 0), *((o, -o, 0) for o in offset), (0, 0, 0)])
        for offset, part in zip(offsets, parts, strict=True)
    ]
    return sum(moved[1:], moved[0])


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
    if kernel.ndim == 3:  # of a sequence as of an image of height 1: `cnn1d` and `cnn1d-large` .95–.98 a step
        return _inputs_gradient(outputs[:, None], kernel[None])[:, 0]
    flipped = jnp.flip(kernel, range(kernel.ndim - 2)).swapaxes(-1, -2)
    return _xla_convolution(outputs, flipped, [(after, before) for before, after in _same(kernel.shape[:-2])])


def _inputs_gradient_by_product(outputs: Array, kernel: Array) -> Array:
    return _fold(outputs @ _as_matrix(kernel).T, kernel.shape[:-2])


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

    The library makes convolution, bias, ReLU and pool of a sequence one pass over both cores, but not where a gradient
    needs what lies between. 256 answers of `cnn2d` in benchmarks: 37 → 20.5 ms; of `cnn1d-small`: 1.75 → .85 ms.
    """
    if kernel.ndim == 3:
        return _by_xla(inputs[:, None], kernel[None])[:, 0]
    *size, channels, features = kernel.shape
    if math.prod(kernel.shape[:-1]) <= _FEW_VALUES:
        return _by_product(inputs, kernel)
    if 1 < channels < _FEW_CHANNELS:
        inputs, kernel = _unfold(inputs, (1, size[1])), kernel.reshape(size[0], 1, -1, features)
    # An image's bias, ReLU and pool apart: as fast in jax 0.10; in 0.12 256 answers of `cnn2d` take .79 of one pass.
    return jax.lax.optimization_barrier(_by_xla(inputs, kernel))


_FEW_VALUES = 16
"""Values of a window up to which one product of unfolded windows is faster than the library."""

_FEW_CHANNELS = 8
"""Channels below which the windows of a row are unfolded, so that the library has longer products to do."""

_ANSWER = _unless_mapped(_by_library, _by_product)
_ALONG_MANY = _unless_mapped(_by_xla, _by_product)
_BACKWARD = _unless_mapped(_inputs_gradient, _inputs_gradient_by_product)


@jax.custom_vjp
def _on_cpu(inputs: Array, kernel: Array) -> Array:
    return _ANSWER(inputs, kernel)


def _forward(inputs: Array, kernel: Array) -> Array:
    """The convolution whose gradient will be asked for: a product, but of sequences of many channels XLA's own.

    `cnn1d-small` in benchmarks, of one layer over four channels: a step of .98 ms, and of .86 as a product.
    """
    many = kernel.ndim == 3 and kernel.shape[-2] >= _MANY_CHANNELS
    return _ALONG_MANY(inputs, kernel) if many else _by_product(inputs, kernel)


def _on_cpu_forward(inputs: Array, kernel: Array) -> tuple[Array, tuple[Array, Array]]:
    return _forward(inputs, kernel), (inputs, kernel)


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
    return _max_of_steps(blocks) if len(spatial) == 1 else blocks.max(axis=(2, 4))


@jax.custom_vjp
def _max_of_steps(windows: Float[Array, "B P W C"]) -> Float[Array, "B P C"]:
    """The maximum of each window of a series, with a gradient that counts ties slice by slice.

    As `jax.grad` counts them, XLA writes the comparison out to sum it up: a step of `cnn1d-small` in benchmarks takes
    .8 of that, of `hybrid-small` .9, of `cnn1d` .97. Images are slower so: their convolution joins XLA's sum.
    """
    return _max_of_steps_forward(windows)[0]


def _max_of_steps_forward(windows: Array) -> tuple[Array, tuple[Array, Array]]:
    largest = windows.max(axis=2)
    return largest, (windows, largest)


def _max_of_steps_backward(saved: tuple[Array, Array], outputs: Array) -> tuple[Array]:
    windows, largest = saved
    ties = sum((windows[:, :, step] == largest).astype(outputs.dtype) for step in range(windows.shape[2]))
    return (jnp.where(windows == largest[:, :, None], (outputs / ties)[:, :, None], 0),)


_max_of_steps.defvjp(_max_of_steps_forward, _max_of_steps_backward)


def pool_mask(mask: Bool[Array, "B T"] | None, window: int) -> Bool[Array, "B P"] | None:
    """The mask of a pooled series: a window is real where any of its steps is."""
    if mask is None or window == 1:
        return mask
    padded = jnp.pad(mask, ((0, 0), (0, -mask.shape[1] % window)))
    return padded.reshape(mask.shape[0], -1, window).any(axis=-1)


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
