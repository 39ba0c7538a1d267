"""Copies: how many rows of one part are like rows of another, and whether their outcomes agree."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pmjax.audit.observed import outcome_codes
from pmjax.cohort import Cohort
from pmjax.prepare.splits import Splits
from pmjax.types import HostArray

UNLIKE = "; their outcomes differ, so they may be different patients"


@dataclass(frozen=True)
class Count:
    """In the worst split: `copies` of `rows` rows of `part` are like rows of `other`, `conflicts` of them with
    another outcome; `fold` is the split's outer fold, or −1 where there is only one split."""

    part: str
    other: str
    copies: int
    rows: int
    conflicts: int
    fold: int

    def told(self, what: str, task: str) -> str:
        """Say it in words, e.g. "16 of 613 test rows are copies of training rows, 1 of them with another label"."""
        fold = f" (outer fold {self.fold})" if self.fold >= 0 else ""
        label = "label" if task == "classify" else "outcome"
        conflict = f", {self.conflicts} of them with another {label}" if self.conflicts else ""
        return f"{self.copies} of {self.rows} {self.part} rows{fold} are {what} {self.other} rows{conflict}"


def across(cohort: Cohort, splits: Splits, codes: HostArray, alike: HostArray) -> tuple[list[Count], HostArray]:
    """Count the rows of each part that are like a row of another part in the same split.

    Args:
        codes: (N,) int, equal for equal rows; −1 for rows that are like none.
        alike: (E, 2) pairs of codes whose rows are alike; (c, c) where rows of code c are alike.

    Returns:
        A count a pair of parts, of the split where it is the highest, none of 0; (N,) bool, the rows concerned.
    """
    concerned = np.zeros(len(codes), bool)
    members = np.flatnonzero(np.isin(codes, alike))
    if not members.size:
        return [], concerned
    ids = np.unique(alike)
    local, edges = np.searchsorted(ids, codes[members]), np.searchsorted(ids, np.concatenate([alike, alike[:, ::-1]])).T
    outcome = outcome_codes(cohort)[members]
    worst: dict[tuple[str, str], Count] = {}
    for s in range(len(splits)):
        fold = -1 if len(splits) == 1 else int(splits.fold[s])
        for part, rows, other, others in _compared(cohort, splits, s):
            here, there = rows[members], others[members]
            low, high = _extremes(local[there], outcome[there], edges, len(ids))
            copy = here & (low[local] <= high[local])
            low_here, high_here = _extremes(local[here], outcome[here], edges, len(ids))
            concerned[members[copy | (there & (low_here[local] <= high_here[local]))]] = True
            conflicts = int((copy & ((low[local] != outcome) | (high[local] != outcome))).sum())
            count = Count(part, other, int(copy.sum()), int(rows.sum()), conflicts, fold)
            if count.copies > (worst[part, other].copies if (part, other) in worst else 0):
                worst[part, other] = count
    return list(worst.values()), concerned


def unlike(cohort: Cohort, counts: list[Count]) -> bool:
    """Whether most rows that look like copies have another time or event: a copied patient brings both along."""
    return cohort.task.kind == "survive" and 2 * sum(c.conflicts for c in counts) > sum(c.copies for c in counts)


def _compared(cohort: Cohort, splits: Splits, s: int) -> Iterator[tuple[str, HostArray, str, HostArray]]:
    """Parts of split s to compare. Rows held out of the training part to validate count as training rows of the
    test part; an official validation part is told apart."""
    train, validation, test = splits.train[s], splits.validation[s], splits.test[s]
    apart = splits.scheme == "official" and cohort.part is not None and "validation" in cohort.part
    yield "test", test, "training", train if apart else train | validation
    yield "validation", validation, "training", train
    if apart:
        yield "test", test, "validation", validation


def _extremes(codes: HostArray, outcome: HostArray, edges: HostArray, size: int) -> tuple[HostArray, HostArray]:
    """Lowest and highest outcome of the given rows that are like each code; low > high where there are none."""
    low, high = (np.full(size, start) for start in (np.iinfo(np.int64).max, -1))
    low_alike, high_alike = low.copy(), high.copy()
    np.minimum.at(low, codes, outcome)
    np.maximum.at(high, codes, outcome)
    np.minimum.at(low_alike, edges[0], low[edges[1]])
    np.maximum.at(high_alike, edges[0], high[edges[1]])
    return low_alike, high_alike
