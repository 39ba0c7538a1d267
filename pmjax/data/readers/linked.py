"""Rows of a table of outcomes that name a file each: who belongs to which file, with nothing left over in silence."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from pmjax.cohort import Cohort, Modality, Source
from pmjax.data.readers.columns import read_text
from pmjax.data.readers.measured import with_notes
from pmjax.data.readers.roles import build_cohort, nearest, read_outcomes, role_columns
from pmjax.data.readers.source import read_bytes, refuse, sha256_of
from pmjax.data.readers.tables import read_table
from pmjax.errors import UserError

Read = TypeVar("Read")
_LIMIT_FILE = 2**29


@dataclass(frozen=True)
class Linked:
    """Rows of `frame`, each with the name of its file; `where` names the table in errors, `total` counts its rows."""

    frame: Any
    names: Sequence[str]
    where: str
    total: int

    def read(self, reader: Callable[[str], Read], excluded: list[str] | None) -> tuple["Linked", list[Read]]:
        """Read the file of every row, and keep the rows whose file can be read; others raise or are noted."""
        kept, found = list[int](), list[Read]()
        for row, name in enumerate(self.names):
            try:
                found.append(reader(name))
                kept.append(row)
            except UserError as error:
                refuse(str(error), excluded)
        return self._take(kept), found

    def cohort(
        self,
        name: str,
        roles: Mapping[str, Any],
        modality: Modality,
        source: Source,
        path: str,
        excluded: list[str] | None,
    ) -> Cohort:
        """Join the rows with one image each; `path` is that of the images."""
        outcomes = read_outcomes(self.frame, roles, self.where)
        out = self.total - len(self.names)
        left_out = [("excluded: no image that can be read", out)] if out else []
        flow = [("rows with an outcome", self.total), *left_out, ("analysed", len(self.names))]
        noted = with_notes(source, excluded, [path, self.where])
        return build_cohort(name, outcomes, {"image": modality}, noted, flow)

    def _take(self, rows: Sequence[int]) -> "Linked":
        if not rows:
            raise UserError(f"{self.where}: no row has a file that can be read")
        frame = self.frame.iloc[list(rows)].reset_index(drop=True)
        return Linked(frame, [self.names[row] for row in rows], self.where, self.total)


def link(
    outcomes: str,
    roles: Mapping[str, Any],
    column: str,
    available: Collection[str],
    excluded: list[str] | None = None,
    names_of: Callable[[str], str] = str,
) -> Linked:
    """Read the table `outcomes`, whose `column` names one of the `available` files in each row.

    Raises:
        UserError: no such column, a file that two rows name, and without `excluded` a row whose file is not there or
            a file that no row names.
    """
    frame = read_table(outcomes, excluded, (column, *role_columns(roles)))
    if column not in frame.columns:
        known = nearest(column, [str(c) for c in frame.columns])
        raise UserError(f"{outcomes}: there is no column {column!r}{known}; name the column of files")
    values, missing = read_text(frame, column, outcomes)
    text: list[str] = values.tolist()
    names = [names_of(name.replace("\\", "/").removeprefix("./").rstrip("/")) for name in text]
    there = [row for row, name in enumerate(names) if name in available and not missing[row]]
    for row in np.setdiff1d(np.arange(len(names)), there).tolist():
        refuse(f"{outcomes}, row {row + 1}: the file {text[row]!r} is not among those found", excluded)
    seen: set[str] = set()
    for row in there:
        if names[row] in seen:
            raise UserError(f"{outcomes}, row {row + 1}: the file {text[row]!r} is named twice; keep one row")
        seen.add(names[row])
    for name in sorted(set(available) - seen):
        refuse(f"{outcomes}: the file {name!r} has no row; add it or move the file away", excluded)
    return Linked(frame, names, outcomes, len(frame))._take(there)


def files_below(folder: str | Path) -> dict[str, Path]:
    """Find every file below a folder, {its name from there: path}, in order; hidden ones and links are passed over."""
    root = Path(folder)
    if not root.is_dir():
        raise UserError(f"{folder}: there is no such folder")
    found = (p for p in sorted(root.rglob("*")) if p.is_file() and not p.is_symlink())
    named = ((p.relative_to(root), p) for p in found)
    return {name.as_posix(): path for name, path in named if not any(part.startswith(".") for part in name.parts)}


def content_of(file: Path | bytes) -> bytes:
    """Read a file that is on disk, or was already read from an archive."""
    return file if isinstance(file, bytes) else read_bytes(file, _LIMIT_FILE)


def hash_files(files: Mapping[str, Path | bytes]) -> str:
    """Hash many files as one: the sha256 of a line of sha256 and name for each, sorted by name."""
    lines = (f"{hashlib.sha256(content_of(files[name])).hexdigest()}  {name}\n" for name in sorted(files))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def describe_images(
    path: str, files: Mapping[str, Path | bytes], outcomes: str, title: str, citation: str, licence: str
) -> Source:
    """Describe the files of `path`, hashed as one, and their table of outcomes."""
    return Source(
        title=title or Path(path).name or "images",
        citation=citation or "none given",
        licence=licence or "not stated",
        files={Path(path).name or "images": hash_files(files), Path(outcomes).name: sha256_of(outcomes)},
    )
