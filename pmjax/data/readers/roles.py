"""Roles: which column says who, what happened, when and where; one mapping for every format."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from pmjax.cohort import Cohort, Modality, Source
from pmjax.data.readers.columns import OPTIONS, ROLES, Columns, nearest, read_text, role_columns
from pmjax.data.readers.source import refuse
from pmjax.errors import UserError
from pmjax.task import Classify, Survive, Task
from pmjax.truth import Truth
from pmjax.types import PARTS, HostArray

__all__ = ["OPTIONS", "ROLES", "Outcomes", "align", "build_cohort", "nearest", "read_outcomes", "role_columns"]

_EVENT = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


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


def read_outcomes(frame: pd.DataFrame, roles: Mapping[str, Any], where: str) -> Outcomes:
    """Read who, what, when and where from the columns that `roles` name.

    `roles` maps each of ROLES to a column (`groups` to several, `date` to several or to {input: column}), and may
    give `classes` (the order of the labels, the last of two is positive; or {label: name},
    where labels that share a name are one class), the `unit` of time and
    the `name` of the task. Without `id` every row is a patient, named by its number from 1. Dates are ISO 8601, or
    numbers of days. `where` names the table in errors.

    Raises:
        UserError: a role or a column that does not exist, a value missing or broken, named by its patient.
    """
    columns = Columns(frame, roles, where)
    patient, sample = columns.patient, columns.text_if_given("sample")
    _check_unique(patient, sample, bool(columns.names("start")), where)
    recorded, outcome_at = _read_dates(columns)
    return Outcomes(
        patient=patient,
        task=_read_task(columns),
        sample=sample,
        groups=_read_groups(columns),
        site=columns.text_if_given("site"),
        arm=columns.text_if_given("treatment"),
        part=_read_part(columns),
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
        shared = pd.Index(keys)[pd.Index(keys).duplicated()]
        if len(shared):
            raise UserError(f"{where}: the sample {shared[0]!r} is of two patients; give samples ids of their own")
    rows = np.asarray(index.get_indexer(pd.Index(keys)), np.int64)
    if (rows < 0).all():
        found = repr(index[0]) if len(index) else "none"
        raise UserError(f"{where}: no id has an outcome; its first is {found}, of the outcomes {str(keys[0])!r}")
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


def _check_unique(patient: HostArray, sample: HostArray | None, intervals: bool, where: str) -> None:
    if intervals and sample is None:
        return
    rows = pd.DataFrame({"patient": patient} | ({} if sample is None else {"sample": sample}))
    twice = rows.duplicated().to_numpy()
    if not twice.any():
        return
    row = int(np.argmax(twice))
    who = str(patient[row])
    if sample is not None:
        raise UserError(f"{where}: patient {who!r} has the sample {str(sample[row])!r} twice; keep one of them")
    raise UserError(
        f"{where}: the id {who!r} appears {int((patient == patient[row]).sum())} times; "
        "give the role 'sample' to the column that tells its rows apart"
    )


def _read_part(columns: Columns) -> HostArray | None:
    part = columns.text_if_given("part")
    if part is not None:
        columns.refuse(~np.isin(part, PARTS), f"the part must be one of {', '.join(PARTS)}", part)
    return part


def _read_groups(columns: Columns) -> pd.DataFrame | None:
    groups = {}
    for column in columns.names("groups"):
        text, missing = read_text(columns.frame, column, columns.where)
        groups[column] = np.where(missing, "unknown", text)
    return pd.DataFrame(groups) if groups else None


def _read_task(columns: Columns) -> Task:
    given = [role for role in ("label", "time", "event", "start") if columns.names(role)]
    if given == ["label"]:
        return _read_label(columns)
    if given not in (["time", "event"], ["time", "event", "start"]):
        raise UserError(f"roles: give either a label, or a time and an event; got {', '.join(given) or 'neither'}")
    event = np.char.lower(columns.text("event"))
    columns.refuse(~np.isin(event, list(_EVENT)), f"the event must be one of {', '.join(_EVENT)}", event)
    time = columns.number("time")
    columns.refuse(time <= 0, "the time must be above zero", time)
    return Survive(
        name=columns.roles.get("name") or columns.roles["event"],
        time=time,
        event=np.isin(event, [word for word, happened in _EVENT.items() if happened]),
        unit=columns.roles.get("unit") or "days",
        start=columns.number("start") if "start" in given else None,
    )


def _read_label(columns: Columns) -> Classify:
    text = columns.text("label")
    names = _class_names(columns.roles.get("classes"), text)
    row = np.asarray(pd.Index(list(names)).get_indexer(pd.Index(text)))
    columns.refuse(row < 0, f"the label is none of {', '.join(names)}", text)
    classes = tuple(dict.fromkeys(names.values()))  # several labels may share a name, and are then one class
    index = np.asarray([classes.index(name) for name in names.values()])[row]
    return Classify(columns.roles.get("name") or columns.roles["label"], index, classes)


def _class_names(classes: Any, text: HostArray) -> dict[str, str]:
    """Name each label of the file, in the order of the classes: as declared, else by number, else by alphabet."""
    if isinstance(classes, Mapping):
        return {str(label): str(name) for label, name in classes.items()}
    if classes is None:
        labels = np.unique(text)
        numbers = pd.to_numeric(pd.Series(labels), errors="coerce").to_numpy(np.float64)
        classes = labels if np.isnan(numbers).any() else labels[np.argsort(numbers, kind="stable")]
    elif isinstance(classes, str):
        raise UserError(f"roles: 'classes' must list the labels in order, not {classes!r}")
    return {str(label): str(label) for label in classes}


def _read_dates(columns: Columns) -> tuple[pd.DataFrame | None, HostArray | None]:
    read = {r: {name: columns.days(c) for name, c in columns.names(r).items()} for r in ("date", "outcome_date")}
    if len({calendar for days in read.values() for _, calendar in days.values()}) > 1:
        raise UserError(f"{columns.where}: some dates are numbers of days, others calendar dates; use one clock")
    recorded = {name: days for name, (days, _) in read["date"].items()}
    outcome_at = next((days for days, _ in read["outcome_date"].values()), None)
    return (pd.DataFrame(recorded) if recorded else None), outcome_at
