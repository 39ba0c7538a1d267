"""Kalman: the exact posterior of a hidden state that was seen with noise, at irregular times, with gaps."""

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float

from pmjax.types import Array


def filter_state(
    values: Float[Array, "T F"],
    seen: Bool[Array, "T F"],
    gap: Float[Array, " T"],
    loading: Float[Array, "F D"],
    noise: Float[Array, " F"],
    days: Float[Array, " D"],
) -> tuple[Float[Array, " D"], Float[Array, "D D"]]:
    """Compute mean and covariance of the state at the last visit given all that was seen (Kalman 1960).

    The D states are independent Ornstein-Uhlenbeck processes of unit variance with time constants `days`; a visit shows
    `values` = loading · state + normal noise of variance `noise`, read only where `seen`. `gap` is the time since the
    visit before. A visit at gap 0 that shows nothing changes nothing, so padding needs no mask of its own.
    """
    states = len(days)

    def visit(belief: tuple[Array, Array], now: tuple[Array, Array, Array]) -> tuple[tuple[Array, Array], None]:
        mean, cov = belief
        value, here, since = now
        decay = jnp.exp(-since / days)
        mean = decay * mean
        cov = jnp.outer(decay, decay) * cov + jnp.diag(1 - decay**2)
        weighted = jnp.where(here, 1 / noise, 0.0)[:, None] * loading
        cov = jnp.linalg.solve(jnp.eye(states) + cov @ (weighted.T @ loading), cov)
        cov = (cov + cov.T) / 2
        surprise = jnp.where(here, value, 0.0) - loading @ mean
        return (mean + cov @ (weighted.T @ surprise), cov), None

    start = (jnp.zeros(states), jnp.eye(states))
    (mean, cov), _ = jax.lax.scan(visit, start, (values, seen, gap))
    return mean, cov
