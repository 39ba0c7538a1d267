"""Streams: a table larger than memory, block by block into a file that memory maps as float32."""

import csv
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pmjax.data.readers.columns import MISSING, nearest
from pmjax.data.readers.delimited import convert_options, frame_of, is_number, read_header, separator
from pmjax.data.readers.parquet import open_parquet
from pmjax.errors import UserError
from pmjax.types import HostArray

_ROWS = 1 << 14
_LONGEST_LINE = 1 << 26


def stream_table(
    path: str | Path,
    columns: Sequence[str],
    *,
    folder: str | None = None,
    names: Sequence[str] = (),
    sep: str | None = None,
    skip_broken: bool = False,
) -> HostArray:
    """Read numeric `columns` as (N, F) float32, NaN where missing, mapped read-only from an unnamed file in `folder`.

    Neither the file nor the array is ever in memory as a whole. `names` are the columns of a text without a header;
    with `skip_broken`, rows of a wrong number of fields are left out.

    Raises:
        UserError: a column of text, a broken file, with its line or column; a full disk.
    """
    import pyarrow as pa

    blocks = _batches(path, columns, True, names, sep, [] if skip_broken else None)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            for batch in blocks:
                values = [c.cast(pa.float32(), safe=False).to_numpy(zero_copy_only=False) for c in batch.columns]
                np.column_stack(values).tofile(file)
            file.flush()
            return np.memmap(file, np.float32, mode="r").reshape(-1, len(columns))
    except OSError as error:
        raise UserError(f"{folder or tempfile.gettempdir()}: {error.strerror}; choose another folder") from error


def stream_text(
    path: str | Path,
    columns: Sequence[str],
    names: Sequence[str] = (),
    sep: str | None = None,
    excluded: list[str] | None = None,
) -> pd.DataFrame:
    """Read `columns` alone into memory, as text where the file is text; broken rows raise or are noted."""
    import pyarrow as pa

    return frame_of(pa.Table.from_batches(_batches(path, columns, False, names, sep, excluded)), str(path))


def read_names(path: str | Path, names: Sequence[str] = (), sep: str | None = None) -> list[str]:
    """Read the names of a table's columns and nothing else."""
    if _is_parquet(path):
        return list(open_parquet(path).schema_arrow.names)
    for line in _text_lines(path):
        if line.strip():
            return read_header(line, str(path), sep=sep or separator(Path(path).suffix), names=names)[0]
    raise UserError(f"{path}: the file is empty; get it again")


def _is_parquet(path: str | Path) -> bool:
    return Path(path).suffix.lower() in (".parquet", ".pq")


def _batches(
    path: str | Path,
    columns: Sequence[str],
    numeric: bool,
    names: Sequence[str],
    sep: str | None,
    excluded: list[str] | None,
) -> Iterator[Any]:
    if _is_parquet(path):
        return parquet_batches(path, columns, numeric)
    return _text_batches(path, columns, numeric, names, sep or separator(Path(path).suffix), excluded)


def parquet_batches(path: str | Path, columns: Sequence[str], numeric: bool = False) -> Iterator[Any]:
    """Read `columns` of a Parquet file as Arrow record batches of at most 16,384 rows.

    Raises:
        UserError: a column that is not there or, where `numeric`, not of numbers; broken data.
    """
    import pyarrow as pa

    file = open_parquet(path)
    schema = file.schema_arrow
    for column in columns:
        if column not in schema.names:
            raise UserError(f"{path}: there is no column {column!r}{nearest(column, schema.names)}; mend its name")
        kind = schema.field(column).type
        if numeric and (pa.types.is_temporal(kind) or not (pa.types.is_primitive(kind) or pa.types.is_null(kind))):
            raise UserError(f"{path}: column {column!r} is of type {kind}, not numbers; drop it or encode it")
    try:
        for batch in file.iter_batches(_ROWS, columns=list(columns), use_threads=False):
            yield batch.select(list(columns))
    except (pa.ArrowException, OSError) as error:
        message = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: broken Parquet data ({message}); get the file again") from error


