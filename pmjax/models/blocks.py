"""The building blocks: convolution (paper, equation 1), max-pool and the tanh RNN (equation 2), as pure functions
and as the flax modules that hold their parameters. All of them work under `vmap` over runs."""

import math
from itertools import product
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Dtype = Any  # what JAX calls DTypeLike; its name and its types differ between versions


def convolve(inputs: Float[Array, "B *S C"], kernel: Float[Array, "*K C F"]) -> Float[Array, "B *S F"]:
    """Convolves over one or two spatial axes with zero padding to the same size, Conv(I, K) of equation 1.

    Unfolds the windows and takes one matrix product: under `vmap` over runs that stays a batched matrix product,
    where `lax.conv` would become a grouped convolution, slow on CPU and slower still inside `lax.scan`. As
    everywhere in deep learning this is the cross-correlation: the kernel is not flipped.
    """
    size = kernel.shape[:-2]
    spatial = inputs.shape[1:-1]
    pads = [(0, 0), *(((k - 1) // 2, k // 2) for k in size), (0, 0)]
    padded = jnp.pad(inputs, pads)
    windows = [
        padded[(slice(None), *(slice(o, o + s) for o, s in zip(offset, spatial, strict=True)))]
        for offset in product(*map(range, size))
    ]
    unfolded = jnp.concatenate(windows, axis=-1)
    return unfolded @ kernel.reshape(math.prod(size) * kernel.shape[-2], kernel.shape[-1])


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
    if mask is None:
        mask = jnp.ones(inputs.shape[:2], bool)

    def step(h: Array, x_and_real: tuple[Array, Array]) -> tuple[Array, Array]:
        x, real = x_and_real
        new = jnp.tanh(x @ w + h @ u + b[None])
        h = jnp.where(real[:, None], new, h)
        return h, h

    start = jnp.zeros((inputs.shape[0], u.shape[0]), inputs.dtype)
    last, outputs = jax.lax.scan(step, start, (inputs.swapaxes(0, 1), mask.T))
    return outputs.swapaxes(0, 1), last


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
            x = mask_steps(Convolution(features, self.kernel_size, self.dtype)(x), mask)
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
