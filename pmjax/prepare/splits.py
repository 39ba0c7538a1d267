"""Splits: which rows of a cohort train, validate and test a run. Patients are split, never rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pmjax.cohort import Classify, Cohort
from pmjax.errors import UserError
from pmjax.prepare.folds import held_out, shuffled_folds
from pmjax.types import PARTS, HostArray

SCHEMES = ("stratified", "grouped", "site", "external", "official", "rows")


@dataclass(frozen=True)
class Splits:
    """S splits of N rows.

    Attributes:
        train, validation, test: (S, N) bool; a row may be in none of them.
        fold: (S,) int outer fold; repeats count on.
        inner: (S,) int inner fold, 0 where there is one.
        scheme: how they were made.
    """

    train: HostArray
    validation: HostArray
    test: HostArray
    fold: HostArray
    inner: HostArray
    scheme: str

    def __post_init__(self) -> None:
        shape = self.train.shape
        for part in PARTS:
            rows = getattr(self, part)
            if rows.dtype != bool or rows.shape != shape or rows.ndim != 2:
                raise UserError(f"splits: {part} must be bool of shape {shape}, got {rows.dtype} {rows.shape}")
            empty = ~rows.any(axis=1)
            if empty.any():
                raise UserError(f"splits: {part} of split {int(np.argmax(empty))} has no row")
        if self.fold.shape != shape[:1] or self.inner.shape != shape[:1]:
            raise UserError(f"splits: fold and inner must have shape {shape[:1]}")

    def __len__(self) -> int:
        return len(self.train)


def shared_patients(splits: Splits, patient: HostArray) -> HostArray:
    """Name the patients who are in two parts of one split.

    Args:
        patient: (N,) ids.

    Returns:
        Sorted ids, (P',).
    """
    codes, ids = pd.factorize(patient)
    shared = np.zeros(len(ids), bool)
    for parts in zip(splits.train, splits.validation, splits.test, strict=True):
        shared |= sum((np.bincount(codes[rows], minlength=len(ids)) > 0).astype(int) for rows in parts) > 1
    return np.sort(np.asarray(ids)[shared])


def assert_disjoint(splits: Splits, patient: HostArray) -> None:
    """Raise a UserError that names a patient who is in two parts of one split; a row in two parts is one."""
    shared = shared_patients(splits, patient)
    if shared.size:
        raise UserError(
            f"splits: patient {str(shared[0])!r} is in two parts of one split; keep all rows of a patient together"
        )


def make_splits(
    cohort: Cohort,
    *,
    scheme: str = "stratified",
    folds: int = 5,
    repeats: int = 1,
    inner: int = 1,
    validation: float = 0.2,
    train_sites: Sequence[str] = (),
    seed: int = 0,
) -> Splits:
    """Split the patients of `cohort`; all rows of a patient go together in every scheme but `rows`.

    Args:
        scheme: `stratified` keeps the share of each class (or of patients with an event) equal over folds;
            `grouped` does not, for outcomes too rare for that; `site` tests on one site at a time; `external` trains
            on `train_sites` and tests on all others; `official` takes the cohort's own parts, and holds out
            `validation` of the training part where there is no validation part. These three do not use `folds`.
            `rows` splits rows whoever's they are, a leak where a patient has several, which the audit refuses.
        folds: outer folds; each patient is in one test part of each repeat.
        repeats: times that the whole is done with new folds; outer fold numbers count on.
        inner: above 1, each outer training part is split into so many folds, each in turn the validation part.
        validation: with inner = 1, the fraction of the outer training part that is held out to validate.
        train_sites: of `external`.
        seed: of the shuffling.

    Raises:
        UserError: for a scheme or number that cannot be met, e.g. a class with fewer patients than folds.
    """
    _check_options(cohort, scheme, folds, repeats, inner, validation, seed)
    patient, stratum, site, part = _patients(cohort, scheme)
    names = () if scheme == "grouped" else _stratum_names(cohort)
    if scheme in ("stratified", "grouped", "rows"):
        pairs = [pair for r in range(repeats) for pair in _folds(stratum, names, "splits.folds", folds, seed + r)]
    else:
        pairs = _by_design(scheme, site, part, tuple(train_sites))
    official = np.flatnonzero(part == "validation")
    rows: dict[str, list[HostArray]] = {part: [] for part in PARTS}
    numbers = []
    for outer, (rest, test) in enumerate(pairs):
        # The inner shuffle differs between outer folds and repeats, and is the same for the same seed.
        state = int(np.random.SeedSequence((seed, outer)).generate_state(1)[0])
        inside = _inner(stratum[rest], names, inner, validation, state, outer)
        if scheme == "official" and official.size:
            held = np.isin(rest, official)
            inside = iter([(np.flatnonzero(~held), np.flatnonzero(held))])
        for i, (kept, held) in enumerate(inside):
            for name, chosen in zip(PARTS, (rest[kept], rest[held], test), strict=True):
                rows[name].append(np.isin(np.arange(len(stratum)), chosen)[patient])
            numbers.append((outer, i))
    fold, inner_fold = np.array(numbers).T
    train, held_out, test = (np.stack(rows[name]) for name in PARTS)
    splits = Splits(train, held_out, test, fold, inner_fold, scheme)
    if scheme not in _MAY_LEAK:
        assert_disjoint(splits, cohort.patient)
    return splits


_MAY_LEAK = ("rows", "official")
"""What others decided or a user asked for: the audit judges it, and names every patient."""


def _check_options(
    cohort: Cohort, scheme: str, folds: int, repeats: int, inner: int, validation: float, seed: int
) -> None:
    if scheme not in SCHEMES:
        raise UserError(f"splits.scheme {scheme!r} is unknown; choose from {', '.join(SCHEMES)}")
    least = {"splits.folds": (folds, 2), "splits.repeats": (repeats, 1), "splits.inner": (inner, 1), "seed": (seed, 0)}
    for key, (value, bound) in least.items():
        if value < bound:
            raise UserError(f"{key} is {value}; it must be at least {bound}")
    if not 0 < validation < 1:
        raise UserError(f"splits.validation is {validation}; it must lie between 0 and 1")
    needs = {"site": ("site", "sites"), "external": ("site", "sites"), "official": ("part", "official parts")}
    if scheme in needs and getattr(cohort, needs[scheme][0]) is None:
        raise UserError(
            f"splits.scheme {scheme!r}: cohort {cohort.name!r} records no {needs[scheme][1]}; choose 'stratified'"
        )
    if scheme == "official" and not {"train", "test"} <= set(np.asarray(cohort.part)):
        raise UserError(f"splits.scheme 'official': cohort {cohort.name!r} lacks a training or test part")


def _patients(cohort: Cohort, scheme: str) -> tuple[HostArray, HostArray, HostArray, HostArray]:
    """Unit of each row (N,), in order of appearance, then stratum, site and official part (P,) of each unit.

    A unit is a patient; where rows are split whoever's they are, it is a row, and by official parts it is what a
    patient has in one part.
    """
    n = len(cohort)
    keys = {"patient": cohort.patient, "part": "" if cohort.part is None or scheme != "official" else cohort.part}
    unit = np.arange(n) if scheme == "rows" else pd.DataFrame(keys).groupby(list(keys), sort=False).ngroup().to_numpy()
    stratum = pd.Series(cohort.task.stratum).groupby(unit).max().to_numpy()
    sites = pd.Series("" if cohort.site is None else cohort.site, index=range(n)).groupby(unit)
    if (sites.nunique() > 1).any():
        twice = cohort.patient[unit == int(np.argmax(sites.nunique() > 1))][0]
        raise UserError(f"cohort {cohort.name!r}: patient {str(twice)!r} was at two sites; give each patient one")
    parts = pd.Series(keys["part"], index=range(n)).groupby(unit).first()
    return unit, stratum, sites.first().to_numpy(), parts.to_numpy()


def _stratum_names(cohort: Cohort) -> tuple[str, ...]:
    return cohort.task.classes if isinstance(cohort.task, Classify) else ("censored", "event")


def _by_design(
    scheme: str, site: HostArray, part: HostArray, train_sites: tuple[str, ...]
) -> list[tuple[HostArray, HostArray]]:
    """Pairs (rest, test) of the schemes that do not shuffle."""
    if scheme == "official":
        return [(np.flatnonzero(part != "test"), np.flatnonzero(part == "test"))]
    levels = np.unique(site)
    if len(levels) < 2:
        raise UserError(f"splits.scheme {scheme!r}: all patients are at {str(levels[0])!r}; two sites are needed")
    if scheme == "site":
        return [(np.flatnonzero(site != s), np.flatnonzero(site == s)) for s in levels]
    unknown = [s for s in train_sites if s not in levels]
    if unknown or not train_sites or len(set(train_sites)) == len(levels):
        said = f"{unknown[0]!r} is no site" if unknown else f"{', '.join(train_sites) or 'none'} leaves nothing to do"
        raise UserError(f"splits.train_sites: {said}; name some, not all, of {', '.join(map(str, levels))}")
    inside = np.isin(site, train_sites)
    return [(np.flatnonzero(inside), np.flatnonzero(~inside))]


def _inner(
    stratum: HostArray, names: tuple[str, ...], inner: int, validation: float, seed: int, outer: int
) -> Iterator[tuple[HostArray, HostArray]]:
    if inner > 1:
        yield from _folds(stratum, names, f"splits.inner (outer fold {outer})", inner, seed)
        return
    held = int(np.ceil(validation * len(stratum)))
    if min(held, len(stratum) - held) < max(1, len(names)):
        raise UserError(
            f"splits.validation: {held} of {len(stratum)} patients (outer fold {outer}) leave a part too small"
        )
    _require(stratum, names, f"splits.validation (outer fold {outer})", 2)
    chosen = held_out(stratum, held, seed, stratified=bool(names))
    yield np.flatnonzero(~chosen), np.flatnonzero(chosen)


def _folds(
    stratum: HostArray, names: tuple[str, ...], key: str, folds: int, seed: int
) -> Iterator[tuple[HostArray, HostArray]]:
    _require(stratum, names, key, folds)
    if len(stratum) < folds:
        raise UserError(f"{key}: {len(stratum)} patients cannot make {folds} folds")
    fold = shuffled_folds(stratum, folds, seed, stratified=bool(names))
    for k in range(folds):
        yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)


def _require(stratum: HostArray, names: tuple[str, ...], key: str, least: int) -> None:
    """Raise when a class has fewer than `least` patients; without names nothing is stratified."""
    for k, name in enumerate(names):
        count = int(np.sum(stratum == k))
        # None at all is not the splitter's concern: sizes of the audit reports it.
        if 0 < count < least:
            raise UserError(
                f"{key}: {name!r} has {count} patient{'s' * (count != 1)}, fewer than {least}; "
                "use fewer folds, or splits.scheme='grouped', which does not stratify"
            )
