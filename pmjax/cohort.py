"""Cohort: the patients of a study as typed arrays, with what they are asked and where they came from.

Values are checked once, here, so that no later room meets a bad label, a negative time or a ragged shape.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from pmjax.errors import UserError
from pmjax.types import HostArray, ModalityKind

_NDIM: dict[ModalityKind, int] = {"table": 2, "series": 3, "sequence": 3, "image": 4}


@dataclass(frozen=True)
class Modality:
    """One kind of measurement of every row.

    Attributes:
        kind: `table` (N, F), `series` (N, T, F), `sequence` one-hot (N, L, C) or `image` (N, H, W, C).
        values: float array of that shape; NaN marks a missing value and is imputed inside the fold.
        features: names of the last axis.
        mask: (N, T) True where a step is real (series and sequence only); None means that all are.
    """

    kind: ModalityKind
    values: HostArray
    features: tuple[str, ...]
    mask: HostArray | None = None

    def __post_init__(self) -> None:
        if self.kind not in _NDIM:
            raise UserError(f"modality kind {self.kind!r} is unknown; use one of {', '.join(_NDIM)}")
        if self.values.ndim != _NDIM[self.kind]:
            raise UserError(f"a {self.kind} needs {_NDIM[self.kind]} axes, got shape {self.values.shape}")
        if self.values.shape[-1] != len(self.features):
            raise UserError(f"{len(self.features)} feature names for {self.values.shape[-1]} columns")
        repeated = sorted({f for f in self.features if self.features.count(f) > 1})
        if repeated:
            raise UserError(f"column {repeated[0]!r} appears twice; rename or drop one")
        if np.isinf(self.values).any():
            row, column = np.argwhere(np.isinf(self.values))[0][[0, -1]]
            raise UserError(f"row {row}, column {self.features[column]!r}: infinite value")
        if self.mask is not None:
            if self.mask.shape != self.values.shape[:2] or self.mask.dtype != bool:
                raise UserError(f"mask must be bool of shape {self.values.shape[:2]}, got {self.mask.shape}")
            if not self.mask.any(axis=1).all():
                raise UserError(f"row {int(np.argmin(self.mask.any(axis=1)))} has no observed step")

    def take(self, rows: HostArray) -> "Modality":
        """Keeps `rows` (indices or bool)."""
        return replace(self, values=self.values[rows], mask=None if self.mask is None else self.mask[rows])


@dataclass(frozen=True)
class Classify:
    """Which of K classes: `label` (N,) int in [0, K); `classes` names them, the last of two is the positive."""

    name: str
    label: HostArray
    classes: tuple[str, ...]
    kind = "classify"

    def __post_init__(self) -> None:
        label = np.asarray(self.label)
        _require_rows(self.name, label)
        if label.dtype.kind == "f":
            bad = ~np.isfinite(label)
            if bad.any():
                raise UserError(f"task {self.name!r}: label of row {int(np.argmax(bad))} is {label[bad][0]}")
            broken = label[label != np.round(label)]
            if broken.size:
                raise UserError(f"task {self.name!r}: labels must be whole numbers, found {broken[0]}")
        elif label.dtype.kind not in "iub":
            raise UserError(f"task {self.name!r}: labels must be integers, found {label.dtype}")
        label = label.astype(np.int32)
        nameless = label[(label < 0) | (label >= len(self.classes))]
        if nameless.size:
            raise UserError(f"task {self.name!r}: label {nameless[0]} has no name among {self.classes}")
        counts = np.bincount(label, minlength=len(self.classes))
        if (counts > 0).sum() < 2 or len(self.classes) < 2:
            raise UserError(f"task {self.name!r}: only one class is present; nothing can be learnt")
        if (counts == 0).any():
            missing = self.classes[int(np.argmin(counts))]
            raise UserError(f"task {self.name!r}: class {missing!r} has no patient; drop it from the classes")
        object.__setattr__(self, "label", label)

    @property
    def stratum(self) -> HostArray:
        """(N,) int, what stratified splits keep in proportion: the class."""
        return self.label

    def take(self, rows: HostArray) -> "Classify":
        """Keeps `rows`."""
        return replace(self, label=self.label[rows])


@dataclass(frozen=True)
class Survive:
    """When an event comes: `time` (N,) > 0 in `unit`, `event` (N,) bool, False where censored.

    `start` (N,) ≥ 0, when given, makes a row the interval (start, time] of its patient: the counting-process
    form of covariates that change with time. A patient may then have several rows that do not overlap.
    """

    name: str
    time: HostArray
    event: HostArray
    unit: str = "days"
    start: HostArray | None = None
    kind = "survive"

    def __post_init__(self) -> None:
        time = np.asarray(self.time, np.float64)
        _require_rows(self.name, time)
        bad = ~np.isfinite(time) | (time <= 0)
        if bad.any():
            raise UserError(
                f"task {self.name!r}: time of row {int(np.argmax(bad))} is {time[bad][0]}; it must be above zero"
            )
        raw = np.asarray(self.event)
        values = {str(v) for v in np.unique(raw.astype(object)) if v not in (0, 1)}
        if values:
            raise UserError(f"task {self.name!r}: event must be 0 or 1, found {', '.join(sorted(values))}")
        event = raw.astype(bool)
        if event.shape != time.shape:
            raise UserError(f"task {self.name!r}: {time.shape[0]} times for {event.shape[0]} events")
        if not event.any():
            raise UserError(f"task {self.name!r}: every row is censored; there is no event to learn from")
        object.__setattr__(self, "time", time)
        object.__setattr__(self, "event", event)
        if self.start is not None:
            start = np.asarray(self.start, np.float64)
            bad = ~np.isfinite(start) | (start < 0) | (start >= time)
            if bad.any():
                row = int(np.argmax(bad))
                raise UserError(
                    f"task {self.name!r}: row {row} starts at {start[row]} and stops at {time[row]}; "
                    "start must be at least 0 and before stop"
                )
            object.__setattr__(self, "start", start)

    @property
    def stratum(self) -> HostArray:
        """(N,) int, what stratified splits keep in proportion: event or censored."""
        return self.event.astype(np.int32)

    def take(self, rows: HostArray) -> "Survive":
        """Keeps `rows`."""
        start = None if self.start is None else self.start[rows]
        return replace(self, time=self.time[rows], event=self.event[rows], start=start)


Task = Classify | Survive


def _require_rows(name: str, column: HostArray) -> None:
    if not len(column):
        raise UserError(f"task {name!r} is empty, no patient is left; check the filter and the source")


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
    """N rows, one a patient (or one an interval of a patient, where the task has `start`).

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

    def __post_init__(self) -> None:
        n = len(self.patient)
        if n == 0:
            raise UserError(f"cohort {self.name!r} is empty; check the filter and the source")
        if not self.modalities:
            raise UserError(f"cohort {self.name!r} has no modality")
        lengths = {f"modality {k}": len(m.values) for k, m in self.modalities.items()}
        lengths["task"] = len(self.task.stratum)
        for what, column in (("groups", self.groups), ("site", self.site), ("arm", self.arm)):
            if column is not None:
                lengths[what] = len(column)
        for what, length in lengths.items():
            if length != n:
                raise UserError(f"cohort {self.name!r}: {what} has {length} rows, there are {n} patients")
        object.__setattr__(self, "patient", np.asarray(self.patient).astype(str))
        self._check_patients()

    def _check_patients(self) -> None:
        ids, counts = np.unique(self.patient, return_counts=True)
        if counts.max() == 1:
            return
        twice = str(ids[np.argmax(counts)])
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
            groups=None if self.groups is None else self.groups.iloc[rows].reset_index(drop=True),
            site=None if self.site is None else self.site[rows],
            arm=None if self.arm is None else self.arm[rows],
        )
