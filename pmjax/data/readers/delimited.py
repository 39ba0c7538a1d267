"""Delimited text: CSV and TSV as a table of numbers and text, every broken row told by its line."""

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from pmjax.data.readers.columns import MISSING
from pmjax.data.readers.source import refuse
from pmjax.errors import UserError

_SEPARATORS = {".tsv": "\t", ".tab": "\t"}


def separator(suffix: str) -> str:
    """Choose the separator that the suffix of a file's name stands for."""
    return _SEPARATORS.get(suffix.lower(), ",")


def read_delimited(
    content: str,
    where: str,
    *,
    sep: str = ",",
    names: Sequence[str] = (),
    text: Sequence[str] = (),
    excluded: list[str] | None = None,
) -> pd.DataFrame:
    """Read a table with a header, or without one where `names` gives the columns; MISSING reads as missing.

    Columns become float64 where all their values are numbers, else text; the columns of `text` are always text.
    A row with another number of fields is refused.

    Raises:
        UserError: no rows, a broken header, row or quote, named by `where` and its line.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow

    if '"' in content:
        _check_quotes(content, sep, where)
    header, skip = read_header(content, where, sep=sep, names=names)
    broken: list[tuple[int, int]] = []

    def note(row: Any) -> str:
        broken.append((row.number, row.actual_columns))
        return "skip"

    try:
        table = arrow.read_csv(
            pa.BufferReader(content.encode()),
            read_options=arrow.ReadOptions(use_threads=False, column_names=header, skip_rows=skip),
            parse_options=arrow.ParseOptions(delimiter=sep, newlines_in_values=True, invalid_row_handler=note),
            convert_options=convert_options(dict.fromkeys(text, pa.string())),
        )
    except pa.ArrowInvalid as error:
        raise UserError(f"{where}: {' '.join(str(error).split())}; mend the table") from error
    if broken:
        lines = _lines(content, sep, skip)
        for row, fields in broken:
            refuse(f"{where}, line {lines[row - skip - 1]}: {fields} fields, the header has {len(header)}", excluded)
    if not table.num_rows:
        raise UserError(f"{where}: there is a header and no row; get the file again")
    return frame_of(table, where)


def convert_options(types: dict[str, Any], columns: Sequence[str] | None = None) -> Any:
    """Make pyarrow's options: MISSING is null, true and false stay text, only `columns` are read."""
    from pyarrow import csv as arrow

    never = ["\0"]  # without it pyarrow makes true and false numbers
    return arrow.ConvertOptions(
        null_values=MISSING,
        strings_can_be_null=True,
        true_values=never,
        false_values=never,
        column_types=types,
        include_columns=columns,
    )


def read_header(content: str, where: str, *, sep: str, names: Sequence[str] = ()) -> tuple[list[str], int]:
    """Read the names of the columns and how many lines they take; `names` are those of a file without a header.

    Raises:
        UserError: none, two alike, or a first line of numbers.
    """
    reader = csv.reader(io.StringIO(content), delimiter=sep)
    try:
        first = next((row for row in reader if row), [])
    except csv.Error as error:
        raise UserError(f"{where}, line {reader.line_num}: {error}; mend the table") from error
    header = [name.strip() for name in (names or first)]
    if not any(header):
        raise UserError(f"{where}: there is no header; give the file or `columns`")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise UserError(f"{where}, line 1: the column {twice!r} appears twice; rename or drop one")
    if not names and all(is_number(name) for name in header):
        raise UserError(f"{where}, line 1: numbers where the names of columns belong; give them as `columns`")
    return header, 0 if names else reader.line_num


def frame_of(table: Any, where: str) -> pd.DataFrame:
    """Turn an Arrow table of numbers and text into a frame of float64 and str columns; dates become ISO text.

    Raises:
        UserError: text that is not UTF-8, of which pyarrow does not check Parquet.
    """
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        if pa.types.is_null(kind):
            columns[name] = np.full(len(column), np.nan)
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
            columns[name] = column.cast(pa.float64(), safe=False).to_numpy()
        elif pa.types.is_decimal(kind):
            columns[name] = column.cast(pa.float64()).to_numpy()
        else:
            columns[name] = _read_strings(column, f"{where}: column {name!r}")
    return pd.DataFrame(columns)


def _read_strings(column: Any, where: str) -> Any:
    import pyarrow as pa

    try:
        return column.cast(pa.string()).to_pandas().array
    except (UnicodeDecodeError, pa.ArrowException) as error:
        raise UserError(f"{where} holds text that is not UTF-8; save the file as UTF-8") from error


def is_number(word: str) -> bool:
    """Say whether a word is a number as Python writes them."""
    try:
        float(word)
    except ValueError:
        return False
    return True


def _check_quotes(content: str, sep: str, where: str) -> None:
    """Refuse a quote that is never closed or that text follows; pyarrow would read on to the end in silence.

    Whole quoted fields are struck out first: only where a quote is left is the text read again, slowly, for the line.
    """
    opening = (
        rf'"(?<![^{re.escape(sep)}\n]")'  # the quote before the look behind lets the search leap from one to the next
    )
    rest = re.sub(rf'{opening}(?:[^"]++|"")*+"(?![^{re.escape(sep)}\n])', "", content)
    if not re.search(opening, rest):
        return
    reader = csv.reader(io.StringIO(content), delimiter=sep, strict=True)
    try:
        for _ in reader:
            pass
    except csv.Error as error:
        raise UserError(f"{where}, line {reader.line_num}: {error}; mend the quotes") from error


def _lines(content: str, sep: str, skip: int) -> list[int]:
    """Name the line at which each row ends after the `skip` lines of the header; as in pyarrow, empty ones are none."""
    reader = csv.reader(io.StringIO(content), delimiter=sep)
    return [reader.line_num for row in reader if row and reader.line_num > skip]
