"""Readers read what was written, the floor reads the same files, and both pages are complete."""

import json

import numpy as np
import pytest

from benchmarks import formats, results
from benchmarks import input as benchmark


def test_readers_and_batches_are_timed_and_written(tmp_path):
    assert benchmark.main(["--quick", f"--out={tmp_path}"]) == 0
    folder = tmp_path / results.device()
    found = json.loads((folder / "input.json").read_text())["data"]
    page = (folder / "input.md").read_text()
    assert {"table, CSV", "table, Parquet", "FASTA", "VCF", "FHIR R4, NDJSON", "OMOP CDM, CSV"} <= set(found["readers"])
    for name, record in {**found["readers"], **found["batches"]}.items():
        assert f"| {name} |" in page
        assert all(min(seconds) > 0 for seconds in record["seconds"].values())


@pytest.mark.parametrize(
    "write", [formats.table, formats.fasta, formats.sequence_csv, formats.npz], ids=lambda w: w.__name__
)
def test_a_reader_gives_every_row_that_was_written(tmp_path, write):
    for case in write(tmp_path, 0.01).values():
        assert len(case.read()) == case.rows
        assert case.size == sum(len(file.read_bytes()) for file in case.files)


@pytest.mark.parametrize("write", [formats.vcf, formats.expression], ids=lambda w: w.__name__)
def test_a_matrix_gives_its_samples_and_features(tmp_path, write):
    (case,) = write(tmp_path, 0.01).values()
    (modality,) = case.read().modalities.values()
    assert len(modality.values) == 200
    assert 0 < len(modality.features) <= case.rows


@pytest.mark.parametrize("write", [formats.fhir, formats.omop], ids=lambda w: w.__name__)
def test_records_give_patients_of_both_outcomes(tmp_path, write):
    (case,) = write(tmp_path, 0.02).values()
    cohort = case.read()
    assert set(np.unique(cohort.task.label)) == {0, 1}
    assert np.isfinite(cohort.modalities["series"].values).any()
