"""The optimiser: AdamW with clipping by global norm, linear warm-up and cosine decay."""

from typing import NamedTuple

import optax
from jaxtyping import Float

from pmjax.types import AnyArray


class Setting(NamedTuple):
    """What may differ between runs of one program: scalars, or (R,) arrays on the runs axis."""

    learning_rate: Float[AnyArray, "*R"] | float
    weight_decay: Float[AnyArray, "*R"] | float


def schedule(learning_rate: Float[AnyArray, ""] | float, steps: int, warmup: float) -> optax.Schedule:
    """Rises linearly to `learning_rate` over the share `warmup` of `steps`, then falls to 0 by a half cosine."""
    # Optax compares the peak with zero in Python, which a traced rate does not allow: the shape peaks at 1.
    shape = optax.warmup_cosine_decay_schedule(0.0, 1.0, max(1, round(warmup * steps)), max(2, steps))
    return lambda step: learning_rate * shape(step)


def build_optimizer(setting: Setting, *, steps: int, warmup: float, clip: float) -> optax.GradientTransformation:
    """Builds the transformation for one run; `setting` may hold traced scalars, so one program serves all runs.

    Adam's epsilon lies above the rounding noise of a float32 gradient: in a direction that the loss does not see
    (a shift of all Cox risks, say) the default would turn noise into full steps, another on every device.
    """
    return optax.chain(
        optax.clip_by_global_norm(clip),
        optax.adamw(schedule(setting.learning_rate, steps, warmup), eps=1e-6, weight_decay=setting.weight_decay),
    )
