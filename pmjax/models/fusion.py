"""Fusion: one encoder a modality, weighed by a gate over the modalities that a patient has."""

from collections.abc import Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from pmjax.models.blocks import Dtype

Masks = Mapping[str, tuple[Array | None, Array | None]]


class Fusion(nn.Module):
    """Encodes each modality by its own encoder of any family, and sums them by a gate: {name: (B, …)} → (B, hidden).

    z = Σ_m α_m e_m with e_m = ReLU(V_m encoder_m(x_m)) and α the softmax of w_m · tanh(e_m) over the modalities that
    the patient has: gated attention (Ilse, Tomczak, Welling, ICML 2018) over modalities instead of instances. One
    that is absent has weight 0, and neither its values nor its encoder's parameters get a gradient from that
    patient; a patient with none gets z = 0. Nothing is imputed.

    Attributes:
        encoders: name of a modality and its encoder.
        modality_dropout: in training, the chance that a modality of a patient is hidden, never the last one: without
            it a model that never saw one missing is not used to that.
    """

    encoders: tuple[tuple[str, nn.Module], ...]
    hidden: int = 32
    modality_dropout: float = 0.0
    dtype: Dtype = jnp.float32

    @nn.compact
    def __call__(self, inputs: Mapping[str, Array], mask: Masks, *, train: bool = False) -> Float[Array, "B D"]:
        """Takes values and (mask of steps, presence (B,)) of each modality, None where all are real and present."""
        rows = next(iter(inputs.values())).shape[0]
        encoded, scores, has = [], [], []
        for name, encoder in self.encoders:
            steps, present = mask[name]
            x = nn.relu(nn.Dense(self.hidden, dtype=self.dtype)(encoder(inputs[name], steps, train=train)))
            encoded.append(x)
            scores.append(nn.Dense(1, use_bias=True, dtype=self.dtype)(jnp.tanh(x))[:, 0])
            has.append(jnp.ones(rows, bool) if present is None else present)
        kept = jnp.stack(has, axis=1)
        if train and self.modality_dropout > 0:
            kept = hide(self.make_rng("dropout"), kept, self.modality_dropout)
        weight = gate(jnp.stack(scores, axis=1).astype(jnp.float32), kept)
        return jnp.einsum("bm,bmd->bd", weight.astype(self.dtype), jnp.stack(encoded, axis=1))


def gate(scores: Float[Array, "B M"], present: Bool[Array, "B M"]) -> Float[Array, "B M"]:
    """Softmax of `scores` over what is present, (B, M); all zero where nothing is, with a finite gradient."""
    floor = jnp.where(present, scores, -jnp.inf).max(axis=1, keepdims=True)
    shifted = jnp.where(present, scores - jax.lax.stop_gradient(jnp.where(jnp.isfinite(floor), floor, 0)), 0)
    raised = jnp.where(present, jnp.exp(shifted), 0)
    return raised / jnp.maximum(raised.sum(axis=1, keepdims=True), 1e-20)


def hide(key: Array, present: Bool[Array, "B M"], rate: float) -> Bool[Array, "B M"]:
    """Hides each present modality with chance `rate`; where all would go, the patient keeps what there was."""
    kept = present & ~jax.random.bernoulli(key, rate, present.shape)
    return jnp.where(kept.any(axis=1, keepdims=True), kept, present)
