"""State of training: arrays only, so that what is checkpointed is what stands here."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int


class State(NamedTuple):
    """One run, or R of them with a leading axis R on every leaf.

    Attributes:
        step: optimiser steps taken.
        params, opt_state: of the last epoch.
        best_params, best_loss, best_epoch: of the epoch with the least validation loss, what predicts.
        active: False once stopped early or failed; an inactive run no longer moves.
        failed_step: the step whose loss was not finite, −1 while there is none.
    """

    step: Int[Array, "*R"]
    params: Any
    opt_state: Any
    best_params: Any
    best_loss: Float[Array, "*R"]
    best_epoch: Int[Array, "*R"]
    active: Bool[Array, "*R"]
    failed_step: Int[Array, "*R"]


def create(params: Any, optimizer: optax.GradientTransformation) -> State:
    """Starts one run from its initial parameters."""
    return State(
        step=jnp.int32(0),
        params=params,
        opt_state=optimizer.init(params),
        best_params=params,
        best_loss=jnp.float32(jnp.inf),
        best_epoch=jnp.int32(0),
        active=jnp.bool_(True),
        failed_step=jnp.int32(-1),
    )


def select(condition: Bool[Array, ""], new: Any, old: Any) -> Any:
    """Takes every leaf from `new` where the condition holds, else from `old`."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)
