"""Window: what is known of each patient around an index date, as a series and never beyond its end."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from pmjax.cohort import Modality
from pmjax.data.readers.binning import check_size, summarise
from pmjax.data.readers.timeline import KINDS, Timeline
from pmjax.errors import UserError
from pmjax.types import HostArray

SINCE = "days since the step before"


@dataclass(frozen=True)
class Window:
    """From `before` days before the index to `after` days after it; its end itself is outside.

    Attributes:
        index: {"date": "2015-01-01"}, or the first or last event of a kind or code:
            {"kind": "visit", "which": "first"}, {"code": "snomed|44054006"}.
        before, after: days.
        bins: width of the steps in days; None makes a step of every moment that has events.
        summary: which value of a bin counts: last, mean, min, max or count.
        codes: the features; () takes every code that `min_patients` have within the window.
        min_patients: see codes.
        max_steps: of an irregular series; the latest are kept.
    """

    index: Mapping[str, Any]
    before: float
    after: float = 0.0
    bins: float | None = None
    summary: str = "last"
    codes: tuple[str, ...] = ()
    min_patients: int = 1
    max_steps: int = 256


def read_window(options: Mapping[str, Any]) -> Window:
    """Make a Window of declared options.

    Raises:
        UserError: an unknown or missing option, or a value that cannot be.
    """
    known = [f.name for f in fields(Window)]
    for name in options:
        if name not in known:
            raise UserError(f"window: no option {name!r}; use {', '.join(known)}")
    if "index" not in options or "before" not in options:
        raise UserError("window: needs an index and the days before it")
    given = dict(options)
    for name in ("before", "after", "bins"):
        if given.get(name) is not None:
            given[name] = _number(name, given[name])
    given["codes"] = tuple(map(str, given.get("codes", ())))
    window = Window(**given)
    if window.before + window.after <= 0:
        raise UserError(f"window: {window.before} days before and {window.after} after the index hold no time")
    if window.bins is not None and window.bins <= 0:
        raise UserError(f"window: bins must be above zero days, got {window.bins}")
    for name in ("min_patients", "max_steps"):
        if not isinstance(given.get(name, 1), int) or given.get(name, 1) < 1:
            raise UserError(f"window: {name} must be a whole number from 1, got {given[name]!r}")
    return window


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e6:
        raise UserError(f"window: {name} must be a number of days, got {value!r}")
    return float(value)


def index_times(timeline: Timeline, index: Mapping[str, Any]) -> pd.Series:
    """Find the index of each patient who has one: days, by patient id in order.

    Raises:
        UserError: the index is not declared as Window says, or no patient has one.
    """
    if set(index) == {"date"}:
        return pd.Series(_days(index["date"]), index=timeline.patients["patient"].to_numpy(), dtype=float)
    which = index.get("which", "first")
    if set(index) - {"kind", "code", "which"} or not set(index) & {"kind", "code"} or which not in ("first", "last"):
        raise UserError('window: index must be {"date": …} or {"kind" or "code": …, "which": "first" or "last"}')
    found = select(timeline, index).groupby("patient")["time"]
    times = (found.min() if which == "first" else found.max()).sort_index()
    if not len(times):
        raise UserError(f"{timeline.where}: no patient has the index {dict(index)}; mend the code")
    return times.astype(float)


def select(timeline: Timeline, rule: Mapping[str, Any]) -> pd.DataFrame:
    """Take the events of the `kind` and `code` that `rule` names."""
    if rule.get("kind", KINDS[0]) not in KINDS:
        raise UserError(f"the kind {rule['kind']!r} of event is unknown; use one of {', '.join(KINDS)}")
    events = timeline.events
    for column in ("kind", "code"):
        if column in rule:
            events = events[events[column] == rule[column]]
    return events


def _days(date: Any) -> float:
    try:
        moment = datetime.fromisoformat(date)
    except (TypeError, ValueError) as error:
        raise UserError(f"window: the index date {date!r} is not ISO 8601, such as 2015-01-31") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.timestamp() / 86400


def to_series(timeline: Timeline, window: Window, at: pd.Series) -> tuple[Modality, pd.DataFrame]:
    """Cut the window of each patient of `at` (N,) to a series, and tell when each feature was last recorded (N, F).

    Binned: (N, T, F) with NaN where a bin has no event. Irregular: (N, T, F + 1) from the left with a mask, its last
    feature the days since the step before. An event without a value counts as 1. Who has no event is not present.
    """
    events = timeline.events
    row = pd.Index(at.index).get_indexer(pd.Index(events["patient"]))
    start = np.where(row >= 0, at.to_numpy()[row], np.nan) - window.before
    end = start + window.before + window.after
    inside = (events["time"].to_numpy() >= start) & (events["known"].to_numpy() < end)
    codes = _features(timeline, window, events[inside])
    feature = pd.Index(codes).get_indexer(pd.Index(events["code"]))
    use = inside & (feature >= 0)
    row, feature, start = row[use], feature[use], start[use]
    time, known = events["time"].to_numpy()[use], events["known"].to_numpy()[use]
    values = events["value"].fillna(1.0).to_numpy()[use]
    recorded = summarise(row * len(codes) + feature, known, (len(at), len(codes)), "max", np.float64)
    if window.bins is None:
        series = _irregular(row, feature, time, values, (len(at), codes), window)
    else:
        steps = int(np.ceil((window.before + window.after) / window.bins))
        check_size((len(at), steps, len(codes)))
        step = np.minimum(((time - start) / window.bins).astype(np.int64), steps - 1)
        cells = (row * steps + step) * len(codes) + feature
        grid = summarise(cells, values, (len(at), steps, len(codes)), window.summary)
        series = Modality("series", grid, codes, present=_present(row, len(at)))
    return series, pd.DataFrame(recorded, columns=list(codes))


def _features(timeline: Timeline, window: Window, inside: pd.DataFrame) -> tuple[str, ...]:
    if window.codes:
        unseen = [c for c in window.codes if not (timeline.events["code"] == c).any()]
        if unseen:
            raise UserError(f"{timeline.where}: no event has the code {unseen[0]!r}; mend the codes of the window")
        return window.codes
    patients = inside.groupby("code")["patient"].nunique()
    codes = tuple(map(str, patients.index[patients >= window.min_patients]))
    if not codes:
        raise UserError(f"{timeline.where}: no code has {window.min_patients} patients within the window; widen it")
    return codes


def _present(row: HostArray, n: int) -> HostArray | None:
    present = np.bincount(row, minlength=n) > 0
    return None if present.all() else present


def _irregular(
    row: HostArray,
    feature: HostArray,
    time: HostArray,
    values: HostArray,
    shape: tuple[int, tuple[str, ...]],
    window: Window,
) -> Modality:
    n, codes = shape
    moments = pd.DataFrame({"row": row, "time": time}).drop_duplicates().sort_values(["row", "time"])
    later = moments.groupby("row").cumcount(ascending=False).to_numpy()
    since = moments.groupby("row")["time"].diff().fillna(0.0).to_numpy()[later < window.max_steps]
    moments = moments[later < window.max_steps]
    step = moments.groupby("row").cumcount().to_numpy()
    steps, width = int(step.max(initial=0)) + 1, len(codes) + 1
    check_size((n, steps, width))
    where = pd.MultiIndex.from_frame(moments).get_indexer(pd.MultiIndex.from_arrays([row, time]))
    kept = where >= 0
    cells = (row[kept] * steps + step[where[kept]]) * width + feature[kept]
    grid = summarise(cells, values[kept], (n, steps, width), window.summary)
    mask = np.zeros((n, steps), bool)
    mask[moments["row"], step] = True
    grid[moments["row"], step, -1] = since
    if window.summary == "count":
        grid[~mask] = np.nan
    return Modality("series", grid, (*codes, SINCE), mask, _present(row, n))
