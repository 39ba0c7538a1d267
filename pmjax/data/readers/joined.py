"""Joined: thousands of small text files with one header, parsed as one table that knows file and line of each row."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from pmjax.data.readers.archive import members
from pmjax.data.readers.binning import ABSURD
from pmjax.data.readers.source import decode, read_bytes, sha256_of
from pmjax.errors import UserError
from pmjax.types import HostArray

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
MISSING = "NaN"


@dataclass(frozen=True)
class Joined:
    """Rows of many files: `table` with one row a line, `file` (rows,) int into `names`, `line` (rows,) from 2."""

    table: pd.DataFrame
    names: tuple[str, ...]
    file: HostArray
    line: HostArray

    def refuse(self, bad: HostArray, what: str) -> None:
        """Raise for the first row where `bad` is True, naming file, line and `what` is wrong."""
        if bad.any():
            row = int(np.argmax(bad))
            raise UserError(f"{self.names[self.file[row]]}, line {self.line[row]}: {what}")


def files_of(path: str, suffix: str) -> tuple[list[tuple[str, bytes]], dict[str, str]]:
    """Read the `suffix` files of a folder or an archive, in order of their names; also returns `Source.files`."""
    place = Path(path)
    if place.is_dir():
        inside = sorted(f for f in place.iterdir() if f.suffix == suffix and f.is_file())
        files = [(f.name, read_bytes(f)) for f in inside]
        hashes = {f.name: sha256_of(f) for f in inside}
    else:
        files = sorted((Path(name).name, content) for name, content in members(place, suffixes=(suffix,)))
        hashes = {place.name: sha256_of(place)}
    if not files:
        raise UserError(f"{path}: holds no {suffix} file; give the challenge's folder or archive")
    return files, hashes


def join(files: Sequence[tuple[str, bytes]], delimiter: str, columns: Sequence[str], text: Sequence[str]) -> Joined:
    """Parse files whose first line names exactly `columns`; those in `text` stay strings, the others are float64.

    Raises:
        UserError: naming file and line, for another header, a file without rows, a line with another number of
            fields, or a number that is none ("NaN" is missing).
    """
    from pyarrow import csv, lib

    header = delimiter.join(columns)
    bodies = [_body(name, content, header) for name, content in files]
    counts = [body.count("\n") for body in bodies]
    names = tuple(name for name, _ in files)
    content = "".join(bodies).encode()
    kinds = {c: lib.string() if c in text else lib.float64() for c in columns}
    try:
        table = csv.read_csv(
            lib.BufferReader(content),
            read_options=csv.ReadOptions(column_names=list(columns), block_size=1 << 24),
            parse_options=csv.ParseOptions(delimiter=delimiter, quote_char=False, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(column_types=kinds, null_values=[MISSING]),
        )
    except lib.ArrowInvalid as error:
        _locate(zip(names, bodies, strict=True), delimiter, columns, text, error)
    frame = pd.DataFrame({c: table[c].to_numpy() if c not in text else _categories(table[c]) for c in columns})
    joined = Joined(
        table=frame,
        names=names,
        file=np.repeat(np.arange(len(names)), counts),
        line=np.concatenate([np.arange(count) + 2 for count in counts]),
    )
    for column in columns:
        if column not in text:
            joined.refuse(np.abs(frame[column].to_numpy()) > ABSURD, f"the {column} is above {ABSURD:g}")
    return joined


def _categories(column: Any) -> pd.Categorical:
    encoded = column.combine_chunks().dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return pd.Categorical.from_codes(codes, categories=encoded.dictionary.to_pylist())


def _body(name: str, content: bytes, header: str) -> str:
    first, _, body = decode(content, name).partition("\n")
    if first != header:
        raise UserError(f"{name}, line 1: the header must be {header[:60]!r}…, found {first[:60]!r}")
    if not body:
        raise UserError(f"{name}: has a header and no rows; get it again or take it out")
    return body if body.endswith("\n") else body + "\n"


def _locate(
    bodies: Iterator[tuple[str, str]], delimiter: str, columns: Sequence[str], text: Sequence[str], error: Exception
) -> NoReturn:
    """Find the line that the fast parser refused."""
    for name, body in bodies:
        for number, line in enumerate(body.removesuffix("\n").split("\n"), start=2):
            fields = line.split(delimiter)
            if len(fields) != len(columns):
                raise UserError(f"{name}, line {number}: {len(fields)} fields where {len(columns)} are needed")
            for column, field in itertools.zip_longest(columns, fields):
                if column not in text and field != MISSING and not _NUMBER.fullmatch(field):
                    raise UserError(f"{name}, line {number}: the {column} {field[:30]!r} is no number")
    raise UserError(
        f"files with columns {delimiter.join(columns)[:60]}…: {str(error).splitlines()[0][:120]}"
    ) from error
