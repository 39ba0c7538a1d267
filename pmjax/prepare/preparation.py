"""Preparation: what a study does to its inputs before a model sees them, as the keywords of `config.prepare`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pmjax.cohort import Modality
from pmjax.errors import UserError
from pmjax.types import HostArray, ModalityKind

Params = dict[str, HostArray]

EVERY = "*"
"""In `log1p`: every feature."""

# Which kinds an option means something for; sequences and images take none of these.
_KINDS: Mapping[str, tuple[ModalityKind, ...]] = {
    "forward_fill": ("series",),
    "log1p": ("table", "series"),
    "winsorise": ("table", "series"),
    "harmonise": ("table", "series"),
    "select": ("table",),
}


@dataclass(frozen=True)
class Preparation:
    """What is done besides imputing by the median and standardising, in this order.

    Attributes:
        select: keep so many features, the best by a univariate statistic of the training rows; 0 keeps all.
        indicators: append a 0/1 column "is missing" for each feature with a gap anywhere in the cohort.
        forward_fill: carry the last seen value of a series forward, and append the time since it was seen.
        clock: feature that tells the time of a step, for `forward_fill`; empty counts steps.
        log1p: features that become log(1 + x); True or "*" means every one.
        winsorise: q in [0, 0.5); values beyond the quantiles q and 1 − q of the training rows are cut there.
        harmonise: take the sites' shift and scale out (ComBat), fitted without labels.
    """

    indicators: bool = False
    forward_fill: bool = False
    clock: str = ""
    log1p: Sequence[str] | bool = ()
    winsorise: float = 0.0
    harmonise: bool = False
    select: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.winsorise < 0.5:
            raise UserError(f"prepare.winsorise is {self.winsorise}; it must lie in [0, 0.5)")
        if self.select < 0:
            raise UserError(f"prepare.select is {self.select}; it must be at least 0, which keeps every feature")
        if self.clock and not self.forward_fill:
            raise UserError(f"prepare.clock is {self.clock!r} without forward_fill, which alone reads it; drop it")
        if isinstance(self.log1p, bool):
            object.__setattr__(self, "log1p", (EVERY,) if self.log1p else ())
        object.__setattr__(self, "log1p", tuple(self.log1p))  # type: ignore[arg-type]  # no bool is left

    @property
    def logged(self) -> tuple[str, ...]:
        """Names of the features of `log1p`, or ("*",)."""
        return tuple(self.log1p)  # type: ignore[arg-type]

    def narrow(self, modality: Modality) -> "Preparation":
        """Drop what means nothing for this modality, where one Preparation serves several modalities."""
        unfit: dict[str, Any] = {option: type(getattr(self, option))() for option in self._unfit(modality.kind)}
        if "forward_fill" in unfit or self.clock not in modality.features:
            unfit["clock"] = ""
        if "log1p" not in unfit:
            unfit["log1p"] = tuple(f for f in self.logged if f == EVERY or f in modality.features)
        return replace(self, **unfit)

    def check(self, modality: Modality) -> None:
        """Raise a UserError where an option or a name does not fit the modality."""
        for option in self._unfit(modality.kind):
            raise UserError(f"prepare.{option} fits {' and '.join(_KINDS[option])}, not the kind {modality.kind}")
        for name in (*self.logged, self.clock):
            if name not in (EVERY, "", *modality.features):
                raise UserError(f"prepare: there is no feature {name!r} in this {modality.kind}; mend the name")

    def _unfit(self, kind: ModalityKind) -> list[str]:
        return [option for option, kinds in _KINDS.items() if getattr(self, option) and kind not in kinds]


def to_json(params: Mapping[str, HostArray]) -> dict[str, dict[str, Any]]:
    """Write fitted parameters as lists and names; float32 survives the way there and back bit for bit."""
    return {name: {"dtype": str(value.dtype), "values": value.tolist()} for name, value in params.items()}


def from_json(saved: Mapping[str, Mapping[str, Any]]) -> Params:
    """Read what `to_json` wrote."""
    return {name: np.array(entry["values"], dtype=entry["dtype"]) for name, entry in saved.items()}
