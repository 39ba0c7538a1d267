"""Timeline: the events of every patient in one neutral form, whatever record they came from.

The clock is days since 1970-01-01 UTC. `time` is when something happened at the earliest, `known` when at the latest:
a date without an hour is known as that day ends, a result when it was issued. Inputs are judged by `known`, so that a
record of coarse dates cannot let the future in.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from pmjax.data.readers.binning import ABSURD
from pmjax.errors import UserError

KINDS = ("observation", "condition", "medication", "procedure", "visit")
EVENT = ("patient", "time", "known", "kind", "code", "name", "value", "unit")
PATIENT = ("patient", "birth", "sex", "dead", "death", "death_known", "followed")


@dataclass(frozen=True)
class Timeline:
    """Events and patients of one source.

    Attributes:
        events: columns EVENT; `code` is system|code, with =answer where the answer is a code; `value` is NaN for what
            just happened; `unit` is "" where there is none. In order of time.
        patients: columns PATIENT, one row each, in order of id; `birth`, `death` and `followed` (end of follow-up) in
            days, NaN where not known; `dead` may be True without a date; `sex` is female, male, other or unknown.
        where: the source, for errors.
        left_out: what the source holds and a timeline has no place for, counted by reason.
    """

    events: pd.DataFrame
    patients: pd.DataFrame
    where: str
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.patients):
            raise UserError(f"{self.where}: holds no patient; give a record with patients")
        patients = self.patients[list(PATIENT)].sort_values("patient", kind="stable", ignore_index=True)
        events = self.events[list(EVENT)].sort_values("time", kind="stable", ignore_index=True)
        self._check(patients, events)
        object.__setattr__(self, "patients", patients)
        object.__setattr__(self, "events", events)

    def _check(self, patients: pd.DataFrame, events: pd.DataFrame) -> None:
        twice = patients["patient"].duplicated()
        if twice.any():
            raise UserError(f"{self.where}: patient {patients['patient'][twice].iloc[0]!r} is there twice")
        faults = {
            "is of no patient of the record": ~events["patient"].isin(patients["patient"]),
            "has no time": ~np.isfinite(events["time"]),
            "is known before it happened": ~(events["known"] >= events["time"]),
            f"has a value above {ABSURD:g}": events["value"].abs() > ABSURD,
        }
        for what, wrong in faults.items():
            if wrong.any():
                first = events[wrong].iloc[0]
                raise UserError(f"{self.where}: {first.kind} {first.code!r} of patient {first.patient!r} {what}")


def settle_units(timeline: Timeline, conversions: Mapping[str, Mapping[str, Any]]) -> Timeline:
    """Bring every code to one unit, and keep a mere mention apart from its numbers (as code=mentioned).

    `conversions` is {code: {unit: factor}} or {code: {unit: [factor, offset]}}, new value = factor × value + offset.

    Raises:
        UserError: a code has several units and no conversion, or a unit that its conversion does not name.
    """
    events = timeline.events.copy()
    number = events["value"].notna()
    for code, factors in conversions.items():
        rows = number & (events["code"] == code)
        if not rows.any():
            raise UserError(f"{timeline.where}: units are declared for {code!r}, which has no number; mend the code")
        for unit in events["unit"][rows].unique():
            if unit not in factors:
                raise UserError(f"{timeline.where}: {code!r} is also in {unit!r}; declare its factor in units")
            factor, offset = _factor(code, factors[unit])
            here = rows & (timeline.events["unit"] == unit)
            events.loc[here, "value"] = events["value"][here] * factor + offset
        events.loc[rows, "unit"] = "converted"
    units = events[number].groupby("code")["unit"].unique()
    mixed = units[units.map(len) > 1]
    if len(mixed):
        raise UserError(
            f"{timeline.where}: {mixed.index[0]!r} is in {' and '.join(map(repr, sorted(mixed.iloc[0])))}; "
            "declare a factor for each in units, or leave the code out"
        )
    mention = ~number & events["code"].isin(units.index)
    events.loc[mention, "code"] += "=mentioned"
    return replace(timeline, events=events)


def _factor(code: str, given: Any) -> tuple[float, float]:
    pair = given if isinstance(given, list | tuple) else (given, 0)
    numbers = [x for x in pair if isinstance(x, int | float) and not isinstance(x, bool) and np.isfinite(x)]
    if len(numbers) != 2 or len(pair) != 2 or not numbers[0]:
        raise UserError(f"units of {code!r}: give a factor or [factor, offset], not {given!r}")
    return float(numbers[0]), float(numbers[1])
