"""The tanh RNN (paper, equation 2) by `lax.scan` with a gradient of its own, and the module that holds its weights."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from pmjax.models.blocks.dense import Dtype


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
    """The state after the last step, and the state before each; W x_t + b of all steps is one product.

    It stays in the order of the inputs, (B, T, D), and a step takes its own: turned into (T, B, D) first, 256 answers
    of `rnn` in benchmarks took 16.9 ms and take 15.7, a step of `rnn-small` 1.70 and 1.63.
    """
    xs = inputs @ w + b[None, None]

    def step(h: Array, t: Array) -> tuple[Array, Array]:
        new = jnp.tanh(jax.lax.dynamic_index_in_dim(xs, t, 1, keepdims=False) + h @ u)
        return (new if mask is None else jnp.where(jax.lax.dynamic_index_in_dim(mask, t, 1), new, h)), h

    start = jnp.zeros((inputs.shape[0], u.shape[0]), inputs.dtype)
    return jax.lax.scan(step, start, jnp.arange(inputs.shape[1]))


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


def orthogonal(key: Array, shape: tuple[int, int], dtype: Dtype = jnp.float32) -> Float[Array, "D D"]:
    """A random orthogonal matrix, uniform (Haar): Gram–Schmidt, twice, of a normal one.

    The matrix that `nn.initializers.orthogonal` makes, to rounding, and as fast, without LAPACK: on a CPU its QR waits
    on XLA's threads for threads of the same pool, so that two at once, on two cores, waited for each other for ever.
    """

    def orthonormalise(rows: Array, i_and_row: tuple[Array, Array]) -> tuple[Array, None]:
        i, row = i_and_row
        for _ in range(2):  # once leaves errors of eps times the condition number
            row = row - (rows @ row) @ rows
        return rows.at[i].set(row / jnp.linalg.norm(row)), None

    drawn = jax.random.normal(key, shape, dtype).T
    rows, _ = jax.lax.scan(orthonormalise, jnp.zeros_like(drawn), (jnp.arange(shape[0]), drawn))
    return rows.T


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
        u = self.param("u", orthogonal, (self.hidden, self.hidden))
        b = self.param("b", nn.initializers.zeros, (self.hidden,))
        w, u, b = (p.astype(self.dtype) for p in (w, u, b))
        return tanh_rnn(inputs.astype(self.dtype), mask, w, u, b)
