"""Roles: which column says who, what happened, when and where; one mapping for every format."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from pmjax.cohort import Cohort, Modality, Source
from pmjax.data.readers.source import refuse
from pmjax.errors import UserError
from pmjax.task import Classify, Survive, Task
from pmjax.truth import Truth
from pmjax.types import PARTS, HostArray

ROLES = (
    "id",
    "sample",
    "label",
    "time",
    "event",
    "start",
    "treatment",
    "groups",
    "site",
    "part",
    "date",
    "outcome_date",
)
OPTIONS = ("classes", "unit", "name")
MISSING = ("", "?", "NA", "N/A", "NaN", "nan", "<NA>", "null", "NULL")
EVENTS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_LONGEST = 500  # characters: fixed-width arrays of text take as much for every row as for the longest


@dataclass(frozen=True)
class Outcomes:
    """What is asked of N rows, in the order of their table; the fields are those of `Cohort`."""

    patient: HostArray
    task: Task
    sample: HostArray | None = None
    groups: pd.DataFrame | None = None
    site: HostArray | None = None
    arm: HostArray | None = None
    part: HostArray | None = None
    recorded: pd.DataFrame | None = None
    outcome_at: HostArray | None = None


def role_columns(roles: Mapping[str, Any]) -> tuple[str, ...]:
    """Name every column that takes a role; readers keep these as text, so that the id 007 stays 007.

    Raises:
        UserError: a role that does not exist, or that names no column.
    """
    for role in roles:
        if role not in ROLES + OPTIONS:
            raise UserError(f"roles: {role!r} is no role{nearest(role, ROLES)}; choose from {', '.join(ROLES)}")
    columns = [column for role in ROLES for column in _columns(roles, role).values()]
    return tuple(dict.fromkeys(columns))


def read_outcomes(frame: pd.DataFrame, roles: Mapping[str, Any], where: str) -> Outcomes:
    """Read who, what, when and where from the columns that `roles` name.

    `roles` maps each of ROLES to a column (`groups` to several, `date` to several or to {input: column}), and may
    give `classes` (the order of the labels, the last of two is positive; or {label: name}), the `unit` of time and
    the `name` of the task. Without `id` every row is a patient, named by its number from 1. Dates are ISO 8601, or
    numbers of days. `where` names the table in errors.

    Raises:
        UserError: a role or a column that does not exist, a value missing or broken, named by its patient.
    """
    for column in role_columns(roles):
        if column not in frame.columns:
            known = [str(c) for c in frame.columns]
            raise UserError(f"{where}: there is no column {column!r}{nearest(column, known)}; mend the roles")
    patient = _read_patients(frame, roles, where)
    sample = _required(frame, roles, "sample", patient, where)
    _check_unique(patient, sample, "start" in roles, where)
    recorded, outcome_at = _read_dates(frame, roles, patient, where)
    return Outcomes(
        patient=patient,
        task=_read_task(frame, roles, patient, where),
        sample=sample,
        groups=_read_groups(frame, roles, where),
        site=_required(frame, roles, "site", patient, where),
        arm=_required(frame, roles, "treatment", patient, where),
        part=_read_part(frame, roles, patient, where),
        recorded=recorded,
        outcome_at=outcome_at,
    )


def align(outcomes: Outcomes, ids: HostArray, where: str, excluded: list[str] | None = None) -> HostArray:
    """Find the measurement of each outcome: (N,) int row of `ids`, -1 where there is none.

    `ids` are samples where the outcomes have samples, else patients.

    Raises:
        UserError: an id that is there twice, or no id in common; without `excluded` an id that has no outcome too.
    """
    keys = outcomes.patient if outcomes.sample is None else outcomes.sample
    index = pd.Index(np.asarray(ids).astype(str))
    twice = index[index.duplicated()]
    if len(twice):
        raise UserError(f"{where}: the id {twice[0]!r} appears twice; keep one of them")
    if outcomes.sample is not None:
        _check_unique(keys, None, False, f"{where}: to find the measurements of samples")
    rows = np.asarray(index.get_indexer(pd.Index(keys)), np.int64)
    if (rows < 0).all():
        raise UserError(f"{where}: no id has an outcome; it has {index[:1].tolist()}, the outcomes have {keys[0]!r}")
    without = index[~index.isin(keys)]
    if len(without) and excluded is None:
        raise UserError(f"{where}: {len(without)} ids have no outcome, first {without[0]!r}; add or exclude them")
    for one in without:
        refuse(f"{where}: {one!r} has no outcome", excluded)
    return rows


def build_cohort(
    name: str,
    outcomes: Outcomes,
    modalities: Mapping[str, Modality],
    source: Source,
    flow: Iterable[tuple[str, int]] = (),
    truth: Truth | None = None,
) -> Cohort:
    """Join outcomes and modalities, which have the same N rows, to a Cohort."""
    columns = {f.name: getattr(outcomes, f.name) for f in fields(Outcomes)}
    return Cohort(name=name, modalities=modalities, source=source, flow=tuple(flow), truth=truth, **columns)


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which of `known` was perhaps meant, for the middle of a message."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def read_text_column(frame: pd.DataFrame, column: str, where: str) -> tuple[HostArray, HostArray]:
    """Read a column as (N,) text, stripped, and (N,) bool missing; a whole number has no decimal point."""
    values = frame[column]
    if values.dtype.kind == "f":
        numbers = values.to_numpy()
        numbers = numbers[np.isfinite(numbers)]
        if (numbers == np.round(numbers)).all() and (np.abs(numbers) < 1 << 53).all():
            values = values.where(np.isfinite(values)).astype("Int64")
    text = values.astype("string").str.strip()
    long = text.str.len() > _LONGEST
    if long.any():
        row = int(np.argmax(long.fillna(False)))
        raise UserError(f"{where}, row {row + 1}: column {column!r} holds a text of over {_LONGEST} characters")
    missing = (text.isna() | text.isin(MISSING)).to_numpy(bool)
    return text.fillna("").to_numpy(str), missing


def _columns(roles: Mapping[str, Any], role: str) -> dict[str, str]:
    """Name the columns of one role: {name: column}."""
    value = roles.get(role)
    if value is None:
        return {}
    if isinstance(value, str):
        return {value: value}
    if role == "date" and isinstance(value, Mapping):
        return dict(value)
    if role in ("groups", "date") and isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        return {v: v for v in value}
    raise UserError(f"roles: {role!r} must name a column, not {value!r}")


def _column(roles: Mapping[str, Any], role: str) -> str | None:
    return next(iter(_columns(roles, role).values()), None)


def _refuse_at(bad: HostArray, patient: HostArray, where: str, what: str, values: HostArray | None = None) -> None:
    """Raise where any of `bad` (N,) is True, naming the first such patient and its value."""
    if bad.any():
        row = int(np.argmax(bad))
        value = "" if values is None else f", found {str(values[row])!r}"
        more = f" and {int(bad.sum()) - 1} more" if bad.sum() > 1 else ""
        raise UserError(f"{where}: patient {str(patient[row])!r} (row {row + 1}){more}: {what}{value}")


def _read_patients(frame: pd.DataFrame, roles: Mapping[str, Any], where: str) -> HostArray:
    column = _column(roles, "id")
    if column is None:
        return np.arange(1, len(frame) + 1).astype(str)
    patient, missing = read_text_column(frame, column, where)
    if missing.any():
        raise UserError(f"{where}, row {int(np.argmax(missing)) + 1}: the id {column!r} is missing; fill it in")
    return patient


def _check_unique(patient: HostArray, sample: HostArray | None, intervals: bool, where: str) -> None:
    rows = pd.DataFrame({"patient": patient} | ({} if sample is None else {"sample": sample}))
    twice = rows.duplicated().to_numpy()
    if not twice.any() or (intervals and sample is None):
        return
    row = int(np.argmax(twice))
    if sample is None:
        raise UserError(
            f"{where}: the id {str(patient[row])!r} appears {int((patient == patient[row]).sum())} times; "
            "give the role 'sample' the column that tells its rows apart"
        )
    raise UserError(f"{where}: patient {str(patient[row])!r} has the sample {str(sample[row])!r} twice; keep one")


def _required(
    frame: pd.DataFrame, roles: Mapping[str, Any], role: str, patient: HostArray, where: str
) -> HostArray | None:
    """Read the (N,) text of a role that is complete where it is given."""
    column = _column(roles, role)
    if column is None:
        return None
    text, missing = read_text_column(frame, column, where)
    _refuse_at(missing, patient, where, f"the {role} {column!r} is missing; fill it in")
    return text


def _read_part(frame: pd.DataFrame, roles: Mapping[str, Any], patient: HostArray, where: str) -> HostArray | None:
    part = _required(frame, roles, "part", patient, where)
    if part is not None:
        _refuse_at(~np.isin(part, PARTS), patient, where, f"the part must be one of {', '.join(PARTS)}", part)
    return part


def _read_groups(frame: pd.DataFrame, roles: Mapping[str, Any], where: str) -> pd.DataFrame | None:
    groups = {}
    for column in _columns(roles, "groups"):
        text, missing = read_text_column(frame, column, where)
        groups[column] = np.where(missing, "unknown", text)
    return pd.DataFrame(groups) if groups else None


def _read_task(frame: pd.DataFrame, roles: Mapping[str, Any], patient: HostArray, where: str) -> Task:
    survival = [r for r in ("time", "event", "start") if _column(roles, r)]
    if (_column(roles, "label") is None) == (not survival):
        raise UserError(f"roles: give either a label, or a time and an event; got {', '.join(roles) or 'none'}")
    if _column(roles, "label"):
        return _read_label(frame, roles, patient, where)
    if not {"time", "event"} <= set(survival):
        raise UserError(f"roles: survival needs both time and event; got {', '.join(survival)}")
    event = np.char.lower(_required(frame, roles, "event", patient, where))
    _refuse_at(~np.isin(event, list(EVENTS)), patient, where, "the event must be 0 or 1, true or false", event)
    time = _number(frame, roles, "time", patient, where)
    _refuse_at(time <= 0, patient, where, "the time must be above zero", time)
    return Survive(
        name=roles.get("name") or _column(roles, "event"),
        time=time,
        event=np.isin(event, [word for word, happened in EVENTS.items() if happened]),
        unit=roles.get("unit") or "days",
        start=_number(frame, roles, "start", patient, where) if "start" in survival else None,
    )


def _number(frame: pd.DataFrame, roles: Mapping[str, Any], role: str, patient: HostArray, where: str) -> HostArray:
    text = _required(frame, roles, role, patient, where)
    values = pd.to_numeric(pd.Series(text), errors="coerce").to_numpy(np.float64)
    _refuse_at(~np.isfinite(values), patient, where, f"the {role} is no number", text)
    return values


def _read_label(frame: pd.DataFrame, roles: Mapping[str, Any], patient: HostArray, where: str) -> Classify:
    text = _required(frame, roles, "label", patient, where)
    classes = roles.get("classes")
    if classes is None:
        values = pd.unique(text)
        numbers = pd.to_numeric(pd.Series(values), errors="coerce")
        classes = sorted(values) if numbers.isna().any() else values[np.argsort(numbers.to_numpy(), kind="stable")]
    names = {str(k): str(v) for k, v in classes.items()} if isinstance(classes, Mapping) else {}
    names = names or {str(c): str(c) for c in classes}
    index = np.asarray(pd.Index(list(names)).get_indexer(pd.Index(text)))
    _refuse_at(index < 0, patient, where, f"the label is none of {', '.join(names)}", text)
    return Classify(roles.get("name") or _column(roles, "label"), index, tuple(names.values()))


def _read_dates(
    frame: pd.DataFrame, roles: Mapping[str, Any], patient: HostArray, where: str
) -> tuple[pd.DataFrame | None, HostArray | None]:
    clocks, days = set(), {}
    for role in ("date", "outcome_date"):
        for name, column in _columns(roles, role).items():
            days[role, name], iso = _read_days(frame, column, patient, where)
            clocks.add(iso)
    if len(clocks) > 1:
        raise UserError(f"{where}: some dates are numbers of days and others calendar dates; use one clock")
    recorded = {name: values for (role, name), values in days.items() if role == "date"}
    outcome_at = next((values for (role, _), values in days.items() if role == "outcome_date"), None)
    return (pd.DataFrame(recorded) if recorded else None), outcome_at


def _read_days(frame: pd.DataFrame, column: str, patient: HostArray, where: str) -> tuple[HostArray, bool]:
    """Read (N,) days, NaN where missing, and whether they count from 1970-01-01 (ISO) or from anywhere (numbers)."""
    text, missing = read_text_column(frame, column, where)
    series = pd.Series(text).mask(missing)
    numbers = pd.to_numeric(series, errors="coerce").to_numpy(np.float64)
    if (np.isfinite(numbers) | missing).all():
        return numbers, False
    stamps = pd.to_datetime(series, format="ISO8601", errors="coerce", utc=True)
    _refuse_at(stamps.isna().to_numpy() & ~missing, patient, where, f"{column!r} must be a date as 2001-12-31", text)
    return ((stamps - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)).to_numpy(np.float64), True
