"""Pure Flax modules; nothing outside this room imports flax.

`build` gives a module by its family's name. A module's `init(key, inputs, mask)` and
`apply(params, inputs, mask, train=…)` are pure functions.
"""

import difflib
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from pmjax.errors import UserError
from pmjax.models.cnn import CNN
from pmjax.models.dnn import DNN
from pmjax.models.fusion import Fusion
from pmjax.models.heads import Predictor
from pmjax.models.hybrid import Hybrid
from pmjax.models.rnn import RNN

FAMILIES: dict[str, Any] = {"cnn": CNN, "rnn": RNN, "dnn": DNN, "hybrid": Hybrid}
"""Encoders of one modality."""

FUSION = "fusion"
"""The family that takes several modalities, each by an encoder of `FAMILIES`."""

_PRECISIONS = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}

_WORDS = {
    bool: "True or False",
    int: "a whole number of at least 1",
    float: "a number of at least 0 and below 1",
    tuple[int, ...]: "a tuple of whole numbers of at least 1",
}


def build(family: str, outputs: int, *, bias: bool = True, precision: str = "float32", **keywords: Any) -> Predictor:
    """Builds the encoder `family` with a head of `outputs`; `keywords` are the encoder's own.

    A fusion has the keyword `encoders`: for each modality a dict of `family` and that encoder's keywords.

    Raises:
        UserError: unknown family, keyword or precision.
    """
    if precision not in _PRECISIONS:
        raise UserError(f"config.train.precision: {precision!r} is unknown; use one of {', '.join(_PRECISIONS)}")
    dtype = _PRECISIONS[precision]
    if family != FUSION:
        return Predictor(_encoder(family, keywords, dtype), outputs, bias)
    own = {k: v for k, v in keywords.items() if k != "encoders"}
    encoders = tuple((name, _sub_encoder(name, spec, dtype)) for name, spec in keywords.get("encoders", {}).items())
    if not encoders:
        raise UserError("config.models: fusion.encoders is empty; give each modality an encoder")
    return Predictor(Fusion(encoders, **_checked(FUSION, Fusion, own), dtype=dtype), outputs, bias)


def _sub_encoder(name: str, spec: Any, dtype: Any) -> Any:
    if not isinstance(spec, Mapping) or "family" not in spec:
        raise UserError(f"config.models: fusion.encoders.{name} is {spec!r}; give a section with a family")
    return _encoder(spec["family"], {k: v for k, v in spec.items() if k != "family"}, dtype)


def _encoder(family: str, keywords: Mapping[str, Any], dtype: Any) -> Any:
    if family not in FAMILIES:
        known = (*FAMILIES, FUSION)
        close = difflib.get_close_matches(family, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(known)}"
        raise UserError(f"config.models: model family {family!r} is unknown; {hint}")
    return FAMILIES[family](**_checked(family, FAMILIES[family], keywords), dtype=dtype)


def _checked(family: str, encoder: Any, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords, each known to the encoder and of its kind; lists become tuples, since encoders are hashed."""
    fields = encoder.__dataclass_fields__
    known = [f for f in fields if f not in ("parent", "name", "dtype", "encoders")]
    for keyword, value in keywords.items():
        if keyword not in known:
            raise UserError(f"config.models: {family} takes no {keyword!r}; it takes {', '.join(known)}")
        if not _fits(value, fields[keyword].type):
            raise UserError(
                f"config.models: {family}.{keyword} is {value!r}; it must be {_WORDS[fields[keyword].type]}"
            )
    return {k: tuple(v) if isinstance(v, list) else v for k, v in keywords.items()}


def _fits(value: Any, kind: Any) -> bool:
    """Whether a keyword's value is of its kind; a tuple read from JSON is a list."""
    if kind is bool:
        return isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if kind is float:
        return isinstance(value, int | float) and 0 <= value < 1
    return isinstance(value, tuple | list) and all(_fits(v, int) for v in value)
