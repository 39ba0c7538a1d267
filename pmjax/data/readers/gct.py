"""GCT 1.2 and 1.3: expression matrices of the Broad Institute, genes in rows."""

import itertools
import re
from pathlib import Path

import numpy as np

from pmjax.data.readers.gzipped import unzipped_text
from pmjax.data.readers.matrix import Matrix, check_names, delimited_rows, read_numbers
from pmjax.data.readers.source import LIMIT
from pmjax.errors import UserError


def read_gct(path: str | Path, counts: bool = False, limit: int = LIMIT) -> Matrix:
    """Read GCT 1.2 (Name, Description, samples) or 1.3 (id, row metadata, samples; rows of sample metadata first).

    Metadata are skipped: outcomes come from a table of their own. Format: docs.gsea-msigdb.org, clue.io.

    Args:
        counts: hold every value to a whole number ≥ 0.
        limit: bytes of text read.

    Raises:
        UserError: another version, sizes in the header that differ from the table, or a fault as of `read_matrix`.
    """
    text = unzipped_text(path, limit)
    version, _, rest = text.partition("\n")
    sizes, _, table = rest.partition("\n")
    if version.strip() not in ("#1.2", "#1.3"):
        raise UserError(f"{path}, line 1: {version[:20]!r} is no version of GCT; #1.2 and #1.3 are read")
    declared = _sizes(sizes, 2 if version.strip() == "#1.2" else 4, str(path))
    genes, samples, about_genes, about_samples = declared if len(declared) == 4 else (*declared, 1, 0)
    skip = 1 + about_genes
    # Blank lines in place of the two that were read, so that places count from the file's first line.
    rows = delimited_rows(f"\n\n{table}", str(path), "\t", quotes=False)
    place, header = next(rows, (str(path), []))
    if len(header) - skip != samples:
        raise UserError(f"{place}: line 2 declares {samples} samples, the header has {len(header) - skip}; mend line 2")
    check_names(header[skip:], place, "sample")
    names, values = read_numbers(itertools.islice(rows, about_samples, None), header, skip, counts)
    if len(names) != genes:
        raise UserError(f"{path}: line 2 declares {genes} rows, the table has {len(names)}; the file is cut or damaged")
    return Matrix(np.ascontiguousarray(values.T), tuple(header[skip:]), names)


def _sizes(line: str, count: int, where: str) -> tuple[int, ...]:
    fields = line.split("\t")
    while fields and not fields[-1].strip():
        fields.pop()
    if len(fields) != count or not all(re.fullmatch(r"\s*[0-9]{1,9}\s*", f) for f in fields):
        raise UserError(f"{where}, line 2: {line[:40]!r} must be {count} whole numbers, parted by tabs")
    return tuple(map(int, fields))
