"""Task: what is predicted of every row, a class or the time to an event, checked once.

The rows of a task are those of its Cohort.
"""

from dataclasses import dataclass, replace

import numpy as np

from pmjax.errors import UserError
from pmjax.types import HostArray


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
