"""Splits: which rows of a cohort train, validate and test a run. Patients are split, never rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold, StratifiedShuffleSplit

from pmjax.cohort import Classify, Cohort
from pmjax.errors import UserError
from pmjax.types import PARTS, HostArray

SCHEMES = ("stratified", "grouped", "site")


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
    seed: int = 0,
) -> Splits:
    """Split the patients of `cohort`; all rows of a patient go together in every scheme.

    Args:
        scheme: `stratified` keeps the share of each class (or of patients with an event) equal over folds;
            `grouped` does not, for outcomes too rare for that; `site` tests on one site at a time (`folds` unused).
        folds: outer folds; each patient is in one test part of each repeat.
        repeats: times that the whole is done with new folds; outer fold numbers count on.
        inner: above 1, each outer training part is split into so many folds, each in turn the validation part.
        validation: with inner = 1, the fraction of the outer training part that is held out to validate.
        seed: of the shuffling.

    Raises:
        UserError: for a scheme or number that cannot be met, e.g. a class with fewer patients than folds.
    """
    _check_options(cohort, scheme, folds, repeats, inner, validation, seed)
    patient, stratum, site = _patients(cohort)
    names = () if scheme == "grouped" else _stratum_names(cohort)
    rows: dict[str, list[HostArray]] = {part: [] for part in PARTS}
    numbers = []
    pairs = [pair for r in range(repeats) for pair in _outer(scheme, stratum, site, names, folds, seed + r)]
    for outer, (rest, test) in enumerate(pairs):
        # The inner shuffle differs between outer folds and repeats, and is the same for the same seed.
        state = int(np.random.SeedSequence((seed, outer)).generate_state(1)[0])
        for i, (train, held) in enumerate(_inner(stratum[rest], names, inner, validation, state, outer)):
            for part, chosen in zip(PARTS, (rest[train], rest[held], test), strict=True):
                rows[part].append(np.isin(np.arange(len(stratum)), chosen)[patient])
            numbers.append((outer, i))
    fold, inner_fold = np.array(numbers).T
    train, held_out, test = (np.stack(rows[part]) for part in PARTS)
    splits = Splits(train, held_out, test, fold, inner_fold, scheme)
    assert_disjoint(splits, cohort.patient)
    return splits


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
    if scheme == "site" and cohort.site is None:
        raise UserError(f"splits.scheme 'site': cohort {cohort.name!r} records no sites; choose 'stratified'")


def _patients(cohort: Cohort) -> tuple[HostArray, HostArray, HostArray]:
    """Patient of each row (N,), in order of appearance, then stratum (P,) and site (P,) of each patient."""
    patient = pd.factorize(cohort.patient)[0]
    stratum = pd.Series(cohort.task.stratum).groupby(patient).max().to_numpy()
    sites = pd.Series("" if cohort.site is None else cohort.site, index=range(len(patient))).groupby(patient)
    if (sites.nunique() > 1).any():
        twice = cohort.patient[patient == int(np.argmax(sites.nunique() > 1))][0]
        raise UserError(f"cohort {cohort.name!r}: patient {str(twice)!r} was at two sites; give each patient one")
    return patient, stratum, sites.first().to_numpy()


def _stratum_names(cohort: Cohort) -> tuple[str, ...]:
    return cohort.task.classes if isinstance(cohort.task, Classify) else ("censored", "event")


def _outer(
    scheme: str, stratum: HostArray, site: HostArray, names: tuple[str, ...], folds: int, seed: int
) -> Iterator[tuple[HostArray, HostArray]]:
    if scheme == "site":
        levels = np.unique(site)
        if len(levels) < 2:
            raise UserError(f"splits.scheme 'site': all patients are at {str(levels[0])!r}; two sites are needed")
        yield from ((np.flatnonzero(site != s), np.flatnonzero(site == s)) for s in levels)
    else:
        yield from _folds(stratum, names, "splits.folds", folds, seed)


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
    splitter = StratifiedShuffleSplit if names else ShuffleSplit
    yield from splitter(1, test_size=held, random_state=seed).split(stratum, stratum)


def _folds(
    stratum: HostArray, names: tuple[str, ...], key: str, folds: int, seed: int
) -> Iterator[tuple[HostArray, HostArray]]:
    _require(stratum, names, key, folds)
    if len(stratum) < folds:
        raise UserError(f"{key}: {len(stratum)} patients cannot make {folds} folds")
    splitter = StratifiedKFold if names else KFold
    yield from splitter(folds, shuffle=True, random_state=seed).split(stratum, stratum)


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
