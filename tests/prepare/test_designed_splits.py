"""Splits that others decided: official parts, training sites, and rows whoever's they are."""

from dataclasses import replace

import numpy as np
import pytest

from pmjax.cohort import Classify, Cohort, Modality, Source
from pmjax.errors import UserError
from pmjax.prepare.splits import make_splits, shared_patients

N = 60


@pytest.fixture
def mice():
    """20 mice × 3 repeats, at three sites, with official parts that keep mice together."""
    mouse = np.repeat(np.arange(20), 3)
    return Cohort(
        "mice",
        mouse,
        {"table": Modality("table", np.zeros((N, 1)), ("a",))},
        Classify("t", mouse % 2, ("no", "yes")),
        Source("made", "none", "none"),
        site=np.array(["a", "b", "c", "d"])[mouse % 4],
        sample=np.tile(["1", "2", "3"], 20),
        part=np.array(["train", "validation", "test", "train", "train"])[mouse % 5],
    )


def test_official_parts_are_taken_as_they_are(mice):
    splits = make_splits(mice, scheme="official")
    assert len(splits) == 1
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(splits, part)[0], mice.part == part)


def test_without_an_official_validation_part_whole_patients_are_held_out_of_training(mice):
    two = replace(mice, part=np.where(mice.part == "test", "test", "train"))
    splits = make_splits(two, scheme="official", validation=0.25)
    np.testing.assert_array_equal(splits.test[0], two.part == "test")
    np.testing.assert_array_equal(splits.train[0] | splits.validation[0], two.part == "train")
    assert splits.validation[0].sum() == 3 * 4
    assert not shared_patients(splits, two.patient).size


def test_official_parts_that_share_a_patient_are_left_for_the_audit_to_name(mice):
    part = mice.part.copy()
    part[0] = "test"
    splits = make_splits(replace(mice, part=part), scheme="official")
    assert shared_patients(splits, mice.patient).tolist() == ["0"]


def test_external_trains_on_the_named_sites_and_tests_on_all_others(mice):
    splits = make_splits(mice, scheme="external", train_sites=("a", "b"))
    assert len(splits) == 1
    np.testing.assert_array_equal(splits.test[0], np.isin(mice.site, ["c", "d"]))
    np.testing.assert_array_equal(splits.train[0] | splits.validation[0], np.isin(mice.site, ["a", "b"]))


def test_splitting_rows_puts_a_patient_in_two_parts_and_stratified_does_not(mice):
    assert shared_patients(make_splits(mice, scheme="rows"), mice.patient).size
    assert not shared_patients(make_splits(mice, scheme="stratified"), mice.patient).size


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheme": "external"}, "train_sites: none leaves nothing to do; name some, not all, of a, b, c, d"),
        ({"scheme": "external", "train_sites": ("e",)}, "train_sites: 'e' is no site"),
        ({"scheme": "external", "train_sites": ("a", "b", "c", "d")}, "a, b, c, d leaves nothing to do"),
    ],
)
def test_train_sites_that_cannot_serve_are_named(mice, options, message):
    with pytest.raises(UserError, match=message):
        make_splits(mice, **options)


def test_official_parts_are_needed_and_must_hold_a_training_and_a_test_part(mice):
    with pytest.raises(UserError, match="records no official parts"):
        make_splits(replace(mice, part=None), scheme="official")
    with pytest.raises(UserError, match="lacks a training or test part"):
        make_splits(replace(mice, part=np.where(mice.part == "test", "train", mice.part)), scheme="official")