def _text_batches(
    path: str | Path, columns: Sequence[str], numeric: bool, names: Sequence[str], sep: str, excluded: list[str] | None
) -> Iterator[Any]:
    """Read text by pyarrow, whose errors have no line: what it refuses is found again line by line."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    header = read_names(path, names, sep)
    for column in columns:
        if column not in header:
            raise UserError(f"{path}: there is no column {column!r}{nearest(column, header)}; mend its name")
    lines = sum(1 for line in _text_lines(path) if line.strip()) - (not names)
    if not lines:
        raise UserError(f"{path}: there is a header and no row; get the file again")
    skipped: list[str] = []

    def skip(row: Any) -> str:
        skipped.append(f"{path}, row {row.number}: {row.actual_columns} fields, the header has {len(header)}")
        return "skip" if excluded is not None else "error"

    kind = pa.float32() if numeric else pa.string()
    rows = 0
    try:
        reader = arrow.open_csv(
            str(path),
            read_options=arrow.ReadOptions(use_threads=False, column_names=header, skip_rows=0 if names else 1),
            parse_options=arrow.ParseOptions(delimiter=sep, invalid_row_handler=skip),
            convert_options=convert_options(dict.fromkeys(columns, kind), list(columns)),
        )
        for batch in reader:
            rows += batch.num_rows
            yield batch
    except pa.ArrowInvalid as error:
        _find_broken(path, header, columns if numeric else (), sep, excluded is not None)
        raise UserError(f"{path}, after row {rows}: {' '.join(str(error).split())}; mend the table") from error
    if rows + len(skipped) != lines:
        raise UserError(f"{path}: {lines} lines hold {rows} rows; a quote is open, or holds a line break")
    if not rows:
        raise UserError(f"{path}: there is no row to read; get the file again")
    if excluded is not None:
        excluded.extend(skipped)


def _find_broken(path: str | Path, header: Sequence[str], columns: Sequence[str], sep: str, skip: bool) -> None:
    """Raise at the first row that has, unless `skip`, too few or many fields, or text in a column of numbers."""
    reader = csv.reader(_text_lines(path), delimiter=sep)
    numeric = [header.index(column) for column in columns]
    try:
        for row in reader:
            if not row or [field.strip() for field in row] == list(header):
                continue
            if len(row) == len(header):
                _check_numbers(row, numeric, header, f"{path}, line {reader.line_num}")
            elif not skip:
                raise UserError(f"{path}, line {reader.line_num}: {len(row)} fields, the header has {len(header)}")
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: {error}; mend the table") from error


def _check_numbers(row: Sequence[str], numeric: Sequence[int], header: Sequence[str], where: str) -> None:
    for at in numeric:
        if row[at] not in MISSING and not is_number(row[at]):
            raise UserError(
                f"{where}: column {header[at]!r} holds {row[at][:80]!r}, which is no number; mend it or drop the column"
            )


def _text_lines(path: str | Path) -> Iterator[str]:
    """Read UTF-8 lines one by one; raises a UserError where one is not text, or endless."""
    try:
        with Path(path).open("rb") as file:
            number = 0
            while line := file.readline(_LONGEST_LINE):
                number += 1
                if len(line) == _LONGEST_LINE:
                    raise UserError(f"{path}, line {number}: over {_LONGEST_LINE} bytes; it is no table")
                if b"\r" in line.rstrip(b"\r\n"):
                    raise UserError(f"{path}, line {number}: holds a carriage return; end the lines by \\n or \\r\\n")
                if b"\0" in line:
                    raise UserError(f"{path}, line {number}: holds a NUL byte; it is no text file")
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}, line {number}: not UTF-8 text; save the file as UTF-8") from error
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give the path of a file that can be read") from error
