"""CNN: convolutions, the maximum over positions, dense layers (paper, equation 1)."""

import math

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from pmjax.models.blocks import Convolutions, Dtype, Layers, mask_steps


class CNN(nn.Module):
    """Encodes a series, a one-hot sequence or an image: (B, T, C) or (B, H, W, C) → (B, hidden).

    `features` has one entry a convolution; `pool` halves (2), quarters (4) … each spatial axis after each. With
    `flatten` the dense layer sees every position by itself, for inputs that are aligned, rather than the maximum.
    """

    features: tuple[int, ...] = (32,)
    kernel_size: int = 3
    pool: int = 2
    hidden: int = 32
    flatten: bool = False
    dropout: float = 0.0
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(
        self, inputs: Float[Array, "B *S C"], mask: Bool[Array, "B T"] | None = None, *, train: bool = False
    ) -> Float[Array, "B D"]:
        """Padding has no effect: the maximum runs over real positions, and ReLU makes zero its floor."""
        x, kept = Convolutions(self.features, self.kernel_size, self.pool, self.dtype)(inputs, mask)
        if self.flatten:
            x = mask_steps(x, kept).reshape(x.shape[0], math.prod(x.shape[1:]))
        else:
            x = x.max(axis=tuple(range(1, x.ndim - 1)))
        return Layers((self.hidden,), self.dropout, self.dtype)(x, train=train)
