"""Parquet: a flat table of numbers and text, its schema and size checked before it is read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pmjax.data.readers.columns import nearest
from pmjax.data.readers.delimited import frame_of
from pmjax.data.readers.source import LIMIT
from pmjax.errors import UserError


def open_parquet(path: str | Path) -> Any:
    """Open a Parquet file whose columns are all numbers, text or dates; returns a pyarrow ParquetFile.

    Raises:
        UserError: it is missing, broken, empty, or a column is of another type or appears twice.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path, memory_map=False, pre_buffer=False)
        schema = file.schema_arrow
        names = list(schema.names)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a Parquet file that can be read ({_one_line(error)}); get it again") from error
    if not names or not file.metadata.num_rows:
        raise UserError(f"{path}: the table has no {'row' if names else 'column'}; get the file again")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"{path}: the column {twice!r} appears twice; rename or drop one")
    for field in schema:
        if not _is_flat(field.type):
            raise UserError(f"{path}: column {field.name!r} is of type {field.type}; make it numbers, text or dates")
    return file


def read_parquet(path: str | Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Read `columns`, or all, of a Parquet file: float64, or str for text and dates.

    Raises:
        UserError: as `open_parquet`; a column that is not there; more than 2 GiB declared; broken data.
    """
    import pyarrow as pa

    file = open_parquet(path)
    names = file.schema_arrow.names
    for column in columns or ():
        if column not in names:
            raise UserError(f"{path}: there is no column {column!r}{nearest(column, names)}; mend its name")
    cells = file.metadata.num_rows * len(names if columns is None else columns)
    if cells * 8 > LIMIT:
        raise UserError(f"{path}: {cells} cells are more than are read at once; read it with stream=True")
    try:
        return frame_of(file.read(columns=None if columns is None else list(columns)), str(path))
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: broken Parquet data ({_one_line(error)}); get the file again") from error


def _is_flat(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    checks = ("integer", "floating", "boolean", "decimal", "string", "large_string", "date", "timestamp", "null")
    return any(getattr(types, f"is_{check}")(kind) for check in checks)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
