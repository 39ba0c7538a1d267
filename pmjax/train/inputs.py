"""Inputs: the modalities that a model reads, prepared by what was fitted on the training rows of its split."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from pmjax.cohort import Cohort
from pmjax.errors import UserError
from pmjax.prepare import harmonise, transforms
from pmjax.prepare.preparation import EVERY, Params, Preparation
from pmjax.prepare.splits import Splits
from pmjax.types import AnyArray, HostArray


class Input(NamedTuple):
    """One modality of N rows, as it was measured.

    Attributes:
        values: (N, …), NaN where missing.
        mask: (N, T) real steps; None where all are.
        present: (N,) who has the modality; None where everyone does.
        site: (N,) codes; None where sites are not harmonised.
    """

    values: AnyArray
    mask: AnyArray | None
    present: AnyArray | None
    site: AnyArray | None


@dataclass(frozen=True)
class Inputs:
    """What a model reads.

    Attributes:
        arrays: by modality.
        fitted: by modality, parameters of its preparation, (S, …).
        fused: whether the model takes dicts of modalities, rather than one.
    """

    arrays: Mapping[str, Input]
    fitted: Mapping[str, Params]
    fused: bool

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())).values)

    @property
    def size(self) -> int:
        """Numbers that one row has."""
        return sum(int(np.prod(i.values.shape[1:])) for i in self.arrays.values())


def sources_of(spec: Mapping[str, Any], cohort: Cohort, at: str) -> tuple[str, ...]:
    """Name the modalities of a spec's `input`, a text or several.

    Raises:
        UserError: the cohort has no such modality; `at` names the spec.
    """
    sources = (spec["input"],) if isinstance(spec["input"], str) else tuple(spec["input"])
    for source in sources:
        if source not in cohort.modalities:
            known = ", ".join(cohort.modalities)
            raise UserError(f"{at}: cohort {cohort.name!r} has no input {source!r}; it has {known}")
    return sources


def build_inputs(
    cohort: Cohort, sources: tuple[str, ...], splits: Splits, preparation: Preparation, *, fused: bool
) -> Inputs:
    """Fit the preparation of each of `sources` on the training rows of every split.

    Raises:
        UserError: patients lack a modality of a model that needs it.
    """
    site = site_codes(cohort) if preparation.harmonise else None
    arrays, fitted = {}, {}
    for source in sources:
        modality = cohort.modalities[source]
        lacking = int((~modality.observed).sum())
        if lacking and not fused:
            raise UserError(
                f"config.models: {lacking} patients lack {source!r}; use the family fusion, which goes without it"
            )
        narrow = preparation.narrow(modality)
        fitted[source] = transforms.fit_folds(modality, splits.train, preparation=narrow, site=site, task=cohort.task)
        arrays[source] = Input(modality.values, modality.mask, modality.present, site if narrow.harmonise else None)
    return Inputs(arrays, fitted, fused)


def check_preparation(cohort: Cohort, sources: Iterable[str], preparation: Preparation) -> None:
    """Raise a UserError where an option, or a feature that it names, fits none of the modalities that are read.

    One preparation serves all of them, each by what means something for it (`Preparation.narrow`).
    """
    modalities = [cohort.modalities[source] for source in dict.fromkeys(sources)]
    narrowed = [preparation.narrow(modality) for modality in modalities]
    for option in ("forward_fill", "harmonise", "select", "winsorise"):
        if getattr(preparation, option) and not any(getattr(narrow, option) for narrow in narrowed):
            kinds = ", ".join(dict.fromkeys(modality.kind for modality in modalities))
            raise UserError(f"config.prepare.{option} fits no input of this study ({kinds}); leave it out")
    known = {feature for modality in modalities for feature in modality.features} | {EVERY, ""}
    for option, names in (("log1p", preparation.logged), ("clock", (preparation.clock,))):
        for name in names:
            if name not in known:
                raise UserError(f"config.prepare.{option}: {name!r} is no feature of any input; mend the name")


def site_codes(cohort: Cohort) -> HostArray:
    """(N,) number of each row's site.

    Raises:
        UserError: the cohort records none.
    """
    if cohort.site is None:
        raise UserError(f"config.prepare.harmonise: cohort {cohort.name!r} records no sites; drop it")
    return harmonise.site_codes(cohort.site, np.unique(cohort.site).tolist())


def as_float32(arrays: Mapping[str, Input]) -> dict[str, Input]:
    """The arrays as a program takes them: float32, or the whole numbers that they are."""
    return {
        name: i._replace(values=i.values.astype(np.float32, copy=False) if i.values.dtype.kind == "f" else i.values)
        for name, i in arrays.items()
    }


def take(arrays: Mapping[str, Input], rows: Any) -> dict[str, Input]:
    """Keep `rows` of every array."""
    return jax.tree.map(lambda x: x[rows], dict(arrays))


def prepare(fused: bool, fitted: Mapping[str, Mapping[str, Any]], arrays: Mapping[str, Input]) -> tuple[Any, Any]:
    """Impute and standardise by what one split fitted; returns (values, mask) as the model takes them."""
    values = {
        name: transforms.apply(fitted[name], i.values, i.mask, site=i.site, present=i.present)
        for name, i in arrays.items()
    }
    if fused:
        return values, {name: (i.mask, i.present) for name, i in arrays.items()}
    (name,) = values
    return values[name], arrays[name].mask
