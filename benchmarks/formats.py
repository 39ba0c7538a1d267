"""The files that `benchmarks.input` reads: one of each format, of random content, with the bare reading of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pmjax import data
from pmjax.cohort import Cohort

_BASES = np.frombuffer(b"ACGT", np.uint8)


@dataclass(frozen=True)
class Case:
    """One format: what was written, how pmjax reads it, and the floor.

    Attributes:
        unit: what `rows` counts.
        read: gives the cohort.
        floor: gives the bare numbers, and `by` says how.
    """

    unit: str
    rows: int
    files: tuple[Path, ...]
    read: Callable[[], Cohort]
    floor: Callable[[], Any]
    by: str

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.stat().st_size for file in self.files)


def _outcomes(folder: Path, ids: list[str]) -> str:
    path = folder / "outcomes.csv"
    pd.DataFrame({"id": ids, "label": np.arange(len(ids)) % 2}).to_csv(path, index=False)
    return str(path)


_ROLES = {"id": "id", "label": "label"}


def table(folder: Path, scale: float) -> dict[str, Case]:
    """A table of 20 numbers a row, as CSV and as Parquet."""
    n = int(60_000 * scale)
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(n, 20)).round(4)).rename(columns=lambda c: f"x{c}")
    frame.insert(0, "id", np.arange(n).astype(str))
    frame.insert(1, "label", np.arange(n) % 2)
    csv, parquet = folder / "t.csv", folder / "t.parquet"
    frame.to_csv(csv, index=False)
    frame.to_parquet(parquet, index=False)

    def read(path: Path) -> Callable[[], Cohort]:
        return lambda: data.load("table", path=str(path), roles=_ROLES)

    return {
        "table, CSV": Case("rows", n, (csv,), read(csv), lambda: pd.read_csv(csv), "pandas.read_csv"),
        "table, Parquet": Case(
            "rows", n, (parquet,), read(parquet), lambda: pd.read_parquet(parquet), "pandas.read_parquet"
        ),
    }


def _letters(n: int, length: int) -> list[str]:
    return [row.tobytes().decode() for row in np.random.default_rng(0).choice(_BASES, (n, length))]


def fasta(folder: Path, scale: float) -> dict[str, Case]:
    """Sequences of 500 bases with their outcomes."""
    n = int(8_000 * scale)
    path, ids = folder / "s.fa", [f"s{i}" for i in range(n)]
    path.write_text("".join(f">{i}\n{s}\n" for i, s in zip(ids, _letters(n, 500), strict=True)))
    outcomes = _outcomes(folder, ids)
    return {
        "FASTA": Case(
            "sequences",
            n,
            (path, Path(outcomes)),
            lambda: data.load("fasta", path=str(path), outcomes=outcomes, roles=_ROLES),
            lambda: path.read_text().split("\n"),
            "text split into lines",
        )
    }


def sequence_csv(folder: Path, scale: float) -> dict[str, Case]:
    """Sequences of 500 bases in a column."""
    n = int(8_000 * scale)
    path = folder / "s.csv"
    pd.DataFrame({"id": np.arange(n), "label": np.arange(n) % 2, "sequence": _letters(n, 500)}).to_csv(
        path, index=False
    )
    return {
        "sequences, CSV": Case(
            "sequences",
            n,
            (path,),
            lambda: data.load("sequence_csv", path=str(path), roles=_ROLES),
            lambda: pd.read_csv(path),
            "pandas.read_csv",
        )
    }


def vcf(folder: Path, scale: float) -> dict[str, Case]:
    """Genotypes of 200 samples."""
    n, samples = int(4_000 * scale), [f"s{i}" for i in range(200)]
    calls = np.random.default_rng(0).choice(["0/0", "0/1", "1/1", "./."], (n, len(samples)), p=[0.6, 0.25, 0.13, 0.02])
    fixed = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT"
    lines = [f"1\t{i + 1}\t.\tA\tG\t.\tPASS\t.\tGT\t" + "\t".join(row) for i, row in enumerate(calls)]
    path = folder / "g.vcf"
    path.write_text("\n".join(["##fileformat=VCFv4.2", "\t".join([fixed, *samples]), *lines]) + "\n")
    outcomes = _outcomes(folder, samples)
    return {
        "VCF": Case(
            "variants",
            n,
            (path, Path(outcomes)),
            lambda: data.load("vcf", path=str(path), outcomes=outcomes, roles=_ROLES),
            lambda: pd.read_csv(path, sep="\t", skiprows=1),
            "pandas.read_csv",
        )
    }


def expression(folder: Path, scale: float) -> dict[str, Case]:
    """Genes in rows, 200 samples in columns."""
    n, samples = int(8_000 * scale), [f"s{i}" for i in range(200)]
    path = folder / "e.tsv"
    values = np.random.default_rng(0).gamma(2, 5, (n, len(samples))).round(3)
    pd.DataFrame(values, index=[f"g{i}" for i in range(n)], columns=samples).to_csv(path, sep="\t", index_label="gene")
    outcomes = _outcomes(folder, samples)
    return {
        "expression, TSV": Case(
            "genes",
            n,
            (path, Path(outcomes)),
            lambda: data.load("expression", path=str(path), outcomes=outcomes, roles=_ROLES),
            lambda: pd.read_csv(path, sep="\t", index_col=0),
            "pandas.read_csv",
        )
    }


def npz(folder: Path, scale: float) -> dict[str, Case]:
    """Grey images of 64 × 64 in one array."""
    n = int(8_000 * scale)
    path = folder / "i.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (n, 64, 64), np.uint8))
    outcomes = _outcomes(folder, [str(i) for i in range(n)])
    return {
        "images, NPY": Case(
            "images",
            n,
            (path, Path(outcomes)),
            lambda: data.load("npz", path=str(path), outcomes=outcomes, roles=_ROLES),
            lambda: np.load(path).astype(np.float32) / 255,
            "numpy.load, float32",
        )
    }


_RECORD = {"window": {"index": {"date": "2015-01-01"}, "before": 400, "bins": 100}}


def fhir(folder: Path, scale: float) -> dict[str, Case]:
    """Patients with 20 observations each, half of whom die, one resource a line."""
    n = max(4, int(600 * scale))
    lines = []
    for p in range(n):
        death = {"deceasedDateTime": "2015-06-01"} if p % 2 else {}
        lines.append({"resourceType": "Patient", "id": f"p{p}", "birthDate": "1960-01-02", "gender": "female", **death})
        lines += [_observation(p, o) for o in range(20)]
    path = folder / "r.ndjson"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    outcome = {"event": "death", "within": 365}
    return {
        "FHIR R4, NDJSON": Case(
            "resources",
            len(lines),
            (path,),
            lambda: data.load("fhir", path=str(path), **_RECORD, outcome=outcome),
            lambda: [json.loads(line) for line in path.read_text().splitlines()],
            "json.loads",
        )
    }


def _observation(patient: int, number: int) -> dict[str, Any]:
    year = 2014 if number < 18 else 2017  # the last are follow-up
    return {
        "resourceType": "Observation",
        "id": f"o{patient}-{number}",
        "status": "final",
        "subject": {"reference": f"Patient/p{patient}"},
        "code": {"coding": [{"system": "http://loinc.org", "code": f"8302-{number % 3}", "display": "a measure"}]},
        "effectiveDateTime": f"{year}-{1 + number % 12:02d}-03T00:00:00+00:00",
        "valueQuantity": {"value": 100 + number, "unit": "cm"},
    }


def omop(folder: Path, scale: float) -> dict[str, Case]:
    """Persons with 20 measurements each, half of whom die."""
    n = max(4, int(4_000 * scale))
    person = np.arange(1, n + 1)
    many = np.repeat(person, 20)
    month = np.tile(np.arange(20) % 12 + 1, n)
    tables = {
        "PERSON": {"person_id": person, "gender_concept_id": 8507, "year_of_birth": 1960},
        "MEASUREMENT": {
            "person_id": many,
            "measurement_concept_id": np.tile(np.arange(20) % 3 + 3, n),
            "measurement_date": [f"2014-{m:02d}-03" for m in month],
            "value_as_number": np.random.default_rng(0).normal(size=len(many)).round(3),
        },
        "DEATH": {"person_id": person[::2], "death_date": "2015-06-01"},
        "OBSERVATION_PERIOD": {"person_id": person, "observation_period_end_date": "2018-01-01"},
    }
    for name, columns in tables.items():
        pd.DataFrame(columns).to_csv(folder / f"{name}.csv", index=False)
    files = tuple(folder / f"{name}.csv" for name in tables)
    outcome = {"event": "death", "within": 365}
    return {
        "OMOP CDM, CSV": Case(
            "measurements",
            len(many),
            files,
            lambda: data.load("omop", path=str(folder), **_RECORD, outcome=outcome),
            lambda: [pd.read_csv(file) for file in files],
            "pandas.read_csv",
        )
    }


FORMATS = (table, fasta, sequence_csv, vcf, expression, npz, fhir, omop)
"""Each writes its files into a folder, at a scale of their full size, and returns the cases by name."""
