"""Tables: CSV, TSV and Parquet, one row a patient or sample, the columns told apart by their roles."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from pmjax.cohort import Cohort, Modality, Source
from pmjax.data.readers import delimited, source
from pmjax.data.readers.features import Categories, choose_features, encode_features
from pmjax.data.readers.parquet import read_parquet
from pmjax.data.readers.roles import build_cohort, read_outcomes, role_columns
from pmjax.data.readers.stream import read_names, stream_table, stream_text
from pmjax.errors import UserError

PARQUET = (".parquet", ".pq")
_STREAMED = 1 << 28  # bytes: a larger file is read block by block
_NOTED = 20


def read_table(
    path: str | Path,
    excluded: list[str] | None = None,
    text: Sequence[str] = (),
    columns: Sequence[str] = (),
    sep: str | None = None,
) -> pd.DataFrame:
    """Read a Parquet file (.parquet, .pq) or delimited text (any other suffix; .tsv by tabs) into memory.

    Columns are float64 with NaN where missing, or text; those of `text` stay text. `columns` names the columns of a
    file without a header. Rows of text with a wrong number of fields raise, or are noted in `excluded`.

    Raises:
        UserError: a broken file, named with its line or column.
    """
    if Path(path).suffix.lower() in PARQUET:
        return read_parquet(path)
    content = source.read_text(path)
    sep = sep or delimited.separator(Path(path).suffix)
    return delimited.read_delimited(content, str(path), sep=sep, names=columns, text=text, excluded=excluded)


def table(
    path: str,
    *,
    roles: Mapping[str, Any],
    features: Sequence[str] = (),
    drop: Sequence[str] = (),
    categories: Categories = (),
    columns: Sequence[str] = (),
    sep: str | None = None,
    exclude_broken: bool = False,
    stream: bool | None = None,
    folder: str | None = None,
    name: str = "table",
    title: str = "",
    citation: str = "none given",
    licence: str = "not stated",
) -> Cohort:
    """Load the cohort of a CSV, TSV or Parquet table.

    Inputs are `features`, or every column that has no role and is not in `drop`; a column of text must be among the
    `categories`. `columns` names those of a file without a header. `exclude_broken` counts and notes rows of a wrong
    number of fields instead of refusing the file. With `stream`, or by default above 256 MiB, the inputs are read
    block by block as float32 into an unnamed file in `folder` (the system's for temporary files) that memory maps.

    Raises:
        UserError: what `read_table`, `read_outcomes` and `encode_features` refuse.
    """
    excluded: list[str] | None = [] if exclude_broken else None
    files = {Path(path).name: source.sha256_of(path)}
    origin = Source(title or f"Table {Path(path).name}", citation, licence, files)
    if stream is None:
        stream = Path(path).stat().st_size > _STREAMED
    taken = role_columns(roles)
    if not stream:
        frame = read_table(path, excluded, taken, columns, sep)
        return cohort_of_frame(frame, path, roles, features, drop, categories, name, origin, excluded)
    if categories:
        raise UserError(f"{path}: categories are not streamed; encode them in the file, or read it with stream=False")
    known = read_names(path, columns, sep)
    chosen = choose_features(known, taken, features, drop, path)
    outcomes = read_outcomes(stream_text(path, taken, columns, sep, excluded), roles, path)
    values = stream_table(path, chosen, folder=folder, names=columns, sep=sep, skip_broken=exclude_broken)
    modality = Modality("table", values, chosen)
    return build_cohort(
        name, outcomes, {"table": modality}, _noted(origin, excluded, path), _flow(len(values), excluded)
    )


def cohort_of_frame(
    frame: pd.DataFrame,
    where: str,
    roles: Mapping[str, Any],
    features: Sequence[str],
    drop: Sequence[str],
    categories: Categories,
    name: str,
    origin: Source,
    excluded: list[str] | None = None,
) -> Cohort:
    """Build the cohort of a table in memory, of which `excluded` rows were left out."""
    chosen = choose_features(list(frame.columns), role_columns(roles), features, drop, where)
    outcomes = read_outcomes(frame, roles, where)
    modality = Modality("table", *encode_features(frame, chosen, categories, where))
    return build_cohort(
        name, outcomes, {"table": modality}, _noted(origin, excluded, where), _flow(len(frame), excluded)
    )


def _flow(rows: int, excluded: list[str] | None) -> tuple[tuple[str, int], ...]:
    out = len(excluded or ())
    left_out = (("broken rows left out", out),) if out else ()
    return (("rows in the file", rows + out), *left_out, ("analysed", rows))


def _noted(origin: Source, excluded: list[str] | None, where: str) -> Source:
    """Add what was left out to the notes of a source."""
    shown = tuple(f"Left out: {source.name_only(message, [where])}." for message in (excluded or ())[:_NOTED])
    more = len(excluded or ()) - _NOTED
    rest = (f"Left out: {more} more broken rows.",) if more > 0 else ()
    return replace(origin, notes=(*origin.notes, *shown, *rest))
