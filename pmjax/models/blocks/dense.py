"""Dense layers, and what every block needs."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Dtype = Any  # what JAX calls DTypeLike; its name and its types differ between versions


def mask_steps(inputs: Float[Array, "B *S C"], mask: Bool[Array, "B T"] | None) -> Float[Array, "B *S C"]:
    """Sets steps that are padding to zero."""
    return inputs if mask is None else jnp.where(mask[..., None], inputs, 0)


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
