"""Augmentations of single numbers: noise and feature drop-out, on one row of standardised values."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Row = tuple[Float[Array, "*S F"], Bool[Array, " T"] | None]


def noise(key: Array, values: Float[Array, "*S F"], mask: Bool[Array, " T"] | None, *, sd: float = 0.1) -> Row:
    """Add Gaussian noise of `sd` standard deviations of the feature; padding stays 0."""
    noisy = values + sd * jax.random.normal(key, values.shape, values.dtype)
    return noisy if mask is None else jnp.where(mask[:, None], noisy, values), mask


def feature_dropout(
    key: Array, values: Float[Array, " F"], mask: Bool[Array, " T"] | None, *, rate: float = 0.1
) -> Row:
    """Set each feature to 0, its mean in the training rows, with probability `rate`; nothing is scaled up."""
    return jnp.where(jax.random.bernoulli(key, rate, values.shape), 0, values), mask
