"""The config: its sections, keys and types, checked before anything costs time."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from pmjax.errors import UserError


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _each(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _is_rate(value: Any) -> bool:
    rates = value if isinstance(value, list) else [value]
    return bool(rates) and all(_is_number(v) and v >= 0 for v in rates)


# What a value must be, in the words of the error, and how that is told. Ranges are checked where they are used.
_KINDS: Mapping[str, Callable[[Any], bool]] = {
    "a text": _is_text,
    "a whole number": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "a finite number": _is_number,
    "True or False": lambda value: isinstance(value, bool),
    "a section": lambda value: isinstance(value, dict),
    "a tuple of texts": _each(_is_text),
    "a text or a tuple of texts": lambda value: _is_text(value) or (bool(value) and _each(_is_text)(value)),
    "a tuple of texts and sections": _each(lambda value: _is_text(value) or isinstance(value, dict)),
    "a tuple of finite numbers": _each(_is_number),
    "one or more finite numbers of at least 0": _is_rate,
}
_TEXT, _WHOLE, _NUMBER, _FLAG, _SECTION, _TEXTS, _ONE_OR_MORE, _STEPS, _NUMBERS, _RATES = _KINDS
_TOP = {"study": _TEXT, "scale": _TEXT, "seed": _WHOLE}
_SECTIONS = {
    "cohort": {"name": _TEXT},
    "splits": {"scheme": _TEXT, "folds": _WHOLE, "repeats": _WHOLE, "inner": _WHOLE, "validation": _NUMBER},
    "prepare": {"indicators": _FLAG},
    "models": {},
    "train": {
        **dict.fromkeys(("seeds", "epochs", "batch_size", "patience", "chunk", "checkpoint_every"), _WHOLE),
        **dict.fromkeys(("clip", "warmup"), _NUMBER),
        **dict.fromkeys(("class_weight", "profile"), _FLAG),
        **dict.fromkeys(("precision", "parallel"), _TEXT),
    },
    "grid": {"learning_rate": _RATES, "weight_decay": _RATES},
    "baselines": {},
    "evaluate": {"resamples": _WHOLE, "threshold": _NUMBER, "horizons": _NUMBERS, "groups": _TEXTS},
    "audit": {"allow": _TEXTS},
}
# Keys that a section may lack: what is not given is not done.
_OPTIONAL = {
    "splits": {"train_sites": _TEXTS},
    "prepare": {
        **dict.fromkeys(("forward_fill", "harmonise"), _FLAG),
        "log1p": _TEXTS,
        "clock": _TEXT,
        "winsorise": _NUMBER,
        "select": _WHOLE,
    },
    "train": {"augment": _STEPS, "mixup": _NUMBER},
    "evaluate": {"recalibrate": _TEXT},
}
# Their further keys are the keywords of a cohort, an encoder or a baseline, which check them.
_OPEN = ("cohort", "grid")
_MODEL = {"family": _TEXT, "input": _ONE_OR_MORE, "head": _TEXT}
_BASELINE = {"input": _ONE_OR_MORE}


def plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the config as JSON knows it: dicts, lists and scalars.

    Raises:
        UserError: a value that JSON cannot hold.
    """
    try:
        return json.loads(json.dumps(config))
    except (TypeError, ValueError) as error:
        raise UserError(f"config: a value is neither text, number, tuple nor section ({error}); mend it") from error


def check(config: Mapping[str, Any]) -> None:
    """Checks that a plain config has every key of its sections, no other, and values of the right type.

    Raises:
        UserError: names the key and what belongs there.
    """
    _check("config", config, {**_TOP, **dict.fromkeys(_SECTIONS, _SECTION)})
    for name, keys in _SECTIONS.items():
        given = {k: kind for k, kind in _OPTIONAL.get(name, {}).items() if k in config[name]}
        _check(f"config.{name}", config[name], keys | given, closed=bool(keys) and name not in _OPEN)
    for section, keys in (("models", _MODEL), ("baselines", _BASELINE)):
        for name, spec in config[section].items():
            _require(f"config.{section}.{name}", spec, _SECTION)
            _check(f"config.{section}.{name}", spec, keys, closed=False)
    if not config["models"] and not config["baselines"]:
        raise UserError("config.models: neither a model nor a baseline is named; name at least one")


def _check(at: str, section: Mapping[str, Any], keys: Mapping[str, str], closed: bool = True) -> None:
    for key in section:
        if closed and key not in keys:
            raise UserError(f"{at}.{key} is unknown; the keys of {at} are {', '.join(keys)}")
    for key, kind in keys.items():
        if key not in section:
            raise UserError(f"{at}.{key} is missing; give {kind}, as configs/quickstart.py does")
        _require(f"{at}.{key}", section[key], kind)


def _require(at: str, value: Any, kind: str) -> None:
    if not _KINDS[kind](value):
        raise UserError(f"{at} is {value!r}; it must be {kind}")
