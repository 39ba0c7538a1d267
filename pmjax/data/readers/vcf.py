"""Variants: genotypes of VCF 4 to the dosage of each alternative allele."""

import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pmjax.cohort import Cohort, Modality
from pmjax.data.readers.gzipped import unzipped_bytes
from pmjax.data.readers.measured import describe, join_cohort, load_outcomes
from pmjax.data.readers.source import LIMIT
from pmjax.errors import UserError
from pmjax.types import HostArray

_FIXED = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
_MAX_CELLS = 1 << 28
"""Dosages of one cohort: 1 GiB of float32."""


@dataclass(frozen=True)
class Variants:
    """Dosages of V alternative alleles in N samples.

    Attributes:
        samples: N names.
        names: V names, chromosome:position:reference:alternative.
        dosage: (N, V) float32, copies of the alternative allele; NaN where the call is missing in whole or in part.
        left_out: {reason: alleles} that the options kept out.
    """

    samples: tuple[str, ...]
    names: tuple[str, ...]
    dosage: HostArray
    left_out: Mapping[str, int]


def read_vcf(path: str | Path, passing_only: bool = True, maximum_missing: float = 1.0, limit: int = LIMIT) -> Variants:
    """Read VCF 4.x, plain or gzipped: a column for each alternative allele, phased or not, of any ploidy.

    A haploid call counts 0 or 1 copies; a call that is missing in part (./1) is missing. Lines whose ALT is "." have
    no alternative allele and no column. Symbolic alleles such as <DEL> count like any other.

    Args:
        passing_only: keep lines whose FILTER is PASS, or "." where no filter was run.
        maximum_missing: keep alleles of which at most this share of the samples has no call.
        limit: bytes of text read.

    Raises:
        UserError: no ##fileformat=VCFv4 or #CHROM line, a sample named twice, a line with another number of columns,
            a broken position or genotype, an allele that is there twice, nothing left; each named by its line.
    """
    lines = _lines(unzipped_bytes(path, limit), str(path))
    samples = _read_header(lines, str(path))
    columns: dict[str, HostArray] = {}
    failed = sparse = 0
    for place, fields in _variants(lines, len(samples), str(path)):
        chromosome, position, _, reference, alternatives = fields[:5]
        alleles = [] if alternatives == "." else alternatives.split(",")
        if passing_only and fields[6] not in ("PASS", "."):
            failed += len(alleles)
            continue
        copies = _dosages(fields, len(alleles), place)
        for allele, dosage in zip(alleles, copies, strict=True):
            name = f"{chromosome}:{position}:{reference}:{allele}"
            if name in columns:
                raise UserError(f"{place}: the variant {name} was there before; keep one line")
            if np.isnan(dosage).mean() > maximum_missing:
                sparse += 1
                continue
            columns[name] = dosage
            if len(columns) * len(samples) > _MAX_CELLS:
                raise UserError(f"{place}: more than {_MAX_CELLS} dosages; choose fewer variants or samples")
    if not columns:
        raise UserError(f"{path}: no variant is left of {failed + sparse}; mend the filters or get another file")
    left_out = {"filter": failed, "missing calls": sparse}
    return Variants(samples, tuple(columns), np.stack(list(columns.values()), axis=1), left_out)


def vcf(
    path: str,
    *,
    outcomes: str,
    roles: Mapping[str, Any],
    passing_only: bool = True,
    maximum_missing: float = 0.1,
    exclude: bool = False,
    name: str = "vcf",
    title: str = "",
    citation: str = "",
    licence: str = "",
) -> Cohort:
    """Load the genotypes of a VCF file, with what became of each sample from the table `outcomes`.

    Args:
        roles: columns of `outcomes`; see `read_outcomes`. The ids (or samples) are the VCF's sample names.
        passing_only, maximum_missing: which variants are kept; see `read_vcf`. Neither looks at an outcome.
        exclude: leave samples and rows without their other half out, counted and named, instead of failing.
    """
    excluded: list[str] | None = [] if exclude else None
    table = load_outcomes(outcomes, roles, excluded)
    variants = read_vcf(path, passing_only, maximum_missing)
    notes = [f"{count} alleles left out: {why}." for why, count in variants.left_out.items() if count]
    return join_cohort(
        name,
        table,
        ids=variants.samples,
        modalities={"variants": Modality("table", variants.dosage, variants.names)},
        source=describe([path, outcomes], title, citation, licence, notes),
        paths=[path, outcomes],
        excluded=excluded,
    )


