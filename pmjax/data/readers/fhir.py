"""FHIR R4: JSON bundles, single resources and NDJSON, to a timeline of events per patient."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pmjax.cohort import Cohort, Source
from pmjax.data.readers.fhir_records import Records
from pmjax.data.readers.fhir_resources import Json
from pmjax.data.readers.history import build_history, notes_of
from pmjax.data.readers.source import decode, read_text, refuse, sha256_of
from pmjax.data.readers.timeline import Timeline
from pmjax.errors import UserError

LIMIT_LINE = 1 << 26
_LINES = (".ndjson", ".jsonl")


def read_fhir(path: str, excluded: list[str] | None = None) -> Timeline:
    """Read a .json file (a Bundle or one resource), an .ndjson file, line by line, or a folder of both.

    Patient, Encounter, Condition, Observation, MedicationRequest and Procedure are read; other types are counted in
    `left_out`. A patient who is only referred to is kept, with birth and sex not known.

    Raises:
        UserError: unless `excluded` takes it: no JSON, an unknown type, a resource without id, patient, time or code,
            one id with two contents. Always: a file that cannot be read, no patient, one patient id of two servers.
    """
    records = Records(excluded)
    for file in files_of(path):
        for where, node in _documents(file, excluded):
            records.take(node, where)
    return records.timeline(path)


def files_of(path: str) -> list[Path]:
    """List the JSON and NDJSON files of a path, in order of their names."""
    place = Path(path)
    if not place.is_dir():
        return [place]
    files = sorted(f for f in place.rglob("*") if f.suffix.lower() in (".json", *_LINES) and f.is_file())
    if not files:
        raise UserError(f"{path}: holds no .json or .ndjson file; give the folder of the export")
    return files


def _documents(path: Path, excluded: list[str] | None) -> Iterator[tuple[str, Json]]:
    if path.suffix.lower() not in _LINES:
        texts: Iterator[tuple[str, str]] = iter([(str(path), read_text(path))])
    else:
        texts = _lines(path)
    for where, text in texts:
        try:
            node = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            what = "is nested too deep" if isinstance(error, RecursionError) else f"is not JSON ({error})"
            refuse(f"{where}: {what}; mend or remove it", excluded)
            continue
        if isinstance(node, dict):
            yield where, node
        else:
            refuse(f"{where}: is no JSON object; a FHIR resource is one", excluded)


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(LIMIT_LINE):
                number += 1
                if len(line) == LIMIT_LINE:
                    raise UserError(
                        f"{path}, line {number}: longer than {LIMIT_LINE} bytes; NDJSON has a resource a line"
                    )
                if line.strip():
                    yield f"{path}, line {number}", decode(line, f"{path}, line {number}")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give the path of a file that can be read") from error


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def fhir(
    path: str,
    *,
    window: Mapping[str, Any],
    outcome: Mapping[str, Any],
    units: Mapping[str, Any] | None = None,
    exclude: bool = False,
    name: str = "fhir",
    title: str = "FHIR R4 record",
    citation: str = "none given",
    licence: str = "none given",
) -> Cohort:
    """Load a cohort of a FHIR export by a declared window and outcome: see Window, Endpoint and `settle_units`.

    `exclude` leaves out resources that cannot be used, each named in the source's notes.

    Raises:
        UserError: see `read_fhir` and `build_history`.
    """
    excluded: list[str] | None = [] if exclude else None
    timeline = read_fhir(path, excluded)
    files = {str(f.relative_to(path) if f != Path(path) else f.name): sha256_of(f) for f in files_of(path)}
    source = Source(title, citation, licence, files, notes=notes_of(timeline, excluded))
    return build_history(name, timeline, source, window=window, outcome=outcome, units=units or {})
