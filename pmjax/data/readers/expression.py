"""Expression and proteins: a matrix of samples by features, with what became of each sample in a table beside it."""

from collections.abc import Mapping
from typing import Any

from pmjax.cohort import Cohort, Modality
from pmjax.data.readers.gct import read_gct
from pmjax.data.readers.matrix import read_matrix
from pmjax.data.readers.measured import describe, join_cohort, load_outcomes


def expression(
    path: str,
    *,
    outcomes: str,
    roles: Mapping[str, Any],
    features_in: str = "rows",
    counts: bool = False,
    modality: str = "expression",
    exclude: bool = False,
    name: str = "expression",
    title: str = "",
    citation: str = "",
    licence: str = "",
) -> Cohort:
    """Load a matrix of CSV, TSV or GCT (plain or gzipped), with what became of each sample from `outcomes`.

    Args:
        roles: columns of `outcomes`; see `read_outcomes`. The ids (or samples) are the matrix's sample names.
        features_in: "rows" or "columns", whichever each gene or protein has one of; GCT has them in rows.
        counts: hold every value to a whole number ≥ 0. Counts are log-transformed in preparation, not here.
        modality: its name in the cohort, e.g. "protein".
        exclude: leave samples and rows without their other half out, counted and named, instead of failing.
    """
    excluded: list[str] | None = [] if exclude else None
    table = load_outcomes(outcomes, roles, excluded)
    is_gct = path.lower().removesuffix(".gz").endswith(".gct")
    matrix = read_gct(path, counts) if is_gct else read_matrix(path, features_in, counts)
    return join_cohort(
        name,
        table,
        ids=matrix.samples,
        modalities={modality: Modality("table", matrix.values, matrix.features)},
        source=describe([path, outcomes], title, citation, licence),
        paths=[path, outcomes],
        excluded=excluded,
    )
