"""Heads: the output layer g on top of an encoder. What its outputs mean is said in train/heads."""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


class Predictor(nn.Module):
    """An encoder and one dense layer: inputs → (B, outputs) in float32.

    `outputs` is K for classification (logits), 1 for a Cox head (log-hazard), K for discrete-time hazards (logits).
    """

    encoder: nn.Module
    outputs: int

    @nn.compact
    def __call__(
        self, inputs: Float[Array, "B *S F"], mask: Bool[Array, "B T"] | None = None, *, train: bool = False
    ) -> Float[Array, "B K"]:
        """Encodes and projects; whatever the encoder computes in, the loss gets float32."""
        encoded = self.encoder(inputs, mask, train=train).astype(jnp.float32)
        return nn.Dense(self.outputs)(encoded)
