"""Heads: the output layer g on top of an encoder. What its outputs mean is said in train/heads."""

from collections.abc import Mapping

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from pmjax.models.fusion import Masks


class Predictor(nn.Module):
    """An encoder and one dense layer: inputs → (B, outputs) in float32.

    `outputs` is K for classification (logits), 1 for a Cox head (log-hazard), K for discrete-time hazards (logits).
    `bias` is off where the loss does not see a shift of all outputs (Cox): Adam would amplify the rounding noise of
    its gradient into a random walk.
    """

    encoder: nn.Module
    outputs: int
    bias: bool = True

    @nn.compact
    def __call__(
        self,
        inputs: Float[Array, "B *S F"] | Mapping[str, Array],
        mask: Bool[Array, "B T"] | Masks | None = None,
        *,
        train: bool = False,
    ) -> Float[Array, "B K"]:
        """Encodes and projects; whatever the encoder computes in, the loss gets float32. A fusion takes dicts."""
        encoded = self.encoder(inputs, mask, train=train).astype(jnp.float32)
        return nn.Dense(self.outputs, use_bias=self.bias)(encoded)
