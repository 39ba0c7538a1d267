"""Cohorts by name: `load("lung")`."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pmjax.cohort import Cohort
from pmjax.data.breast import gbsg2, wisconsin
from pmjax.data.heart import heart
from pmjax.data.hiv import actg175
from pmjax.data.lung import lung
from pmjax.errors import UserError

__all__ = ["load", "names"]

_LOADERS: Mapping[str, Callable[..., Cohort]] = MappingProxyType(
    {"wisconsin": wisconsin, "lung": lung, "gbsg2": gbsg2, "heart": heart, "actg175": actg175}
)


def names() -> tuple[str, ...]:
    """Name every cohort that `load` knows."""
    return tuple(_LOADERS)


def load(name: str, **options: Any) -> Cohort:
    """Load a cohort by its name; `options` are the keyword arguments of its loader.

    Raises:
        UserError: for a name or an option that does not exist.
    """
    if name not in _LOADERS:
        raise UserError(f"cohort.name {name!r} is unknown{_nearest(name, names())}; choose from {', '.join(names())}")
    known = tuple(inspect.signature(_LOADERS[name]).parameters)
    for option in options:
        if option not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise UserError(f"cohort {name!r} has no option {option!r}{_nearest(option, known)}; {takes}")
    return _LOADERS[name](**options)


def _nearest(word: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
