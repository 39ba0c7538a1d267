"""ARFF: a dense table whose header declares every column; values that it does not allow are refused by line."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pmjax.cohort import Cohort, Source
from pmjax.data.readers.features import choose_features
from pmjax.data.readers.roles import role_columns
from pmjax.data.readers.source import read_text, refuse, sha256_of
from pmjax.data.readers.tables import cohort_of_frame
from pmjax.errors import UserError

_LIMIT = 1 << 28
_NUMBERS = ("numeric", "real", "integer")
_TEXTS = ("string", "date")
_FIELD = re.compile(r"""\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^,'"{}]*))\s*(,|$)""")
_NAME = re.compile(r"""@attribute\s+(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|([^\s{}'",]+))\s*(.*)$""", re.IGNORECASE)


@dataclass(frozen=True)
class Attribute:
    """A declared column: `levels` of a nominal one, else None; `numeric` or text."""

    name: str
    numeric: bool
    levels: tuple[str, ...] | None


def read_arff(path: str | Path, excluded: list[str] | None = None) -> tuple[pd.DataFrame, tuple[Attribute, ...]]:
    """Read dense ARFF: float64 columns for numbers, text (missing: None) for nominal, string and date.

    Rows with a wrong number of fields raise, or are noted in `excluded`.

    Raises:
        UserError: named by line: no @data, an unknown type, a sparse row, a value not listed, text for a number.
    """
    lines = read_text(path, _LIMIT).split("\n")
    attributes, start = _read_header(lines, str(path))
    rows, numbers = [], []
    for number in range(start + 1, len(lines) + 1):
        line = lines[number - 1].strip()
        if not line or line.startswith("%"):
            continue
        where = f"{path}, line {number}"
        fields = _split(line, where)
        if len(fields) == len(attributes):
            rows.append(fields)
            numbers.append(number)
        else:
            refuse(f"{where}: {len(fields)} fields, {len(attributes)} attributes are declared", excluded)
    if not rows:
        raise UserError(f"{path}: there is no row after @data; get the file again")
    columns = [list(column) for column in zip(*rows, strict=True)]
    frame = {a.name: _read_column(a, column, numbers, str(path)) for a, column in zip(attributes, columns, strict=True)}
    return pd.DataFrame(frame), attributes


def arff(
    path: str,
    *,
    roles: Mapping[str, Any],
    features: Sequence[str] = (),
    drop: Sequence[str] = (),
    exclude_broken: bool = False,
    name: str = "arff",
    title: str = "",
    citation: str = "none given",
    licence: str = "not stated",
) -> Cohort:
    """Load the cohort of an ARFF table; nominal inputs are one-hot by the levels that the file declares.

    Inputs are `features`, or every column that has no role and is not in `drop`. `exclude_broken` counts and notes
    rows of a wrong number of fields instead of refusing the file.

    Raises:
        UserError: what `read_arff`, `read_outcomes` and `encode_features` refuse.
    """
    excluded: list[str] | None = [] if exclude_broken else None
    origin = Source(title or f"Table {Path(path).name}", citation, licence, {Path(path).name: sha256_of(path)})
    frame, attributes = read_arff(path, excluded)
    chosen = choose_features(list(frame.columns), role_columns(roles), features, drop, path)
    levels = {a.name: a.levels for a in attributes if a.levels is not None and a.name in chosen}
    return cohort_of_frame(frame, path, roles, chosen, (), levels, name, origin, excluded)


def _read_header(lines: Sequence[str], path: str) -> tuple[tuple[Attribute, ...], int]:
    """Read the attributes and the number of the line that says @data."""
    attributes: dict[str, Attribute] = {}
    for number, line in enumerate(lines, 1):
        line = line.strip()
        word = line.split(maxsplit=1)[0].lower() if line else "%"
        where = f"{path}, line {number}"
        if word == "@attribute":
            attribute = _read_attribute(line, where)
            if attribute.name in attributes:
                raise UserError(f"{where}: the attribute {attribute.name!r} appears twice; rename or drop one")
            attributes[attribute.name] = attribute
        elif word == "@data":
            if not attributes:
                raise UserError(f"{where}: @data before any @attribute; get the file again")
            return tuple(attributes.values()), number
        elif not word.startswith("%") and word != "@relation":
            raise UserError(f"{where}: expected @relation, @attribute or @data, found {line[:40]!r}")
    raise UserError(f"{path}: there is no @data; the file is no ARFF or is cut off")


def _read_attribute(line: str, where: str) -> Attribute:
    match = _NAME.match(line)
    if not match:
        raise UserError(f"{where}: an attribute needs a name and a type, found {line[:60]!r}")
    name, kind = _unquote(match), match[4].strip()
    if kind.startswith("{") and kind.endswith("}"):
        levels = tuple(level or "" for level in _split(kind[1:-1], where))
        if len(set(levels)) < len(levels) or "" in levels:
            raise UserError(f"{where}: the levels of {name!r} must be named, each once")
        return Attribute(name, False, levels)
    word = kind.split(maxsplit=1)[0].lower() if kind else ""
    if word not in _NUMBERS + _TEXTS:
        raise UserError(
            f"{where}: {name!r} is of type {kind[:40]!r}; use numeric, string, date or {{a, b}} (no other is read)"
        )
    return Attribute(name, word in _NUMBERS, None)


def _split(line: str, where: str) -> list[str | None]:
    """Split a row or a list of levels at its commas; a bare ? is None."""
    if not any(mark in line for mark in "'\"{}"):
        fields = [field.strip() for field in line.split(",")]
        return [None if field == "?" else field for field in fields]
    if line.startswith("{"):
        raise UserError(f"{where}: a sparse row; only dense ARFF is read, write the zeros out")
    found: list[str | None] = []
    at, comma = 0, ","
    while comma:
        match = _FIELD.match(line, at)
        if not match:
            raise UserError(f"{where}: a quote is open, or text follows it, at {line[at : at + 40]!r}")
        at, comma = match.end(), match[4]
        found.append(None if match[3] is not None and match[3].strip() == "?" else _unquote(match))
    return found


def _unquote(match: re.Match[str]) -> str:
    quoted = match[1] if match[1] is not None else match[2]
    return match[3].strip() if quoted is None else re.sub(r"\\(.)", r"\1", quoted)


def _read_column(attribute: Attribute, column: list[Any], lines: Sequence[int], path: str) -> pd.Series | np.ndarray:
    values = pd.Series(column, dtype=object)
    missing = values.isna().to_numpy()
    if attribute.levels is not None:
        bad, wish = ~missing & ~values.isin(attribute.levels).to_numpy(), "none of the levels declared"
    elif attribute.numeric:
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
        bad, wish = ~missing & ~np.isfinite(numbers), "no number"
    else:
        return values
    if bad.any():
        row = int(np.argmax(bad))
        raise UserError(f"{path}, line {lines[row]}: {attribute.name!r} is {str(column[row])[:40]!r}, {wish}")
    return numbers if attribute.numeric else values
