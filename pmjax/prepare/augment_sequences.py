"""Augmentations of one one-hot sequence (L, C); real bases come first, padding after them stays padding."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from pmjax.errors import UserError

Sequence = Float[Array, "L C"]
Mask = Bool[Array, " L"] | None
Row = tuple[Sequence, Mask]


def _length(values: Sequence, mask: Mask) -> Array | int:
    return len(values) if mask is None else mask.sum()


def _moved(values: Sequence, source: Array, mask: Mask) -> Sequence:
    """Bases of the places `source` (L,); 0, no base, where that is no real place, and where padded."""
    real = (source >= 0) & (source < _length(values, mask))
    if mask is not None:
        real = real & mask
    return jnp.where(real[:, None], values[jnp.clip(source, 0, len(values) - 1)], 0)


def reverse_complement(key: Array, values: Sequence, mask: Mask, *, probability: float = 0.5) -> Row:
    """Read the other strand with `probability`; columns are A, C, G, T.

    Raises:
        UserError: there are not four columns, so that this is no DNA.
    """
    if values.shape[1] != 4:
        raise UserError(f"train.augment: reverse_complement needs columns A, C, G, T, not {values.shape[1]}; drop it")
    source = _length(values, mask) - 1 - jnp.arange(len(values))
    other = _moved(values, source, mask)[:, ::-1]
    return jnp.where(jax.random.bernoulli(key, probability), other, values), mask


def shift(key: Array, values: Sequence, mask: Mask, *, bases: int = 8) -> Row:
    """Move the bases by up to ± `bases` among the real places: some leave at one end, none enter at the other."""
    source = jnp.arange(len(values)) - jax.random.randint(key, (), -bases, bases + 1)
    return _moved(values, source, mask), mask


def mutate(key: Array, values: Sequence, mask: Mask, *, rate: float = 0.01) -> Row:
    """Turn each base into one of the others with probability `rate`; a place without a base keeps none."""
    where, which = jax.random.split(key)
    length, letters = values.shape
    step = jax.random.randint(which, (length,), 1, letters) * jax.random.bernoulli(where, rate, (length,))
    column = (jnp.arange(letters)[None, :] - step[:, None]) % letters
    return jnp.take_along_axis(values, column, axis=1), mask
