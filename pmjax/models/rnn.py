"""RNN: the tanh RNN over visits or positions (paper, equation 2)."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from pmjax.models.blocks import Dtype, TanhRNN


class RNN(nn.Module):
    """Encodes a series by its last real state: (B, T, F) → (B, hidden)."""

    hidden: int = 32
    dropout: float = 0.0
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(
        self, inputs: Float[Array, "B T F"], mask: Bool[Array, "B T"] | None = None, *, train: bool = False
    ) -> Float[Array, "B D"]:
        """Masked steps carry the state on unchanged."""
        _, last = TanhRNN(self.hidden, self.dtype)(inputs, mask)
        return nn.Dropout(self.dropout, deterministic=not train)(last)
