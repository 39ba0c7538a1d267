"""Sequences, proteins and heartbeats against their files, the counts of their publishers and stated baselines."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import matthews_corrcoef

from pmjax.audit.duplicates import duplicate_rows, patient_in_two_parts
from pmjax.data.public import heartbeats, proteins, sequences
from pmjax.data.readers.dna import reverse_complement
from pmjax.prepare.splits import make_splits

GUE = {
    "gue_tata": ("prom/prom_core_tata", (4904, 613, 613), 70),
    "gue_mouse2": ("mouse/2", (2620, 328, 328), 101),
    "gue_tf2": ("tf/2", (19000, 1000, 1000), 101),
}


def letters(cohort, row):
    values = cohort.modalities["sequence"].values[row]
    return "".join("ACGT"[i] if values[at, i] == 1 else "?" for at, i in enumerate(values.argmax(axis=1)))


def test_splice_has_the_classes_and_rows_of_its_documentation(data_folder):
    cohort = sequences.uci_splice()
    assert cohort.modalities["sequence"].values.shape == (3190, 60, 4)
    assert dict(zip(cohort.task.classes, np.bincount(cohort.task.label).tolist(), strict=True)) == {
        "neither": 1655,
        "exon to intron": 767,
        "intron to exon": 768,
    }
    # ATRINS-DONOR-521, the first row of the file
    assert letters(cohort, 0) == "CCAGCTGCATCACAGGAGGCCAGCGAGCAGGTCTGTTCCAAGGGCCTTCGAGCCAGTCTG"
    assert cohort.task.classes[cohort.task.label[0]] == "exon to intron"


def test_a_donor_has_gt_and_an_acceptor_ag_at_the_junction(data_folder):
    cohort = sequences.uci_splice()
    values = cohort.modalities["sequence"].values
    donor, acceptor = (cohort.task.label == k for k in (1, 2))
    assert values[donor, 30, 2].mean() > 0.98
    assert values[donor, 31, 3].mean() > 0.98
    assert values[acceptor, 28, 0].mean() > 0.98
    assert values[acceptor, 29, 2].mean() > 0.98


def test_ambiguous_letters_of_splice_are_shares_of_one(data_folder):
    values = sequences.uci_splice().modalities["sequence"].values
    np.testing.assert_allclose(values.sum(axis=-1), 1, rtol=1e-6)
    assert ((values != 0) & (values != 1)).any(axis=(1, 2)).sum() == 15


def test_copies_in_splice_are_one_patient_and_no_fold_parts_them(data_folder):
    cohort = sequences.uci_splice()
    assert len(np.unique(cohort.patient)) == 3005
    values = cohort.modalities["sequence"].values.reshape(len(cohort), -1)
    first = cohort.patient.astype(int) - 1
    np.testing.assert_array_equal(values, values[first])
    splits = make_splits(cohort, scheme="stratified", folds=10, seed=0)
    assert duplicate_rows(cohort, splits) == []
    assert patient_in_two_parts(cohort, splits) == []


@given(st.lists(st.text("ACGTN", min_size=1, max_size=4), min_size=1, max_size=30))
def test_first_copy_is_the_first_row_equal_on_either_strand(rows):
    same = [next(j for j, s in enumerate(rows) if s in (row, reverse_complement(row))) for row in rows]
    np.testing.assert_array_equal(sequences.first_copy(rows), same)


@pytest.mark.parametrize("name", GUE)
def test_gue_keeps_rows_labels_and_parts_of_its_files(data_folder, name):
    folder, sizes, length = GUE[name]
    cohort = getattr(sequences, name)()
    values = cohort.modalities["sequence"].values
    assert values.shape == (sum(sizes), length, 4)
    assert values.dtype == np.uint8
    at = 0
    for file, part, size in zip(("train", "dev", "test"), ("train", "validation", "test"), sizes, strict=True):
        with (data_folder / "gue" / folder / f"{file}.csv").open(newline="") as text:
            rows = list(csv.DictReader(text))
        assert (cohort.part[at : at + size] == part).all()
        np.testing.assert_array_equal(cohort.task.label[at : at + size], [int(row["label"]) for row in rows])
        assert letters(cohort, at + size - 1) == rows[-1]["sequence"]
        at += size


def test_the_audit_finds_the_copies_in_the_test_part_of_gue_tata(data_folder):
    cohort = sequences.gue_tata()
    splits = make_splits(cohort, scheme="official")
    (finding,) = duplicate_rows(cohort, splits)
    test = set(cohort.patient[splits.test[0]])
    assert finding.severity == "blocking"
    assert len(test & set(finding.rows)) == 16 + 2  # of the training part and of the validation part


def test_one_hot_regression_on_gue_tata_reaches_the_stated_baseline(data_folder):
    cohort = sequences.gue_tata()
    x, y = cohort.modalities["sequence"].values.reshape(len(cohort), -1), cohort.task.label
    model = LogisticRegression(C=0.01, max_iter=1000).fit(x[cohort.part == "train"], y[cohort.part == "train"])
    test = cohort.part == "test"
    assert matthews_corrcoef(y[test], model.predict(x[test])) == pytest.approx(0.731, abs=1e-3)


def test_nontata_promoters_hold_every_row_of_the_test_half(data_folder):
    cohort = sequences.human_nontata_promoters()
    assert cohort.modalities["sequence"].values.shape == (9034, 251, 4)
    assert np.bincount(cohort.task.label).tolist() == [4119, 4915]
    assert letters(cohort, 0).startswith("GTATTCTCCCCTAACAAGACC")


def test_mice_have_fifteen_rows_each_and_one_class(data_folder):
    cohort = proteins.mice_protein()
    table = cohort.modalities["table"]
    assert table.values.shape == (1080, 77)
    mice, rows = np.unique(cohort.patient, return_counts=True)
    assert (len(mice), set(rows)) == (72, {15})
    assert np.isnan(table.values).sum() == 1396
    assert table.values[0, 0] == 0.503643884
    for mouse in mice:
        assert len(np.unique(cohort.task.label[cohort.patient == mouse])) == 1
    of_class = [len(np.unique(cohort.patient[cohort.task.label == k])) for k in range(8)]
    assert dict(zip(cohort.task.classes, of_class, strict=True))["t-CS-s"] == 7
    assert sorted(of_class) == [7, 9, 9, 9, 9, 9, 10, 10]


def test_the_class_of_a_mouse_is_its_three_groups(data_folder):
    cohort = proteins.mice_protein()
    groups, names = cohort.groups, np.asarray(cohort.task.classes)[cohort.task.label]
    genotype = np.where(groups["genotype"] == "Control", "c", "t")
    behaviour = np.where(groups["behavior"] == "C/S", "CS", "SC")
    treatment = np.where(groups["treatment"] == "Memantine", "m", "s")
    spelt = [f"{g}-{b}-{t}" for g, b, t in zip(genotype, behaviour, treatment, strict=True)]
    np.testing.assert_array_equal(names, spelt)


def test_the_audit_refuses_mice_that_are_split_by_rows_and_takes_them_by_mouse(data_folder):
    cohort = proteins.mice_protein()
    (finding,) = patient_in_two_parts(cohort, make_splits(cohort, scheme="rows", folds=5, seed=0))
    assert finding.severity == "blocking"
    assert patient_in_two_parts(cohort, make_splits(cohort, scheme="grouped", folds=5, seed=0)) == []


def test_heartbeats_keep_their_parts_and_the_stated_nearest_neighbour(data_folder):
    cohort = heartbeats.ecg200()
    series = cohort.modalities["series"].values[..., 0]
    train, test = (cohort.part == part for part in ("train", "test"))
    assert (series.shape, train.sum(), test.sum()) == ((200, 96), 100, 100)
    assert np.bincount(cohort.task.label).tolist() == [133, 67]
    np.testing.assert_allclose(series.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(series.std(axis=1, ddof=1), 1, atol=1e-5)
    distance = ((series[test][:, None] - series[train]) ** 2).sum(axis=-1)
    nearest = cohort.task.label[train][distance.argmin(axis=1)]
    assert (nearest == cohort.task.label[test]).mean() == 0.88


def test_heartbeats_without_a_validation_part_get_one_from_training_rows(data_folder):
    cohort = heartbeats.ecg200()
    splits = make_splits(cohort, scheme="official", validation=0.2, seed=0)
    assert (cohort.part[splits.validation[0]] == "train").all()
    np.testing.assert_array_equal(splits.test[0], cohort.part == "test")
