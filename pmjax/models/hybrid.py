"""Hybrid CNN+RNN: Z = g(RNN(f(Conv(I, K) + b))) (paper, equation 3); g is the head."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from pmjax.models.blocks import Convolutions, Dtype, TanhRNN


class Hybrid(nn.Module):
    """Encodes a series, sequence or image by convolutions, then a tanh RNN along the first spatial axis.

    (B, T, C) → (B, hidden); of an image (B, H, W, C) a row of pixels is one step.
    """

    features: tuple[int, ...] = (32,)
    kernel_size: int = 3
    pool: int = 2
    hidden: int = 32
    dropout: float = 0.0
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(
        self, inputs: Float[Array, "B *S C"], mask: Bool[Array, "B T"] | None = None, *, train: bool = False
    ) -> Float[Array, "B D"]:
        """Masked positions neither enter a convolution nor move the state."""
        x, mask = Convolutions(self.features, self.kernel_size, self.pool, self.dtype)(inputs, mask)
        x = x.reshape(*x.shape[:2], -1)
        _, last = TanhRNN(self.hidden, self.dtype)(x, mask)
        return nn.Dropout(self.dropout, deterministic=not train)(last)
