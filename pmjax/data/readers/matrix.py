"""Matrices of numbers in text: samples by features, either way up, each fault named by its line and column."""

import csv
import io
import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pmjax.data.readers.gzipped import unzipped_text
from pmjax.data.readers.source import LIMIT
from pmjax.errors import UserError
from pmjax.types import HostArray

MISSING = ("", "NA", "na", "N/A", "NaN", "nan", "null", ".")
_LARGEST = float(np.finfo(np.float32).max)
Row = tuple[str, list[str]]
"""A place, for errors, and the fields there."""


@dataclass(frozen=True)
class Matrix:
    """Values (N, F) float32, NaN where missing, of N named samples and F named features."""

    values: HostArray
    samples: tuple[str, ...]
    features: tuple[str, ...]


def read_matrix(path: str | Path, features_in: str, counts: bool = False, limit: int = LIMIT) -> Matrix:
    """Read a wide matrix of CSV or TSV, plain or gzipped: names in its first row and first column, numbers between.

    The header may lack the corner, as R writes it. Commas or tabs part the fields, whichever the header has.

    Args:
        features_in: "rows" or "columns", whichever each gene or protein has one of.
        counts: hold every value to a whole number ≥ 0.
        limit: bytes of text read.

    Raises:
        UserError: a line with another number of fields, a cell that is no number or is infinite, a name that is
            empty or there twice; named by line and column.
    """
    if features_in not in ("rows", "columns"):
        raise UserError(f"features_in is {features_in!r}; it is 'rows' or 'columns'")
    text = unzipped_text(path, limit)
    rows = delimited_rows(text, str(path), "\t" if "\t" in text.partition("\n")[0] else ",")
    place, header = next(rows, (str(path), []))
    first = next(rows, None)
    if first is None:
        raise UserError(f"{path}: has no row of numbers below a header; a matrix has names in its first row and column")
    if len(first[1]) == len(header) + 1:
        header = ["", *header]
    columns = header[1:]
    check_names(columns, place, "column")
    lines, values = read_numbers(itertools.chain([first], rows), header, skip=1, counts=counts)
    if features_in == "columns":
        return Matrix(values, lines, tuple(columns))
    return Matrix(np.ascontiguousarray(values.T), tuple(columns), lines)


def delimited_rows(text: str, where: str, delimiter: str, quotes: bool = True) -> Iterator[Row]:
    """Split text into rows of fields that are not blank, each with its place.

    Args:
        quotes: whether a field may be quoted, and then hold delimiters; else a quote is a letter like any other.
    """
    lines = io.StringIO(text, newline="")
    if quotes:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
    else:
        reader = csv.reader(lines, delimiter=delimiter, strict=True, quoting=csv.QUOTE_NONE)
    try:
        for fields in reader:
            if any(fields):
                yield f"{where}, line {reader.line_num}", fields
    except csv.Error as error:
        raise UserError(f"{where}, line {reader.line_num}: {error}; mend the quotes") from error


def check_names(names: Sequence[str], place: str, what: str) -> None:
    """Refuse names of columns that are empty or there twice, or no name at all."""
    if not names:
        raise UserError(f"{place}: there is no {what}; the table needs at least one")
    if not all(name.strip() for name in names):
        raise UserError(f"{place}: a {what} has no name; name it")
    twice, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise UserError(f"{place}: the {what} {twice!r} is there {count} times; keep one")


def read_numbers(
    rows: Iterable[Row], header: Sequence[str], skip: int, counts: bool = False
) -> tuple[tuple[str, ...], HostArray]:
    """Read the name of each row, its first field, and its numbers, the fields from `skip` on.

    Returns:
        The names and (rows, columns) float32, NaN where missing.
    """
    places: dict[str, str] = {}
    values = []
    for place, fields in rows:
        if len(fields) != len(header):
            raise UserError(f"{place}: {len(fields)} fields, the header has {len(header)}; mend or drop the line")
        name = fields[0]
        if not name.strip():
            raise UserError(f"{place}: the row has no name; name it")
        if name in places:
            raise UserError(f"{place}: the row {name!r} was there before, in {places[name]}; keep one")
        places[name] = place
        values.append(_parse(fields[skip:], place, header[skip:], counts))
    return tuple(places), np.stack(values) if values else np.empty((0, len(header) - skip), np.float32)


def _parse(cells: list[str], place: str, columns: Sequence[str], counts: bool) -> HostArray:
    """Parse the cells of a row; float32, finite or NaN, and whole numbers ≥ 0 where they are counts."""
    try:
        if "_" in "".join(cells):  # Python takes 1_000 for a number
            raise ValueError
        row = np.asarray(list(map(float, cells)))
    except ValueError:
        row = np.asarray([_number(cell, place, column) for cell, column in zip(cells, columns, strict=True)])
    bad = np.abs(row) > _LARGEST
    if counts:
        bad |= (row < 0) | ((row != np.round(row)) & ~np.isnan(row))
    if bad.any():
        at = int(np.argmax(bad))
        kind = "a whole number of at least 0, as counts are" if counts else "a finite number"
        raise UserError(f"{place}, column {columns[at]!r}: {cells[at][:40]!r} is not {kind}; mend it or write NA")
    return row.astype(np.float32)


def _number(cell: str, place: str, column: str) -> float:
    stripped = cell.strip()
    try:
        return math.nan if stripped in MISSING else float(stripped.replace("_", "?"))
    except ValueError as error:
        raise UserError(f"{place}, column {column!r}: {cell[:40]!r} is no number; mend it or write NA") from error
