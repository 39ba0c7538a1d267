"""Splits: a partition of patients, in proportion, for every cohort that Hypothesis thinks of."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from pmjax import data
from pmjax.cohort import Classify, Cohort, Modality, Source, Survive
from pmjax.errors import UserError
from pmjax.prepare.splits import Splits, assert_disjoint, make_splits, shared_patients

SOURCE = Source("made", "none", "none")


def classified(label, *, classes=2, site=None):
    names = tuple(f"class {k}" for k in range(classes))
    n = len(label)
    table = Modality("table", np.zeros((n, 1)), ("a",))
    return Cohort("made", np.arange(n), {"table": table}, Classify("t", np.array(label), names), SOURCE, site=site)


def intervals(rows_of_patient, *, seed=0, site=None):
    """Patients with several rows each, in mixed order, every second one with an event in the last."""
    patient = np.repeat(np.arange(len(rows_of_patient)), rows_of_patient)
    step = np.concatenate([np.arange(n) for n in rows_of_patient]).astype(float)
    last = np.append(patient[1:] != patient[:-1], True)
    order = np.random.default_rng(seed).permutation(len(patient))
    task = Survive("t", (step + 1)[order], (last & (patient % 2 == 0))[order], start=step[order])
    table = Modality("table", np.zeros((len(patient), 1)), ("a",))
    where = None if site is None else np.asarray(site)[patient][order]
    return Cohort("made", patient[order], {"table": table}, task, SOURCE, site=where)


@given(st.data())
def test_parts_partition_the_rows_and_every_row_is_tested_once_a_repeat(draw):
    classes = draw.draw(st.integers(2, 3))
    folds, repeats, inner = (draw.draw(st.integers(low, 3)) for low in (2, 1, 1))
    label = draw.draw(st.lists(st.integers(0, classes - 1), min_size=40, max_size=80))
    assume(np.bincount(label, minlength=classes).min() >= 9)
    scheme = draw.draw(st.sampled_from(["stratified", "grouped"]))
    cohort = classified(label, classes=classes)
    splits = make_splits(
        cohort, scheme=scheme, folds=folds, repeats=repeats, inner=inner, seed=draw.draw(st.integers(0, 9))
    )
    assert len(splits) == folds * repeats * inner
    np.testing.assert_array_equal(splits.train * 1 + splits.validation + splits.test, 1)
    outer = splits.test[splits.inner == 0]
    np.testing.assert_array_equal(outer.sum(axis=0), repeats)
    if inner > 1:  # each row outside the test part validates once
        for fold in range(folds * repeats):
            held = splits.validation[splits.fold == fold].sum(axis=0)
            np.testing.assert_array_equal(held, ~outer[fold])


@given(label=st.lists(st.integers(0, 2), min_size=30, max_size=90), folds=st.integers(2, 5), seed=st.integers(0, 9))
def test_stratified_folds_hold_every_class_within_one_row(label, folds, seed):
    counts = np.bincount(label, minlength=3)
    assume(counts.min() >= 2 * folds)
    splits = make_splits(classified(label, classes=3), folds=folds, inner=folds, seed=seed)
    for k, count in enumerate(counts):
        tested = splits.test[:, np.array(label) == k].sum(axis=1)
        assert (np.abs(tested - count / folds) < 1).all()
        held = splits.validation[:, np.array(label) == k].sum(axis=1)
        assert (np.abs(held - (count - tested) / folds) < 1).all()


@given(st.lists(st.integers(1, 4), min_size=24, max_size=40), st.integers(1, 3), st.integers(0, 5))
@pytest.mark.parametrize("scheme", ["stratified", "grouped", "site"])
def test_rows_of_a_patient_are_never_in_two_parts(scheme, rows_of_patient, inner, seed):
    cohort = intervals(rows_of_patient, seed=seed, site=[f"hospital {p % 4 // 2}" for p in range(len(rows_of_patient))])
    splits = make_splits(cohort, scheme=scheme, folds=3, inner=inner, seed=seed)
    for parts in zip(splits.train, splits.validation, splits.test, strict=True):
        ids = [set(cohort.patient[rows]) for rows in parts]
        assert sum(len(i) for i in ids) == len(set.union(*ids)) == len(rows_of_patient)


def test_a_site_scheme_tests_on_each_site_alone():
    lung = data.load("lung")
    splits = make_splits(lung, scheme="site")
    tested = [set(lung.site[rows]) for rows in splits.test]
    assert sorted(map(sorted, tested)) == sorted([s] for s in np.unique(lung.site))
    for rest, test in zip(splits.train | splits.validation, tested, strict=True):
        assert not set(lung.site[rest]) & test


def test_the_hold_out_is_stratified_and_of_the_asked_size():
    cohort = data.load("wisconsin")
    splits = make_splits(cohort, validation=0.25)
    for train, validation in zip(splits.train, splits.validation, strict=True):
        rest = train.sum() + validation.sum()
        assert validation.sum() == np.ceil(0.25 * rest)
        share = cohort.task.label[train | validation].mean()
        assert abs(cohort.task.label[validation].sum() - share * validation.sum()) < 1


def test_equal_to_scikit_learn_where_patients_have_one_row():
    cohort = data.load("wisconsin")
    splits = make_splits(cohort, folds=10, seed=0)
    expected = StratifiedKFold(10, shuffle=True, random_state=0).split(np.zeros(569), cohort.task.label)
    for rows, (_, test) in zip(splits.test, expected, strict=True):
        np.testing.assert_array_equal(np.flatnonzero(rows), test)


def test_the_same_seed_splits_the_same_and_repeats_and_seeds_differ():
    cohort = classified([0, 1] * 30)
    one, again, other = (make_splits(cohort, repeats=2, seed=s) for s in (3, 3, 4))
    np.testing.assert_array_equal(one.train, again.train)
    assert (one.test != other.test).any()
    assert (one.test[:5] != one.test[5:]).any()
    assert one.fold.tolist() == list(range(10))


def test_a_patient_in_two_parts_is_named():
    splits = make_splits(classified([0, 1] * 10), folds=2)
    patient = np.arange(20).astype(str)
    assert_disjoint(splits, patient)
    patient[np.flatnonzero(splits.test[0])[0]] = patient[np.flatnonzero(splits.train[0])[0]] = "twin"
    assert shared_patients(splits, patient).tolist() == ["twin"]
    with pytest.raises(UserError, match="patient 'twin' is in two parts"):
        assert_disjoint(splits, patient)
    with pytest.raises(UserError, match="is in two parts"):
        assert_disjoint(replace(splits, validation=splits.train), np.arange(20).astype(str))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheme": "random"}, "splits.scheme 'random' is unknown; choose from stratified, grouped, site"),
        ({"scheme": "site"}, "records no sites"),
        ({"folds": 1}, "splits.folds is 1; it must be at least 2"),
        ({"repeats": 0}, "splits.repeats is 0"),
        ({"inner": 0}, "splits.inner is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"validation": 0.0}, "splits.validation is 0.0; it must lie between 0 and 1"),
        ({"validation": 1.0}, "splits.validation is 1.0"),
        ({"folds": 2, "validation": 0.01}, "leave a part too small"),
        ({"folds": 5}, r"splits.folds: 'class 1' has 4 patients, fewer than 5; .*'grouped'"),
        ({"folds": 4, "inner": 4}, r"splits.inner \(outer fold 0\): 'class 1' has 3 patients, fewer than 4"),
        ({"scheme": "grouped", "folds": 41}, "40 patients cannot make 41 folds"),
    ],
)
def test_what_cannot_be_met_is_said(options, message):
    with pytest.raises(UserError, match=message):
        make_splits(classified([0] * 36 + [1] * 4), **options)


def test_a_training_part_with_one_patient_of_a_class_cannot_be_stratified_further():
    with pytest.raises(UserError, match=r"splits.validation \(outer fold 0\): 'class 1' has 1 patient, fewer than 2"):
        make_splits(classified([0] * 20 + [1] * 2), folds=2)


def test_one_site_and_a_patient_at_two_sites_are_refused():
    with pytest.raises(UserError, match="all patients are at 'a'"):
        make_splits(classified([0, 1] * 10, site=np.full(20, "a")), scheme="site")
    cohort = intervals([2] * 10)
    with pytest.raises(UserError, match="was at two sites"):
        make_splits(replace(cohort, site=np.arange(20).astype(str)), scheme="site")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": np.zeros((2, 4), bool)}, "train of split 0 has no row"),
        ({"test": np.ones((2, 3), bool)}, "test must be bool of shape"),
        ({"validation": np.ones((2, 4), int)}, "validation must be bool"),
        ({"fold": np.zeros(3, int)}, "fold and inner must have shape"),
    ],
)
def test_malformed_splits_are_refused(change, message):
    rows = np.ones((2, 4), bool)
    good = Splits(rows, rows, rows, np.zeros(2, int), np.zeros(2, int), "made")
    with pytest.raises(UserError, match=message):
        replace(good, **change)
