"""Views: linear looks at one hidden state, and the exact posterior of its class from whichever were taken.

With class y, state z ~ N(centre_y, I) and view x = loading · z + normal noise of variance `noise`, each view adds
Wᵀ x / noise to the information about z and WᵀW / noise to its precision (Gaussian conjugacy), so that views that are
absent are simply not added.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from pmjax.types import Array

STATES, CARRYING = 6, 2
CLASSES = ("subtype 1", "subtype 2", "subtype 3")
PRIOR = (0.45, 0.35, 0.2)
DISTANCE = 1.35  # of each class's centre from the origin, in standard deviations of the state
PLANTED_SHARE = 0.2
NOISE = 4.0  # variance


def centres() -> Float[Array, "K D"]:
    """Place the classes at even angles on a circle in the carrying states, at 0 in the others."""
    angle = 2 * np.pi * np.arange(len(CLASSES)) / len(CLASSES)
    circle = DISTANCE * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return jnp.zeros((len(CLASSES), STATES)).at[:, :CARRYING].set(circle)


def planted(features: int) -> int:
    """Count the features of a view that show the carrying states: its first fifth, at least one."""
    return max(1, round(PLANTED_SHARE * features))


@partial(jax.jit, static_argnames="sizes")
def loadings(key: Array, sizes: tuple[tuple[str, int], ...]) -> dict[str, Float[Array, "F D"]]:
    """Draw how each view, of (name, features), shows the state: the population that `key` makes.

    All features show the nuisance, the planted ones also the carrying states.
    """
    drawn = 0.5 * jax.random.normal(key, (sum(size for _, size in sizes), STATES))
    parts = _split(drawn, [size for _, size in sizes])
    return {name: part.at[planted(size) :, :CARRYING].set(0.0) for (name, size), part in zip(sizes, parts, strict=True)}


def look(key: Array, state: Float[Array, " D"], how: Mapping[str, Float[Array, "..."]]) -> dict[str, Array]:
    """Draw every view (F,) of one state."""
    sizes = [len(matrix) for matrix in how.values()]
    errors = _split(jnp.sqrt(NOISE) * jax.random.normal(key, (sum(sizes),)), sizes)
    return {name: matrix @ state + error for (name, matrix), error in zip(how.items(), errors, strict=True)}


def _split(whole: Array, sizes: Sequence[int]) -> list[Array]:
    """Cut one draw into parts of these lengths: a program with one draw compiles far faster than one with many."""
    return jnp.split(whole, np.cumsum(sizes)[:-1])


def class_log_likelihood(
    views: Mapping[str, Float[Array, "..."]], present: Mapping[str, Array], how: Mapping[str, Float[Array, "..."]]
) -> Float[Array, " K"]:
    """Compute log p(present views | class) up to a constant that classes share.

    With information u and precision Λ = I + Σ WᵀW / noise it is ½ (m + u)ᵀ Λ⁻¹ (m + u) − ½ mᵀm for centre m.
    """
    information, precision = jnp.zeros(STATES), jnp.eye(STATES)
    for name, view in views.items():
        information += jnp.where(present[name], how[name].T @ view, 0.0) / NOISE
        precision += jnp.where(present[name], how[name].T @ how[name], 0.0) / NOISE
    m = centres()
    shifted = m + information[None]
    explained = (shifted * jnp.linalg.solve(precision, shifted.T).T).sum(axis=1)
    return (explained - (m**2).sum(axis=1)) / 2
