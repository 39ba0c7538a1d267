"""OMOP tables: which columns hold who, when and what, and how rows of text become events."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pmjax.data.readers.binning import ABSURD
from pmjax.data.readers.source import refuse
from pmjax.data.readers.timeline import EVENT
from pmjax.errors import UserError
from pmjax.types import HostArray

_TICK = 1 / 86_400_000  # a millisecond


@dataclass(frozen=True)
class Table:
    """The text of one table; `where` names it in errors."""

    where: str
    frame: pd.DataFrame

    def need(self, *columns: str) -> None:
        """Refuse a table without one of `columns`."""
        for column in columns:
            if column not in self.frame:
                raise UserError(f"{self.where}, line 1: no column {column!r}; it is no such table of the OMOP CDM 5.4")

    def column(self, name: str) -> pd.Series:
        """Take a column, all missing where the table has none."""
        return self.frame[name] if name in self.frame else pd.Series(np.nan, self.frame.index, dtype=object)

    def reject_if(self, faults: Mapping[str, Any], excluded: list[str] | None) -> HostArray:
        """Refuse the rows of each fault, counted; returns (rows,) True for those without one."""
        bad = np.zeros(len(self.frame), bool)
        for what, wrong in faults.items():
            new = np.asarray(wrong, bool) & ~bad
            if new.any():
                first = int(np.argmax(new)) + 1
                refuse(f"{self.where}: {int(new.sum())} rows, first row {first} below the header: {what}", excluded)
            bad |= new
        return ~bad

    def persons(self, known: pd.Index, faults: Mapping[str, Any], excluded: list[str] | None) -> pd.Series:
        """Take the person of each row, missing where a row is refused: by `faults`, or for an unknown person."""
        person = self.frame["person_id"]
        every = {"the person is not in PERSON": ~person.isin(known), **faults}
        return person.where(self.reject_if(every, excluded))


@dataclass(frozen=True)
class Columns:
    """The columns of an event table."""

    kind: str
    concept: str
    source: str
    date: str
    valued: bool = False


TABLES = {
    "visit_occurrence": Columns("visit", "visit_concept_id", "visit_source_value", "visit_start_date"),
    "condition_occurrence": Columns(
        "condition", "condition_concept_id", "condition_source_value", "condition_start_date"
    ),
    "drug_exposure": Columns("medication", "drug_concept_id", "drug_source_value", "drug_exposure_start_date"),
    "procedure_occurrence": Columns("procedure", "procedure_concept_id", "procedure_source_value", "procedure_date"),
    "measurement": Columns(
        "observation", "measurement_concept_id", "measurement_source_value", "measurement_date", valued=True
    ),
    "observation": Columns(
        "observation", "observation_concept_id", "observation_source_value", "observation_date", valued=True
    ),
}


class Concepts:
    """Codes and names of concept ids, by the CONCEPT table where there is one."""

    def __init__(self, table: Table | None) -> None:
        self.codes: pd.Series = pd.Series(dtype=object)
        self.names: pd.Series = pd.Series(dtype=object)
        self.units: pd.Series = pd.Series(dtype=object)
        if table is not None and not table.frame.empty:
            table.need("concept_id", "concept_name", "vocabulary_id", "concept_code")
            frame = table.frame.drop_duplicates("concept_id").set_index("concept_id")
            self.codes = frame["vocabulary_id"].str.lower() + "|" + frame["concept_code"]
            self.names, self.units = frame["concept_name"], frame["concept_code"]

    def code(self, ids: pd.Series) -> pd.Series:
        """Name concepts vocabulary|code, or omop|id where CONCEPT lacks them; missing for none or 0."""
        given = ids.where(~ids.isin(["0"]))
        return given.map(self.codes).where(lambda c: c.notna(), "omop|" + given)


def read_events(
    table: Table,
    columns: Columns,
    concepts: Concepts,
    people: pd.Index,
    excluded: list[str] | None,
    left_out: dict[str, int],
) -> pd.DataFrame:
    """Turn the rows of an event table into events, in the columns EVENT; empty tables give none."""
    if table.frame.empty:
        return pd.DataFrame(columns=list(EVENT))
    table.need("person_id", columns.concept, columns.date)
    time, known, bad_date = dates(table, columns.date, f"{columns.date}time")
    source = table.column(columns.source)
    code = concepts.code(table.column(columns.concept))
    code = code.where(code.notna(), "source|" + source)
    name = table.column(columns.concept).map(concepts.names)
    value, bad_value = (
        number(table.column("value_as_number")) if columns.valued else (np.full(len(code), np.nan), False)
    )
    faults = {
        f"the {columns.date} is no date": bad_date,
        f"there is neither a {columns.concept} nor a {columns.source}": code.isna(),
        "the value_as_number is no number, or too large": bad_value,
    }
    person = table.persons(people, faults, excluded)
    if columns.valued:
        answer = concepts.code(table.column("value_as_concept_id"))
        code = code.where(~np.isnan(value) | answer.isna(), code + "=" + answer)
    events = pd.DataFrame(
        {
            "patient": person,
            "time": time,
            "known": known,
            "kind": columns.kind,
            "code": code,
            "name": name.where(name.notna(), source.where(source.notna(), code)),
            "value": value,
            "unit": _units(table, concepts).where(~np.isnan(value), "") if columns.valued else "",
        }
    )
    return events[person.notna()]


def _units(table: Table, concepts: Concepts) -> pd.Series:
    """The unit's concept, else what the source wrote, else the concept's number, else ""."""
    ids = table.column("unit_concept_id").where(lambda u: ~u.isin(["0"]))
    unit = pd.Series("", ids.index, dtype=object)
    for better in ("omop|" + ids, table.column("unit_source_value"), ids.map(concepts.units)):
        unit = better.astype(object).where(better.notna(), unit)
    return unit


def number(text: pd.Series) -> tuple[HostArray, HostArray]:
    """Read numbers, NaN where missing; also (rows,) True where text is none, or is absurd."""
    value = pd.to_numeric(text, errors="coerce").to_numpy(np.float64)
    bad = np.isnan(value) & text.notna().to_numpy() | (np.abs(value) > ABSURD)
    return np.where(bad, np.nan, value), bad


def dates(table: Table, date: str, moment: str | None) -> tuple[HostArray, HostArray, HostArray]:
    """Earliest and latest days of each row, by its moment where given, else by its date; and where that is broken."""
    given = table.column(moment) if moment else pd.Series(np.nan, table.frame.index, dtype=object)
    text = given.where(given.notna(), table.column(date))
    short = text.astype("string").str.fullmatch(r"\d{8}", na=False).astype(bool)
    text = text.where(~short, text.str[:4] + "-" + text.str[4:6] + "-" + text.str[6:8])
    read = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
    bad = read.isna().to_numpy()
    stamps = read.dt.tz_localize(None).to_numpy("datetime64[ns]")
    time = np.where(bad, np.nan, stamps.astype(np.int64) / 86_400e9)
    whole = time == np.floor(time)
    return time, np.where(whole, time + 1 - _TICK, time), bad
