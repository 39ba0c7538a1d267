"""Sequences of DNA or protein: FASTA beside a table of outcomes, or a table with a column of sequences."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pmjax.cohort import Cohort, Modality
from pmjax.data.readers.alphabet import ALPHABETS, Alphabet, one_hot
from pmjax.data.readers.gzipped import unzipped_text
from pmjax.data.readers.measured import describe, join_cohort, load_outcomes, with_notes
from pmjax.data.readers.roles import build_cohort, nearest, read_outcomes, role_columns
from pmjax.data.readers.source import LIMIT, refuse
from pmjax.data.readers.tables import read_table
from pmjax.errors import UserError
from pmjax.types import PARTS

_ROW, _PART = " row", " part"  # the header of a table is stripped: no column of a file has such a name


def read_fasta(
    path: str | Path, alphabet: Alphabet, excluded: list[str] | None = None, limit: int = LIMIT
) -> dict[str, str]:
    """Read FASTA, plain or gzipped: {first word of the header: letters, in upper case}, in the file's order.

    A record may span lines; blank lines and lines that start with ";" are skipped.

    Args:
        excluded: takes a line for each record left out; None means that a broken record is an error.
        limit: bytes of text read.

    Raises:
        UserError: letters before the first header; a record without id or letters, with an id that was there
            before or with a letter outside the alphabet; each named by its line.
    """
    sequences: dict[str, str] = {}
    for number, name, lines in _records(unzipped_text(path, limit), str(path)):
        place = f"{path}, line {number}, record {name!r}"
        letters = "".join(lines)
        strange = alphabet.strange(letters)
        if not name:
            refuse(f"{path}, line {number}: a header without an id; write '>id'", excluded)
        elif name in sequences:
            refuse(f"{place}: the id was there before; keep one record", excluded)
        elif not letters:
            refuse(f"{place}: no letters follow; drop the record", excluded)
        elif strange:
            at = number + next(i for i, line in enumerate(lines, 1) if strange in line)
            refuse(f"{path}, line {at}, record {name!r}: letter {strange!r}; {alphabet.advice()}", excluded)
        else:
            sequences[name] = letters.upper()
    if not sequences:
        raise UserError(f"{path}: holds no record that can be read; FASTA has lines of '>id', each with letters below")
    return sequences


def fasta(
    path: str,
    *,
    outcomes: str,
    roles: Mapping[str, Any],
    alphabet: str = "dna",
    exclude: bool = False,
    name: str = "fasta",
    title: str = "",
    citation: str = "",
    licence: str = "",
) -> Cohort:
    """Load the sequences of a FASTA file, with what became of each from the table `outcomes`.

    Args:
        roles: columns of `outcomes`; see `read_outcomes`. The ids (or samples) are those of the records.
        alphabet: "dna" or "protein".
        exclude: leave broken records and rows without their other half out, counted and named, instead of failing.
    """
    letters = _alphabet(alphabet)
    excluded: list[str] | None = [] if exclude else None
    table = load_outcomes(outcomes, roles, excluded)
    sequences = read_fasta(path, letters, excluded)
    return join_cohort(
        name,
        table,
        ids=list(sequences),
        modalities={"sequence": _modality(list(sequences.values()), letters)},
        source=describe([path, outcomes], title, citation, licence),
        paths=[path, outcomes],
        excluded=excluded,
    )


def sequence_csv(
    path: str | Mapping[str, str],
    *,
    roles: Mapping[str, Any],
    sequence: str = "sequence",
    alphabet: str = "dna",
    exclude: bool = False,
    name: str = "sequence_csv",
    title: str = "",
    citation: str = "",
    licence: str = "",
) -> Cohort:
    """Load a table that has a column of sequences beside its outcomes.

    Args:
        path: of one table, or {part: path} of an official split, parts among train, validation and test.
        roles: columns; see `read_outcomes`. Without `id` a row is named by its part and its number from 1.
        sequence: the column of letters.
        alphabet: "dna" or "protein".
        exclude: leave rows without a legal sequence, or of a wrong number of fields, out, counted and named.
    """
    letters = _alphabet(alphabet)
    excluded: list[str] | None = [] if exclude else None
    parts = {"": path} if isinstance(path, str) else path
    if not parts or not set(parts) <= {"", *PARTS}:
        raise UserError(f"path: parts are {', '.join(PARTS)}; got {', '.join(parts) or 'none'}")
    text = (sequence, *role_columns(roles))
    frames = [_legal_rows(file, part, sequence, text, letters, excluded) for part, file in parts.items()]
    frame = pd.concat(frames, ignore_index=True)
    if frame.empty:
        raise UserError(f"{', '.join(parts.values())}: no row has a legal sequence in {sequence!r}; get another file")
    columns = {"id": _ROW, **roles, **({} if isinstance(path, str) else {"part": _PART})}
    out = len(excluded or ())
    flow = [("rows in the source", len(frame) + out), *([("excluded", out)] if out else []), ("analysed", len(frame))]
    return build_cohort(
        name,
        read_outcomes(frame, columns, ", ".join(parts.values())),
        {"sequence": _modality(frame[sequence].tolist(), letters)},
        with_notes(describe(list(parts.values()), title, citation, licence), excluded, list(parts.values())),
        flow,
    )


def _records(text: str, where: str) -> Iterator[tuple[int, str, list[str]]]:
    """Split FASTA into (line of the header, id, lines of letters)."""
    number, name, lines = 0, None, list[str]()
    for at, raw in enumerate(text.split("\n"), 1):
        line = raw.strip()
        if line.startswith(">"):
            if name is not None:
                yield number, name, lines
            number, name, lines = at, (line[1:].split() or [""])[0], []
        elif name is not None:
            lines.append("" if line.startswith(";") else line)
        elif line and not line.startswith(";"):
            raise UserError(f"{where}, line {at}: letters before the first header; FASTA starts with '>id'")
    if name is not None:
        yield number, name, lines


def _modality(sequences: Sequence[str], alphabet: Alphabet) -> Modality:
    values, mask = one_hot(sequences, alphabet)
    return Modality("sequence", values, tuple(alphabet.symbols), None if mask.all() else mask)


def _alphabet(name: str) -> Alphabet:
    if name not in ALPHABETS:
        raise UserError(f"alphabet {name!r} is unknown{nearest(name, ALPHABETS)}; choose from {', '.join(ALPHABETS)}")
    return ALPHABETS[name]


def _legal_rows(
    path: str, part: str, column: str, text: Sequence[str], alphabet: Alphabet, excluded: list[str] | None
) -> pd.DataFrame:
    """Read the rows of a table that have a legal sequence, refusing the others; adds a name and the part of each."""
    frame = read_table(path, excluded, text)
    if column not in frame.columns:
        raise UserError(f"{path}: there is no column {column!r}{nearest(column, frame.columns)}; name it as `sequence`")
    sequences = frame[column].fillna("").astype(str).str.strip().str.upper()
    kept = []
    for row, letters in enumerate(sequences.tolist()):
        strange = alphabet.strange(letters)
        if letters and not strange:
            kept.append(row)
        else:
            fault = f"letter {strange!r}; {alphabet.advice()}" if letters else "no letters; drop the row"
            refuse(f"{path}, row {row + 1}, column {column!r}: {fault}", excluded)
    names = [f"{part} {row + 1}".strip() for row in range(len(frame))]
    frame[column], frame[_ROW], frame[_PART] = sequences, names, part
    return frame.iloc[kept]
