"""OMOP CDM 5.4: the clinical tables of a folder or zip of CSV, to a timeline of events per patient."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pmjax.cohort import Cohort, Source
from pmjax.data.readers.archive import members
from pmjax.data.readers.delimited import read_delimited, read_header
from pmjax.data.readers.history import build_history, notes_of
from pmjax.data.readers.omop_tables import TABLES, Concepts, Table, dates, number, read_events
from pmjax.data.readers.source import decode, read_text, sha256_of
from pmjax.data.readers.timeline import EVENT, PATIENT, Timeline
from pmjax.errors import UserError

_SEX = {"8507": "male", "8532": "female", "8521": "other"}
_OTHERS = ("person", "death", "observation_period", "concept")


def read_tables(path: str, excluded: list[str] | None = None) -> dict[str, Table]:
    """Read the tables that a timeline needs, all columns as text, by the name of their file in lower case.

    Raises:
        UserError: a broken table, named by file and line; or no person table.
    """
    wanted = {*_OTHERS, *TABLES}
    place = Path(path)
    if place.is_dir():
        inside = sorted(f for f in place.iterdir() if f.is_file() and f.suffix.lower() in (".csv", ".tsv", ".txt"))
        found = ((str(f), f.stem.lower(), read_text(f)) for f in inside if f.stem.lower() in wanted)
    else:
        packed = members(place, suffixes=(".csv", ".tsv", ".txt"))
        found = (
            (f"{path}: {name}", Path(name).stem.lower(), decode(content, name))
            for name, content in packed
            if Path(name).stem.lower() in wanted
        )
    tables: dict[str, Table] = {}
    for where, name, text in found:
        if name in tables:
            raise UserError(f"{where}: the table {name} is there twice; keep one")
        tables[name] = Table(where, _read_table(text, where, excluded))
    if "person" not in tables:
        raise UserError(f"{path}: holds no PERSON table as .csv, .tsv or .txt; give the folder or zip of the CDM")
    return tables


def _read_table(text: str, where: str, excluded: list[str] | None) -> pd.DataFrame:
    first, end, body = text.partition("\n")
    first = first.lower()
    sep = "\t" if "\t" in first else ","
    header, _ = read_header(first, where, sep=sep)
    if not body.strip():
        return pd.DataFrame({c: pd.Series([], dtype=object) for c in header})
    return read_delimited(first + end + body, where, sep=sep, text=header, excluded=excluded).astype(object)


def read_omop(path: str, excluded: list[str] | None = None) -> Timeline:
    """Read person, visits, conditions, drugs, procedures, measurements, observations and deaths to a timeline.

    Codes are vocabulary|code by the CONCEPT table, else omop|concept_id, else source|source_value where a concept
    is 0. A moment at midnight is a date without an hour.

    Raises:
        UserError: see `read_tables`; and, unless `excluded` takes them, rows with a broken date or number, without a
            code, or of a person who is not in PERSON.
    """
    tables = read_tables(path, excluded)
    patients = _people(tables["person"], excluded)
    concepts = Concepts(tables.get("concept"))
    left_out: dict[str, int] = {}
    events = [
        read_events(tables[name], columns, concepts, patients.index, excluded, left_out)
        for name, columns in TABLES.items()
        if name in tables
    ]
    some = [e for e in events if len(e)]
    joined = pd.concat(some, ignore_index=True) if some else pd.DataFrame(columns=list(EVENT))
    joined = joined.astype({"time": float, "known": float, "value": float})
    _add_deaths(patients, tables.get("death"), excluded)
    _add_follow_up(patients, tables.get("observation_period"), joined, excluded)
    return Timeline(joined, patients.rename_axis("patient").reset_index()[list(PATIENT)], path, left_out)


def _people(table: Table, excluded: list[str] | None) -> pd.DataFrame:
    table.need("person_id", "year_of_birth")
    if table.frame.empty:
        raise UserError(f"{table.where}: holds no patient; give the whole CDM")
    named = table.reject_if({"there is no person_id": table.frame["person_id"].isna()}, excluded)
    table = Table(table.where, table.frame[named].reset_index(drop=True))
    year, bad_year = number(table.column("year_of_birth"))
    month, bad_month = number(table.column("month_of_birth"))
    day, bad_day = number(table.column("day_of_birth"))
    bad_year |= (year < 1800) | (year > 2200)
    written = pd.DataFrame(
        {
            "year": np.where(bad_year, np.nan, year),
            "month": np.nan_to_num(month, nan=1),
            "day": np.nan_to_num(day, nan=1),
        }
    )
    born = pd.to_datetime(written, errors="coerce").to_numpy("datetime64[s]")
    birth = np.where(np.isnat(born), np.nan, born.astype(np.int64) / 86400)
    wrong = np.isnan(birth) & ~np.isnan(year) | bad_year | bad_month | bad_day
    twice = table.frame["person_id"].duplicated()
    table.reject_if({"the date of birth is none": wrong, "the person_id is there twice": twice}, None)
    return pd.DataFrame(
        {
            "birth": birth,
            "sex": table.column("gender_concept_id").map(_SEX).fillna("unknown").to_numpy(str),
            "dead": False,
            "death": np.nan,
            "death_known": np.nan,
            "followed": np.nan,
        },
        index=pd.Index(table.frame["person_id"].to_numpy(str)),
    )


def _add_deaths(patients: pd.DataFrame, table: Table | None, excluded: list[str] | None) -> None:
    if table is None or table.frame.empty:
        return
    table.need("person_id", "death_date")
    time, known, bad = dates(table, "death_date", "death_datetime")
    person = table.persons(patients.index, {"there is no death date": np.isnan(time) | bad}, excluded)
    rows = pd.DataFrame({"death": time, "death_known": known})[person.notna().to_numpy()]
    first = rows.groupby(person.dropna().to_numpy(str)).min()
    patients.loc[first.index, ["death", "death_known"]] = first
    patients.loc[first.index, "dead"] = True


def _add_follow_up(
    patients: pd.DataFrame, table: Table | None, events: pd.DataFrame, excluded: list[str] | None
) -> None:
    """To the end of the observation period, where it is given, else to the last event."""
    if table is None or table.frame.empty:
        patients["followed"] = events.groupby("patient")["known"].max().reindex(patients.index)
        return
    table.need("person_id", "observation_period_end_date")
    _, known, bad = dates(table, "observation_period_end_date", None)
    person = table.persons(patients.index, {"there is no end": np.isnan(known) | bad}, excluded)
    last = pd.Series(known).groupby(person.to_numpy(object)).max()
    patients["followed"] = last.reindex(patients.index)


def omop(
    path: str,
    *,
    window: Mapping[str, Any],
    outcome: Mapping[str, Any],
    units: Mapping[str, Any] | None = None,
    exclude: bool = False,
    name: str = "omop",
    title: str = "OMOP CDM record",
    citation: str = "none given",
    licence: str = "none given",
) -> Cohort:
    """Load a cohort of an OMOP CDM by a declared window and outcome: see Window, Endpoint and `settle_units`.

    `exclude` leaves out rows that cannot be used, counted by table and reason in the source's notes.

    Raises:
        UserError: see `read_omop` and `build_history`.
    """
    excluded: list[str] | None = [] if exclude else None
    timeline = read_omop(path, excluded)
    place = Path(path)
    inside = sorted(f for f in place.iterdir() if f.is_file()) if place.is_dir() else [place]
    files = {f.name: sha256_of(f) for f in inside}
    source = Source(title, citation, licence, files, notes=notes_of(timeline, excluded))
    return build_history(name, timeline, source, window=window, outcome=outcome, units=units or {})
