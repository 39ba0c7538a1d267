"""Cohort: the patients of a study as typed arrays, with what they are asked and where they came from.

Values are checked once, here, so that no later room meets a bad label, a negative time or a ragged shape.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from pmjax.errors import UserError
from pmjax.task import Classify, Survive, Task
from pmjax.truth import Truth
from pmjax.types import PARTS, HostArray, ModalityKind

__all__ = ["Classify", "Cohort", "Modality", "Source", "Survive", "Task", "Truth"]

_NDIM: dict[ModalityKind, int] = {"table": 2, "series": 3, "sequence": 3, "image": 4}
_ROWS_AT_ONCE = 1 << 24


@dataclass(frozen=True)
class Modality:
    """One kind of measurement of every row.

    Attributes:
        kind: `table` (N, F), `series` (N, T, F), `sequence` one-hot (N, L, C) or `image` (N, H, W, C).
        values: array of that shape, float (NaN marks a missing value and is imputed inside the fold) or uint8.
        features: names of the last axis.
        mask: (N, T) True where a step is real (series and sequence only); None means that all are.
        present: (N,) False where a patient lacks this modality altogether, whose values are never read; None means
            that nobody does.
    """

    kind: ModalityKind
    values: HostArray
    features: tuple[str, ...]
    mask: HostArray | None = None
    present: HostArray | None = None

    def __post_init__(self) -> None:
        if self.kind not in _NDIM:
            raise UserError(f"modality kind {self.kind!r} is unknown; use one of {', '.join(_NDIM)}")
        if self.values.ndim != _NDIM[self.kind]:
            raise UserError(f"a {self.kind} needs {_NDIM[self.kind]} axes, got shape {self.values.shape}")
        if self.values.shape[-1] != len(self.features):
            raise UserError(f"{len(self.features)} feature names for {self.values.shape[-1]} columns")
        repeated = sorted(f for f, count in Counter(self.features).items() if count > 1)
        if repeated:
            raise UserError(f"column {repeated[0]!r} appears twice; rename or drop one")
        self._check_finite()
        if self.present is not None and (self.present.shape != self.values.shape[:1] or self.present.dtype != bool):
            raise UserError(f"present must be bool of shape {self.values.shape[:1]}, got {self.present.shape}")
        if self.mask is not None:
            if self.mask.shape != self.values.shape[:2] or self.mask.dtype != bool:
                raise UserError(f"mask must be bool of shape {self.values.shape[:2]}, got {self.mask.shape}")
            empty = ~self.mask.any(axis=1) & self.observed
            if empty.any():
                raise UserError(f"row {int(np.argmax(empty))} has no observed step")

    def _check_finite(self) -> None:
        if self.values.dtype.kind != "f":
            return
        # Block by block: a mask of a whole cohort would cost a quarter of its memory again.
        step = max(1, _ROWS_AT_ONCE // max(1, self.values[:1].size))
        for low in range(0, len(self.values), step):
            infinite = np.isinf(self.values[low : low + step])
            if infinite.any():
                row, column = np.argwhere(infinite)[0][[0, -1]]
                raise UserError(f"row {low + row}, column {self.features[column]!r}: infinite value")

    @property
    def observed(self) -> HostArray:
        """(N,) bool, who has this modality."""
        return np.ones(len(self.values), bool) if self.present is None else self.present

    def take(self, rows: HostArray) -> "Modality":
        """Keeps `rows` (indices or bool)."""
        mask, present = (None if a is None else a[rows] for a in (self.mask, self.present))
        return replace(self, values=self.values[rows], mask=mask, present=present)


@dataclass(frozen=True)
class Source:
    """Where a cohort came from: what the report prints and data.json stores.

    `files` maps a file's name to its sha256; `simulated` puts that word on every page that the cohort reaches.
    """

    title: str
    citation: str
    licence: str
    files: Mapping[str, str] = field(default_factory=dict)
    simulated: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cohort:
    """N rows: one a patient, or one a sample of a patient (`sample`), or one an interval (the task has `start`).

    Attributes:
        name: as `data.load` knows it.
        patient: (N,) str ids.
        modalities: by name, each with N rows.
        task: what is predicted.
        source: provenance.
        groups: (N, …) categorical columns for subgroup evidence, such as sex or age band (str values).
        site: (N,) str hospital or batch; None where there is one.
        arm: (N,) str treatment; None where there is none.
        flow: ordered counts from source to analysis, e.g. (("in the source", 228), ("analysed", 227)).
        sample: (N,) str, which of the rows of its patient each is; None where a patient has one.
        part: (N,) the official part, train, validation or test, of which the scheme `official` makes the split.
        recorded: (N, …) days at which inputs were recorded, and `outcome_at` (N,) at which the outcome became known,
            on one clock, NaN where unknown; the audit holds the first before the second.
        truth: of a simulated cohort.
    """

    name: str
    patient: HostArray
    modalities: Mapping[str, Modality]
    task: Task
    source: Source
    groups: pd.DataFrame | None = None
    site: HostArray | None = None
    arm: HostArray | None = None
    flow: tuple[tuple[str, int], ...] = ()
    sample: HostArray | None = None
    part: HostArray | None = None
    recorded: pd.DataFrame | None = None
    outcome_at: HostArray | None = None
    truth: Truth | None = None

    def __post_init__(self) -> None:
        n = len(self.patient)
        if n == 0:
            raise UserError(f"cohort {self.name!r} is empty; check the filter and the source")
        if not self.modalities:
            raise UserError(f"cohort {self.name!r} has no modality")
        lengths = {f"modality {k}": len(m.values) for k, m in self.modalities.items()}
        lengths["task"] = len(self.task.stratum)
        for what in _COLUMNS:
            if getattr(self, what) is not None:
                lengths[what] = len(getattr(self, what))
        for what, length in lengths.items():
            if length != n:
                raise UserError(f"cohort {self.name!r}: {what} has {length} rows, there are {n} patients")
        object.__setattr__(self, "patient", np.asarray(self.patient).astype(str))
        if self.part is not None:
            unknown = sorted({str(p) for p in np.unique(self.part)} - set(PARTS))
            if unknown:
                raise UserError(f"cohort {self.name!r}: part {unknown[0]!r} is unknown; use {', '.join(PARTS)}")
        if self.truth is not None:
            self.truth.check(n)
        self._check_patients()

    def _check_patients(self) -> None:
        keys = {"patient": self.patient}
        if self.sample is not None:
            keys["sample"] = np.asarray(self.sample).astype(str)
        counts = pd.DataFrame(keys).groupby(list(keys)).size()
        if counts.max() == 1:
            return
        first: Any = counts.idxmax()
        twice = first if isinstance(first, str) else " / sample ".join(first)
        if not isinstance(self.task, Survive) or self.task.start is None:
            raise UserError(f"cohort {self.name!r}: patient {twice!r} appears {counts.max()} times; ids must be unique")
        frame = pd.DataFrame({"patient": self.patient, "start": self.task.start, "stop": self.task.time})
        frame = frame.sort_values(["patient", "start"], kind="stable")
        overlap = (frame.patient == frame.patient.shift()) & (frame.start < frame.stop.shift())
        if overlap.any():
            raise UserError(f"cohort {self.name!r}: intervals of patient {frame.patient[overlap].iloc[0]!r} overlap")

    def __len__(self) -> int:
        return len(self.patient)

    def take(self, rows: HostArray) -> "Cohort":
        """Keeps `rows` (indices or bool) of everything."""
        return replace(
            self,
            patient=self.patient[rows],
            modalities={k: m.take(rows) for k, m in self.modalities.items()},
            task=self.task.take(rows),
            truth=None if self.truth is None else self.truth.take(rows),
            **{what: _take(getattr(self, what), rows) for what in _COLUMNS},
        )


_COLUMNS = ("groups", "site", "arm", "sample", "part", "recorded", "outcome_at")


def _take(column: Any, rows: HostArray) -> Any:
    if column is None or not isinstance(column, pd.DataFrame):
        return None if column is None else column[rows]
    return column.iloc[rows].reset_index(drop=True)
