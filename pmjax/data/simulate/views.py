"""Views: linear looks at one hidden state, and the exact posterior of its class from whichever were taken.

With class y, state z ~ N(centre_y, I) and view x = loading · z + normal noise of variance `noise`, each view adds
Wᵀ x / noise to the information about z and WᵀW / noise to its precision (Gaussian conjugacy), so that views that are
absent are simply not added.
"""

from collections.abc import Mapping

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


def loading(key: Array, features: int) -> Float[Array, "F D"]:
    """Draw how a view shows the state: all features the nuisance, the planted ones also the carrying states."""
    scale = jnp.ones((features, STATES)).at[planted(features) :, :CARRYING].set(0.0)
    return 0.5 * scale * jax.random.normal(key, (features, STATES))


def look(key: Array, state: Float[Array, " D"], how: Float[Array, "F D"]) -> Float[Array, " F"]:
    """Draw one view (F,) of the state."""
    return how @ state + jnp.sqrt(NOISE) * jax.random.normal(key, (len(how),))


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
