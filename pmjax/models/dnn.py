"""DNN: dense layers over all values of a patient."""

import math

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from pmjax.models.blocks import Dtype, Layers, mask_steps


class DNN(nn.Module):
    """Encodes a table; a series or an image is flattened first: (B, …) → (B, hidden[-1])."""

    hidden: tuple[int, ...] = (64, 64)
    dropout: float = 0.0
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(
        self, inputs: Float[Array, "B *S F"], mask: Bool[Array, "B T"] | None = None, *, train: bool = False
    ) -> Float[Array, "B D"]:
        """Padded steps of a series count as zero."""
        x = inputs if mask is None else mask_steps(inputs, mask)
        x = x.reshape(x.shape[0], math.prod(x.shape[1:]))
        return Layers(self.hidden, self.dropout, self.dtype)(x, train=train)
