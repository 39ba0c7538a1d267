"""Pure Flax modules; nothing outside this room imports flax.

`build` gives a module by its family's name. A module's `init(key, inputs, mask)` and
`apply(params, inputs, mask, train=…)` are pure functions.
"""

import difflib
from typing import Any

import jax.numpy as jnp

from pmjax.errors import UserError
from pmjax.models.cnn import CNN
from pmjax.models.dnn import DNN
from pmjax.models.heads import Predictor
from pmjax.models.hybrid import Hybrid
from pmjax.models.rnn import RNN

FAMILIES: dict[str, Any] = {"cnn": CNN, "rnn": RNN, "dnn": DNN, "hybrid": Hybrid}
_PRECISIONS = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}

_WORDS = {
    int: "a whole number of at least 1",
    float: "a number of at least 0 and below 1",
    tuple[int, ...]: "a tuple of whole numbers of at least 1",
}


def build(family: str, outputs: int, *, bias: bool = True, precision: str = "float32", **keywords: Any) -> Predictor:
    """Builds the encoder `family` with a head of `outputs`; `keywords` are the encoder's own.

    Raises:
        UserError: unknown family, keyword or precision.
    """
    if family not in FAMILIES:
        close = difflib.get_close_matches(family, FAMILIES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(FAMILIES)}"
        raise UserError(f"config.models: model family {family!r} is unknown; {hint}")
    if precision not in _PRECISIONS:
        raise UserError(f"config.train.precision: {precision!r} is unknown; use one of {', '.join(_PRECISIONS)}")
    encoder = FAMILIES[family]
    known = [f for f in encoder.__dataclass_fields__ if f not in ("parent", "name", "dtype")]
    unknown = [k for k in keywords if k not in known]
    if unknown:
        raise UserError(f"config.models: {family} takes no {unknown[0]!r}; it takes {', '.join(known)}")
    for keyword, value in keywords.items():
        kind = encoder.__dataclass_fields__[keyword].type
        if not _fits(value, kind):
            raise UserError(f"config.models: {family}.{keyword} is {value!r}; it must be {_WORDS[kind]}")
    # A config read from JSON has lists where the encoders, which are hashed, take tuples.
    hashable = {k: tuple(v) if isinstance(v, list) else v for k, v in keywords.items()}
    return Predictor(encoder(**hashable, dtype=_PRECISIONS[precision]), outputs, bias)


def _fits(value: Any, kind: Any) -> bool:
    """Whether a keyword's value is of its kind; a tuple read from JSON is a list."""
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if kind is float:
        return isinstance(value, int | float) and 0 <= value < 1
    return isinstance(value, tuple | list) and all(_fits(v, int) for v in value)
