"""Augmentations of one series (T, F) of standardised values; real steps come first, padding stays padding and 0."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Series = Float[Array, "T F"]
Mask = Bool[Array, " T"] | None
Row = tuple[Series, Mask]

_WAVES = 3


def window(key: Array, values: Series, mask: Mask, *, fraction: float = 0.8) -> Row:
    """Keep a random run of at least `fraction` of the real steps, moved to the start; the rest becomes padding."""
    length, at = jax.random.split(key)
    steps = jnp.int32(len(values)) if mask is None else mask.sum()
    least = jnp.ceil(fraction * steps).astype(jnp.int32)
    kept = jax.random.randint(length, (), least, steps + 1)
    start = jax.random.randint(at, (), 0, steps - kept + 1)
    inside = jnp.arange(len(values)) < kept
    return jnp.where(inside[:, None], jnp.roll(values, -start, axis=0), 0), inside


def time_warp(key: Array, values: Series, mask: Mask, *, strength: float = 0.3) -> Row:
    """Run faster here and slower there, by less than ± `strength` of the speed; first and last real step stay.

    Values between steps are interpolated linearly, those of 0/1 columns too. With u the place in [0, 1], a step
    reads from u + Σₖ aₖ sin(kπu) / (kπ), k = 1 to 3, Σ |aₖ| ≤ strength < 1, so that time never runs backwards.
    """
    total = len(values)
    last = jnp.float32(total - 1) if mask is None else mask.sum().astype(jnp.float32) - 1
    wave = jnp.arange(1, _WAVES + 1, dtype=jnp.float32)
    amplitude = jax.random.uniform(key, (_WAVES,), jnp.float32, -strength, strength) / _WAVES
    step = jnp.arange(total, dtype=jnp.float32)
    u = step / jnp.maximum(last, 1)
    lead = jnp.sin(jnp.pi * jnp.outer(u, wave)) @ (amplitude / (jnp.pi * wave))
    place = jnp.clip(step + lead * last, 0, jnp.maximum(last, 0))
    low = jnp.floor(place).astype(jnp.int32)
    high = jnp.minimum(low + 1, jnp.maximum(last, 0).astype(jnp.int32))
    share = (place - low)[:, None].astype(values.dtype)
    warped = values[low] * (1 - share) + values[high] * share
    return warped if mask is None else jnp.where(mask[:, None], warped, values), mask
