"""Augmentations of one image (H, W, C) of standardised values, of which 0 is the mean. Images have no mask.

A flip or a turn leaves the label alone only where left and right, or up and down, mean nothing to it: that is for
the user to know.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Array, Float

Image = Float[Array, "H W C"]
Row = tuple[Image, None]


def flip(key: Array, values: Image, mask: None, *, probability: float = 0.5) -> Row:
    """Mirror left and right with `probability`."""
    return jnp.where(jax.random.bernoulli(key, probability), values[:, ::-1], values), mask


def flip_vertical(key: Array, values: Image, mask: None, *, probability: float = 0.5) -> Row:
    """Mirror top and bottom with `probability`."""
    return jnp.where(jax.random.bernoulli(key, probability), values[::-1], values), mask


def shift(key: Array, values: Image, mask: None, *, pixels: int = 4) -> Row:
    """Move by up to `pixels` along each axis; what is laid bare is 0."""
    height, width, channels = values.shape
    padded = jnp.pad(values, ((pixels, pixels), (pixels, pixels), (0, 0)))
    corner = jax.random.randint(key, (2,), 0, 2 * pixels + 1)
    return jax.lax.dynamic_slice(padded, (corner[0], corner[1], 0), (height, width, channels)), mask


def rotate(key: Array, values: Image, mask: None, *, degrees: float = 10.0) -> Row:
    """Turn about the centre by up to ± `degrees`, bilinear; what is laid bare is 0."""
    angle = jnp.deg2rad(jax.random.uniform(key, (), values.dtype, -degrees, degrees))
    height, width, _ = values.shape
    y, x = jnp.meshgrid(
        jnp.arange(height, dtype=values.dtype) - (height - 1) / 2,
        jnp.arange(width, dtype=values.dtype) - (width - 1) / 2,
        indexing="ij",
    )
    from_y = y * jnp.cos(angle) - x * jnp.sin(angle) + (height - 1) / 2
    from_x = y * jnp.sin(angle) + x * jnp.cos(angle) + (width - 1) / 2
    turned = partial(map_coordinates, coordinates=[from_y, from_x], order=1, mode="constant", cval=0.0)
    return jax.vmap(turned, in_axes=-1, out_axes=-1)(values), mask


def cutout(key: Array, values: Image, mask: None, *, size: int = 8) -> Row:
    """Set a square of `size` pixels to 0, its centre anywhere, cut at the border (DeVries and Taylor 2017)."""
    height, width, _ = values.shape
    top, left = (
        jax.random.randint(k, (), 0, extent) - size // 2
        for k, extent in zip(jax.random.split(key), (height, width), strict=True)
    )
    row, column = jnp.arange(height)[:, None, None] - top, jnp.arange(width)[None, :, None] - left
    inside = (row >= 0) & (row < size) & (column >= 0) & (column < size)
    return jnp.where(inside, 0, values), mask
