"""Columns: a table read through its roles, as text, numbers or days; what is missing or broken is named by patient."""

import difflib
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from pmjax.errors import UserError
from pmjax.types import HostArray

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
_LONGEST = 500  # characters: fixed-width arrays of text take as much for every row as for the longest


def role_columns(roles: Mapping[str, Any]) -> tuple[str, ...]:
    """Name every column that takes a role; readers keep these as text, so that the id 007 stays 007.

    Raises:
        UserError: a role that does not exist, or that names no column.
    """
    if not isinstance(roles, Mapping):
        raise UserError(
            f"roles must map roles to columns, such as {{'id': 'pid', 'label': 'diagnosis'}}; got {roles!r}"
        )
    for role in roles:
        if role not in ROLES + OPTIONS:
            raise UserError(f"roles: {role!r} is no role{nearest(role, ROLES)}; choose from {', '.join(ROLES)}")
    return tuple(dict.fromkeys(column for role in ROLES for column in names_of(roles, role).values()))


def names_of(roles: Mapping[str, Any], role: str) -> dict[str, str]:
    """Name the columns of one role: {name: column}, {} where the role is not given."""
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


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which of `known` was perhaps meant, for the middle of a message."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def read_text(frame: pd.DataFrame, column: str, where: str) -> tuple[HostArray, HostArray]:
    """Read a column as (N,) text, stripped, and (N,) bool missing; a whole number has no decimal point."""
    values = frame[column]
    if values.dtype.kind == "f":
        numbers = values.to_numpy()
        numbers = numbers[np.isfinite(numbers)]
        if (numbers == np.round(numbers)).all() and (np.abs(numbers) < 1 << 53).all():
            values = values.where(np.isfinite(values)).astype("Int64")
    text = values.astype("string").str.strip()
    long = (text.str.len() > _LONGEST).fillna(False).to_numpy(bool)
    if long.any():
        raise UserError(
            f"{where}, row {int(np.argmax(long)) + 1}: column {column!r} holds a text of over {_LONGEST} characters"
        )
    missing = (text.isna() | text.isin(MISSING)).to_numpy(bool)
    return text.fillna("").to_numpy(str), missing


class Columns:
    """The columns of `frame` that have a role; `where` names the table in errors.

    Raises:
        UserError: a role that does not exist, or a column that the frame does not have.
    """

    def __init__(self, frame: pd.DataFrame, roles: Mapping[str, Any], where: str) -> None:
        for column in role_columns(roles):
            if column not in frame.columns:
                known = nearest(column, [str(c) for c in frame.columns])
                raise UserError(f"{where}: there is no column {column!r}{known}; mend the roles")
        self.frame, self.roles, self.where = frame, roles, where

    def names(self, role: str) -> dict[str, str]:
        """Name the columns of a role: {name: column}."""
        return names_of(self.roles, role)

    @cached_property
    def patient(self) -> HostArray:
        """(N,) str ids, complete; the numbers of the rows from 1 where no column has the role."""
        if "id" not in self.roles:
            return np.arange(1, len(self.frame) + 1).astype(str)
        column = next(iter(self.names("id")))
        ids, missing = read_text(self.frame, column, self.where)
        if missing.any():
            row = int(np.argmax(missing)) + 1
            raise UserError(f"{self.where}, row {row}: the id {column!r} is missing; fill it in")
        return ids

    def refuse(self, bad: HostArray, what: str, values: HostArray | None = None) -> None:
        """Raise where any of `bad` (N,) is True, naming the first such patient and its value."""
        if bad.any():
            row = int(np.argmax(bad))
            found = "" if values is None else f", found {str(values[row])!r}"
            more = f" and {int(bad.sum()) - 1} more" if bad.sum() > 1 else ""
            raise UserError(f"{self.where}: patient {str(self.patient[row])!r} (row {row + 1}){more}: {what}{found}")

    def text(self, role: str) -> HostArray:
        """Read the (N,) text of a given role, which must be complete."""
        column = next(iter(self.names(role).values()))
        values, missing = read_text(self.frame, column, self.where)
        self.refuse(missing, f"the {role} {column!r} is missing; fill it in")
        return values

    def text_if_given(self, role: str) -> HostArray | None:
        """Read the (N,) text of a role, None where it is not given."""
        return self.text(role) if self.names(role) else None

    def number(self, role: str) -> HostArray:
        """Read the (N,) finite numbers of a given role."""
        text = self.text(role)
        values = pd.to_numeric(pd.Series(text), errors="coerce").to_numpy(np.float64)
        self.refuse(~np.isfinite(values), f"the {role} is no number", text)
        return values

    def days(self, column: str) -> tuple[HostArray, bool]:
        """Read (N,) days, NaN where missing, and whether they are calendar dates: days since 1970-01-01."""
        text, missing = read_text(self.frame, column, self.where)
        series = pd.Series(text).mask(missing)
        numbers = pd.to_numeric(series, errors="coerce").to_numpy(np.float64)
        if (np.isfinite(numbers) | missing).all():
            return numbers, False
        stamps = pd.to_datetime(series, format="ISO8601", errors="coerce", utc=True)
        bad = stamps.isna().to_numpy() & ~missing
        self.refuse(bad, f"{column!r} must be a date such as 2001-12-31", text)
        # By NumPy: pandas' own difference warns under the newest NumPy.
        since = stamps.dt.tz_localize(None).to_numpy("datetime64[us]") - np.datetime64(0, "us")
        return since / np.timedelta64(1, "D"), True
