"""Gene expression of the Genomic Data Commons: one STAR-counts file an aliquot, with the portal's sample sheet."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any

import numpy as np

from pmjax.cohort import Cohort, Modality
from pmjax.data.readers.columns import nearest
from pmjax.data.readers.gzipped import unzipped_bytes, unzipped_text
from pmjax.data.readers.matrix import Matrix, check_names, delimited_rows
from pmjax.data.readers.measured import describe, join_cohort, load_outcomes
from pmjax.data.readers.source import decode, refuse
from pmjax.errors import UserError
from pmjax.types import HostArray

MEASURES = (
    "unstranded",
    "stranded_first",
    "stranded_second",
    "tpm_unstranded",
    "fpkm_unstranded",
    "fpkm_uq_unstranded",
)
PRIMARY: Mapping[str, str] = MappingProxyType({"Sample Type": "Primary Tumor"})
_FILE_LIMIT = 1 << 26
"""Bytes of one file: a real one has 4 MiB."""
_MAX_CELLS = 1 << 29
"""Values of one cohort: 2 GiB of float32."""


def read_sample_sheet(
    path: str | Path, keep: Mapping[str, str] = PRIMARY, key: str = "Case ID", excluded: list[str] | None = None
) -> dict[str, Path]:
    """Read the portal's sample sheet: {id of `key`: its file}, in order of the ids.

    Files lie beside the sheet, or each in a folder named by its File ID, as the GDC's client leaves them.

    Args:
        keep: {column: value} of the rows that are wanted, e.g. one sample type.
        key: "Case ID", a patient, or "Sample ID".
        excluded: takes a line for each further file of one key, of which the first by Sample ID, then File ID is
            kept; None means that a second file is an error.

    Raises:
        UserError: a column or a file that is not there, a name with a path in it, a file of several cases, no row
            that is wanted.
    """
    folder = Path(path).parent
    rows = delimited_rows(unzipped_text(path), str(path), "\t", quotes=False)
    header_at, header = next(rows, (str(path), []))
    check_names(header, header_at, "column")
    for column in ("File ID", "File Name", "Case ID", "Sample ID", *keep):
        if column not in header:
            raise UserError(f"{header_at}: there is no column {column!r}{nearest(column, header)}; mend sheet or keep")
    wanted = []
    for place, fields in rows:
        if len(fields) != len(header):
            raise UserError(f"{place}: {len(fields)} fields, the header has {len(header)}; download the sheet again")
        row = dict(zip(header, fields, strict=True))
        if all(row[column] == value for column, value in keep.items()):
            wanted.append((row[key], row["Sample ID"], row["File ID"], row["File Name"], place))
    if not wanted:
        raise UserError(f"{path}: no row has {', '.join(f'{c} {v!r}' for c, v in keep.items())}; mend `keep`")
    files: dict[str, Path] = {}
    for name, sample, file_id, file_name, place in sorted(wanted):
        if not name.strip() or "," in name:
            raise UserError(f"{place}: {key} is {name!r}; a file must belong to one, drop the line")
        if name in files:
            refuse(f"{place}: {name} has a further file, of sample {sample}; keep one or set exclude=True", excluded)
            continue
        files[name] = _find(folder, file_id, file_name, place)
    return files


def read_star_counts(
    files: Mapping[str, Path], measure: str = "tpm_unstranded", gene_type: str | None = None
) -> Matrix:
    """Read STAR-counts files of one gene model, {sample: file}: samples by gene ids, without STAR's summary rows.

    Args:
        measure: one of MEASURES.
        gene_type: keep genes of this type alone, e.g. "protein_coding".

    Raises:
        UserError: a file of another form or with other genes than the first, a gene twice, a value that is missing,
            negative or infinite.
    """
    if measure not in MEASURES:
        raise UserError(
            f"measure {measure!r} is unknown{nearest(measure, MEASURES)}; choose from {', '.join(MEASURES)}"
        )
    first, values = None, np.empty((0, 0), np.float32)
    for index, file in enumerate(files.values()):
        genes, types, column = _read_file(file, measure)
        if first is None:
            first, kept = genes, np.ones(len(genes), bool) if gene_type is None else types == gene_type
            if not kept.any():
                known = ", ".join(sorted(set(types.tolist()))[:20])
                raise UserError(f"{file}: no gene is of the type {gene_type!r}; choose from {known}")
            if len(files) * int(kept.sum()) > _MAX_CELLS:
                raise UserError(
                    f"{len(files)} files × {kept.sum()} genes are more than {_MAX_CELLS} values; keep fewer"
                )
            values = np.empty((len(files), int(kept.sum())), np.float32)
        if not np.array_equal(genes, first):
            raise UserError(f"{file}: its genes differ from those of {next(iter(files.values()))}; use one gene model")
        values[index] = column[kept]
    if first is None:
        raise UserError("there is no STAR-counts file to read; mend the sample sheet")
    return Matrix(values, tuple(files), tuple(first[kept].tolist()))


def gdc(
    path: str,
    *,
    outcomes: str,
    roles: Mapping[str, Any],
    measure: str = "tpm_unstranded",
    gene_type: str | None = "protein_coding",
    keep: Mapping[str, str] = PRIMARY,
    exclude: bool = False,
    name: str = "gdc",
    title: str = "",
    citation: str = "",
    licence: str = "",
) -> Cohort:
    """Load the STAR counts of a sample sheet, `path`, with what became of each case from the table `outcomes`.

    Args:
        roles: columns of `outcomes`; see `read_outcomes`. The ids are Case IDs; with the role `sample`, the samples
            are Sample IDs.
        measure, gene_type: see `read_star_counts`.
        keep: {column: value} of the sheet's rows that are wanted; one sample type by default.
        exclude: leave further files of a case, and rows without their other half out, counted and named.
    """
    excluded: list[str] | None = [] if exclude else None
    table = load_outcomes(outcomes, roles, excluded)
    files = read_sample_sheet(path, keep, "Case ID" if table.sample is None else "Sample ID", excluded)
    matrix = read_star_counts(files, measure, gene_type)
    return join_cohort(
        name,
        table,
        ids=matrix.samples,
        modalities={"expression": Modality("table", matrix.values, matrix.features)},
        source=describe([path, outcomes, *files.values()], title, citation, licence, [f"Measure: {measure}."]),
        paths=[path, outcomes],
        excluded=excluded,
    )


def _find(folder: Path, file_id: str, file_name: str, place: str) -> Path:
    for name in (file_id, file_name):
        if name in ("", ".", "..") or PurePath(name).name != name or "\\" in name:
            raise UserError(f"{place}: {name!r} is no plain file name; a sheet must not lead out of its folder")
    choices = (folder / file_id / file_name, folder / file_name)
    for file in choices:
        if file.is_file():
            return file
    raise UserError(f"{place}: there is neither {choices[0]} nor {choices[1]}; download it, or drop the line")


def _read_file(path: Path, measure: str) -> tuple[HostArray, HostArray, HostArray]:
    """Read one file: gene ids (G,), gene types (G,) and the measure (G,) float64."""
    from pyarrow import csv, lib

    text = decode(unzipped_bytes(path, _FILE_LIMIT), str(path))
    comments = re.match(r"(?:#[^\n]*\n)*", text)
    body = text[comments.end() if comments else 0 :]
    header, _, rows = body.partition("\n")
    for column in ("gene_id", "gene_type", measure):
        if header.split("\t").count(column) != 1:
            raise UserError(f"{path}: {header[:60]!r} does not name {column!r} once; it is no STAR-counts file")
    if not rows.strip():
        raise UserError(f"{path}: there is no gene below the header; download it again")
    types = {"gene_id": lib.string(), "gene_type": lib.string(), measure: lib.float64()}
    content = body.encode()
    try:
        table = csv.read_csv(
            lib.BufferReader(content),
            read_options=csv.ReadOptions(use_threads=False, block_size=len(content) + 1),  # serial: errors name rows
            parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=csv.ConvertOptions(column_types=types, include_columns=list(types)),
        )
    except lib.ArrowInvalid as error:
        raise UserError(f"{path}: {str(error).splitlines()[0][:160]}; download it again") from error
    frame = table.to_pandas()
    frame = frame[~frame["gene_id"].str.startswith("N_")]
    ids = frame["gene_id"].to_numpy(str)
    check_names(ids.tolist(), str(path), "gene")
    values = frame[measure].to_numpy(np.float64)
    bad = ~np.isfinite(values) | (values < 0)
    if bad.any():
        at = int(np.argmax(bad))
        raise UserError(f"{path}, gene {ids[at]}: {measure} is {values[at]}; it must be a number of at least 0")
    return ids, frame["gene_type"].fillna("").to_numpy(str), values
