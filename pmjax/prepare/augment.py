"""Augmentation: pure, jittable `(key, values, mask) → (values, mask)` of a prepared batch, each row drawn by itself.

It follows the transform and sees standardised values, of which 0 is the mean. Nothing here sees a label; `mixup`
alone asks its caller to mix the losses.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from pmjax.errors import UserError
from pmjax.prepare import augment_images, augment_sequences, augment_series, augment_values
from pmjax.types import ModalityKind

Augment = Callable[[Array, Array, Array | None], tuple[Array, Array | None]]

AUGMENTATIONS: Mapping[ModalityKind, Mapping[str, Callable[..., Any]]] = {
    "table": {"noise": augment_values.noise, "feature_dropout": augment_values.feature_dropout},
    "image": {
        "flip": augment_images.flip,
        "flip_vertical": augment_images.flip_vertical,
        "shift": augment_images.shift,
        "rotate": augment_images.rotate,
        "cutout": augment_images.cutout,
        "noise": augment_values.noise,
    },
    "sequence": {
        "reverse_complement": augment_sequences.reverse_complement,
        "shift": augment_sequences.shift,
        "mutate": augment_sequences.mutate,
    },
    "series": {
        "window": augment_series.window,
        "time_warp": augment_series.time_warp,
        "noise": augment_values.noise,
    },
}

# Bounds of each strength, both allowed.
_BOUNDS = {
    "probability": (0.0, 1.0),
    "rate": (0.0, 1.0),
    "fraction": (0.01, 1.0),
    "strength": (0.0, 0.99),
    "degrees": (0.0, 180.0),
    "sd": (0.0, 100.0),
    "pixels": (0, 10_000),
    "bases": (0, 1_000_000),
    "size": (0, 10_000),
}


def build_augment(spec: Sequence[str | Mapping[str, Any]], kind: ModalityKind) -> Augment:
    """Build the augmentations of `spec`, one after the other, for batches of one kind of modality.

    Args:
        spec: names, or mappings of a `name` and its strengths, e.g. ("flip", {"name": "rotate", "degrees": 5.0}).

    Returns:
        (key, values (B, …), mask (B, T) or None) → the same, prepared as by `transforms.apply`. Only `window`
        changes a mask, or makes one where there is none: fewer steps are real.

    Raises:
        UserError: an unknown name, one that does not fit the kind, or a strength out of its range.
    """
    steps = [_step(entry, kind) for entry in spec]

    def augment(key: Array, values: Array, mask: Array | None = None) -> tuple[Array, Array | None]:
        for number, step in enumerate(steps):
            keys = jax.random.split(jax.random.fold_in(key, number), len(values))
            values, mask = jax.vmap(step)(keys, values, mask)
        return values, mask

    return augment


def mixup(
    key: Array, values: Float[Array, "B ..."], *, alpha: float = 0.2
) -> tuple[Float[Array, "B ..."], Int[Array, " B"], Float[Array, " B"]]:
    """Blend each image or table row with a partner of its batch (Zhang et al. 2018).

    Returns:
        The blends, the partner of each row, and the row's own weight λ ~ Beta(alpha, alpha) in [0, 1]: train on
        λ · loss(output, own target) + (1 − λ) · loss(output, the partner's target). All weights are 1 where alpha
        is 0.
    """
    rows = len(values)
    order, share = jax.random.split(key)
    partner = jax.random.permutation(order, rows)
    weight = jax.random.beta(share, alpha, alpha, (rows,), values.dtype) if alpha > 0 else jnp.ones(rows, values.dtype)
    own = jnp.reshape(weight, (rows,) + (1,) * (values.ndim - 1))
    return own * values + (1 - own) * values[partner], partner, weight


def _step(entry: str | Mapping[str, Any], kind: ModalityKind) -> Callable[..., Any]:
    strengths = {} if isinstance(entry, str) else dict(entry)
    name = entry if isinstance(entry, str) else strengths.pop("name", None)
    known = AUGMENTATIONS[kind]
    if name not in known:
        raise UserError(f"train.augment: {name!r} does not fit the kind {kind}; choose from {', '.join(known)}")
    takes = [p.name for p in inspect.signature(known[name]).parameters.values() if p.kind is p.KEYWORD_ONLY]
    for key, value in strengths.items():
        if key not in takes:
            raise UserError(f"train.augment.{name}: it takes no {key!r}; it takes {', '.join(takes)}")
        low, high = _BOUNDS[key]
        whole = isinstance(low, int)
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not low <= value <= high:
            what = "a whole number" if whole else "a number"
            raise UserError(f"train.augment.{name}.{key} is {value!r}; it must be {what} from {low} to {high}")
    return partial(known[name], **{k: v if isinstance(_BOUNDS[k][0], int) else float(v) for k, v in strengths.items()})
