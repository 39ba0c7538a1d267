"""Planted duplicates are found, and only across parts."""

from dataclasses import replace

import numpy as np
import pytest

from pmjax.audit.duplicates import duplicate_rows, patient_in_two_parts
from pmjax.cohort import Modality
from pmjax.prepare.splits import Splits, make_splits


def fixed(train, validation, test, n=120):
    rows = [np.isin(np.arange(n), list(part))[None] for part in (train, validation, test)]
    return Splits(*rows, fold=np.array([0]), inner=np.array([0]), scheme="made")


@pytest.mark.parametrize("pair", [(0, 50), (0, 100), (50, 100)])
def test_a_twin_across_any_two_parts_blocks(cohort, values, pair):
    values[pair[1]] = values[pair[0]]
    splits = fixed(range(40), range(40, 80), range(80, 120))
    (finding,) = duplicate_rows(cohort(values), splits)
    assert finding.severity == "blocking"
    assert finding.rows == tuple(f"p{row:03}" for row in pair)


def test_twins_in_one_part_or_in_none_are_no_finding(cohort, values):
    values[1] = values[0]
    values[118:] = values[2]  # in no part
    assert duplicate_rows(cohort(values), fixed(range(40), range(40, 80), range(80, 118))) == []


def test_gaps_and_signed_zeros_compare_as_equal(cohort, values):
    # Two NaN with different bits, and 0 against −0.
    values[0] = [np.nan, 0.0, 1.0]
    values[100] = [-np.float64(np.nan), -0.0, 1.0]
    (finding,) = duplicate_rows(cohort(values), fixed(range(40), range(40, 80), range(80, 120)))
    assert finding.rows == ("p000", "p100")


def test_rows_without_any_value_are_no_twins(cohort, values):
    values[[0, 100]] = np.nan
    assert duplicate_rows(cohort(values), fixed(range(40), range(40, 80), range(80, 120))) == []


def test_what_stands_in_padded_steps_does_not_hide_a_twin(cohort, values):
    steps = np.random.default_rng(0).normal(size=(120, 3, 2))
    mask = np.ones((120, 3), bool)
    mask[[0, 100], 2] = False
    steps[100, :2] = steps[0, :2]
    series = Modality("series", steps, ("a", "b"), mask)
    whole = cohort(values)
    made = replace(whole, modalities={**whole.modalities, "series": series})
    (finding,) = duplicate_rows(made, fixed(range(40), range(40, 80), range(80, 120)))
    assert finding.rows == ("p000", "p100")
    assert finding.message == "series: 1 of 40 test rows are copies of training rows"


def test_equal_rows_of_a_coarse_table_are_a_warning(cohort):
    coarse = np.random.default_rng(0).integers(0, 2, (120, 3)).astype(float)
    (finding,) = duplicate_rows(cohort(coarse), fixed(range(40), range(40, 80), range(80, 120)))
    assert finding.severity == "warning"


def test_oversampling_before_the_split_blocks(cohort, values):
    values[60:] = values[:60]
    made = cohort(values)
    assert duplicate_rows(made, make_splits(made))[0].severity == "blocking"


def test_a_patient_in_two_parts_is_found(cohort, values):
    splits = fixed(range(40), range(40, 80), range(80, 120))
    assert patient_in_two_parts(cohort(values), splits) == []
    (finding,) = patient_in_two_parts(cohort(values), fixed(range(42), range(40, 80), range(80, 120)))
    assert finding.severity == "blocking"
    assert finding.rows == ("p040", "p041")