def _lines(content: bytes, where: str) -> Iterator[tuple[int, str]]:
    """Number and decode the lines that are not blank, one at a time: a large file is not held twice."""
    for number, line in enumerate(io.BytesIO(content), 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise UserError(f"{where}, line {number}: not UTF-8 text; get the file again") from error
        if text:
            yield number, text


def _read_header(lines: Iterator[tuple[int, str]], where: str) -> tuple[str, ...]:
    """Read up to the #CHROM line; returns the sample names."""
    for number, line in lines:
        if number == 1 and not line.startswith("##fileformat=VCFv4"):
            raise UserError(f"{where}, line 1: VCF starts with ##fileformat=VCFv4.x; found {line[:40]!r}")
        if line.startswith("##"):
            continue
        fields = line.split("\t")
        if fields[0] != "#CHROM":
            raise UserError(f"{where}, line {number}: variants before the #CHROM line; add that header")
        if fields[:9] != _FIXED or len(fields) < 10:
            raise UserError(f"{where}, line {number}: the header needs {' '.join(_FIXED)} and samples, parted by tabs")
        samples = fields[9:]
        twice, count = Counter(samples).most_common(1)[0]
        if count > 1:
            raise UserError(f"{where}, line {number}: the sample {twice!r} appears {count} times; rename or drop one")
        return tuple(samples)
    raise UserError(f"{where}: there is no #CHROM line; the file is cut or no VCF")


def _variants(lines: Iterator[tuple[int, str]], samples: int, where: str) -> Iterator[tuple[str, list[str]]]:
    """Split the lines below the header into columns, each with its place."""
    for number, line in lines:
        fields = line.split("\t")
        place = f"{where}, line {number}"
        if len(fields) != 9 + samples:
            raise UserError(f"{place}: {len(fields)} columns, the header has {9 + samples}; mend or drop the line")
        if not (fields[1].isascii() and fields[1].isdigit()):
            raise UserError(f"{place}: POS is {fields[1]!r}, it must be a whole number")
        if not all(fields[:9]):
            raise UserError(f"{place}: {_FIXED[fields.index('')]} is empty; a missing value is written '.'")
        yield place, fields


def _dosages(fields: list[str], alternatives: int, place: str) -> HostArray:
    """Count the copies of each alternative allele: (alternatives, N) float32."""
    if "GT" not in fields[8].split(":")[:1]:
        raise UserError(f"{place}: FORMAT is {fields[8]!r}; it must start with GT, the genotypes")
    calls = [cell.partition(":")[0] for cell in fields[9:]]
    known: dict[str, int] = {call: row for row, call in enumerate(dict.fromkeys(calls))}
    counts = np.empty((len(known), alternatives), np.float32)
    for call, row in known.items():
        counts[row] = _copies(call, alternatives, place)
    return counts[[known[call] for call in calls]].T


def _copies(call: str, alternatives: int, place: str) -> list[float]:
    """Count the copies of alleles 1, 2, … in one genotype; NaN where any of its alleles is missing."""
    # Ploidy is free, and VCF 4.4 may write the phase of the first allele before it: |0|1.
    alleles = call.replace("|", "/").removeprefix("/").split("/")
    if not all(a == "." or (a.isascii() and a.isdigit() and len(a) < 9 and int(a) <= alternatives) for a in alleles):
        raise UserError(f"{place}: genotype {call!r} with {alternatives} alternative alleles; it is like 0/1 or ./.")
    if "." in alleles:
        return [np.nan] * alternatives
    copies = Counter(map(int, alleles))
    return [float(copies[allele]) for allele in range(1, alternatives + 1)]
