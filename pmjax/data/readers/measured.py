"""Measurements in one file and outcomes in another: joined by id, with every row left out counted and named."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pmjax.cohort import Cohort, Modality, Source
from pmjax.data.readers.roles import Outcomes, align, build_cohort, read_outcomes, role_columns
from pmjax.data.readers.source import name_only, refuse, sha256_of
from pmjax.data.readers.tables import read_table


def load_outcomes(path: str, roles: Mapping[str, Any], excluded: list[str] | None = None) -> Outcomes:
    """Read the table of outcomes at `path` through its roles; `excluded` takes rows of a wrong number of fields."""
    return read_outcomes(read_table(path, excluded, role_columns(roles)), roles, path)


def join_cohort(
    name: str,
    outcomes: Outcomes,
    *,
    ids: Sequence[str],
    modalities: Mapping[str, Modality],
    source: Source,
    paths: Sequence[str | Path],
    excluded: list[str] | None = None,
    flow: Sequence[tuple[str, int]] = (),
) -> Cohort:
    """Join the M measurements of `ids` to the N rows of `outcomes`, in the order of the outcomes.

    Args:
        modalities: M rows each, in the order of `ids`.
        paths: the files read, that of the measurements first; it names them in errors.
        excluded: takes a line for each row without its other half; None means that such a row is an error. All lines,
            those of the reader too, become notes of the source.
        flow: counts of the reader, before those of the join.
    """
    where = str(paths[0])
    rows = align(outcomes, np.asarray(ids, dtype=str), where, excluded)
    keys = outcomes.patient if outcomes.sample is None else outcomes.sample
    for key in keys[rows < 0]:
        refuse(f"{where}: {str(key)!r} has an outcome and no measurement; add it or set exclude=True", excluded)
    measured = rows >= 0
    counts = [*flow, ("rows with an outcome", len(rows))]
    if not measured.all():
        counts.append(("excluded: no measurement", int((~measured).sum())))
    cohort = build_cohort(
        name,
        outcomes,
        {key: modality.take(np.maximum(rows, 0)) for key, modality in modalities.items()},
        with_notes(source, excluded, paths),
        [*counts, ("analysed", int(measured.sum()))],
    )
    return cohort if measured.all() else cohort.take(measured)


def describe(files: Sequence[str | Path], title: str, citation: str, licence: str, notes: Sequence[str] = ()) -> Source:
    """Describe a user's own files, each by its hash; what the user does not say is called not stated."""
    return Source(
        title=title or Path(files[0]).name,
        citation=citation or "none given",
        licence=licence or "not stated",
        files={Path(file).name: sha256_of(file) for file in files},
        notes=tuple(notes),
    )


def with_notes(source: Source, excluded: Sequence[str] | None, paths: Sequence[str | Path] = ()) -> Source:
    """Note every exclusion, without its advice and without the folders of `paths`: results know no machine."""
    notes = [f"Excluded: {name_only(line.split('; ')[0], paths)}" for line in excluded or ()]
    return replace(source, notes=(*source.notes, *notes))
