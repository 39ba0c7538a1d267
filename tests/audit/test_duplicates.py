"""Planted duplicates are found, and only across parts."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax import data
from pmjax.audit import inspect, observed, stop_if_blocked
from pmjax.audit.copies import across
from pmjax.audit.duplicates import duplicate_rows, patient_in_two_parts
from pmjax.cohort import Classify, Cohort, Modality, Source, Survive
from pmjax.errors import AuditError
from pmjax.prepare.splits import Splits, make_splits


@pytest.mark.parametrize("pair", [(0, 50), (0, 100), (50, 100)])
def test_a_twin_across_any_two_parts_blocks(cohort, values, fixed, pair):
    values[pair[1]] = values[pair[0]]
    splits = fixed(range(40), range(40, 80), range(80, 120))
    (finding,) = duplicate_rows(cohort(values), splits)
    assert finding.severity == "blocking"
    assert finding.rows == tuple(f"p{row:03}" for row in pair)


def test_twins_in_one_part_or_in_none_are_no_finding(cohort, values, fixed):
    values[1] = values[0]
    values[118:] = values[2]  # in no part
    assert duplicate_rows(cohort(values), fixed(range(40), range(40, 80), range(80, 118))) == []


def test_gaps_and_signed_zeros_compare_as_equal(cohort, values, fixed):
    # Two NaN with different bits, and 0 against −0.
    values[0] = [np.nan, 0.0, 1.0]
    values[100] = [-np.float64(np.nan), -0.0, 1.0]
    (finding,) = duplicate_rows(cohort(values), fixed(range(40), range(40, 80), range(80, 120)))
    assert finding.rows == ("p000", "p100")


def test_rows_without_any_value_are_no_twins(cohort, values, fixed):
    values[[0, 100]] = np.nan
    assert duplicate_rows(cohort(values), fixed(range(40), range(40, 80), range(80, 120))) == []


def test_what_stands_in_padded_steps_does_not_hide_a_twin(cohort, values, fixed):
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


def test_equal_rows_of_a_coarse_table_are_a_warning(cohort, fixed):
    coarse = np.random.default_rng(0).integers(0, 2, (120, 3)).astype(float)
    (finding,) = duplicate_rows(cohort(coarse), fixed(range(40), range(40, 80), range(80, 120)))
    assert finding.severity == "warning"


def test_oversampling_before_the_split_blocks(cohort, values):
    values[60:] = values[:60]
    made = cohort(values)
    assert duplicate_rows(made, make_splits(made))[0].severity == "blocking"


def test_a_patient_in_two_parts_is_found(cohort, values, fixed):
    splits = fixed(range(40), range(40, 80), range(80, 120))
    assert patient_in_two_parts(cohort(values), splits) == []
    (finding,) = patient_in_two_parts(cohort(values), fixed(range(42), range(40, 80), range(80, 120)))
    assert finding.severity == "blocking"
    assert finding.rows == ("p040", "p041")


def test_the_message_counts_copies_and_their_conflicting_labels(cohort, values, label, fixed):
    values[100:105] = values[:5]
    label[100:105] = label[:5]
    label[[100, 101]] = 1 - label[[100, 101]]
    (finding,) = duplicate_rows(cohort(values), fixed(range(40), range(40, 80), range(80, 120)))
    assert finding.message == "table: 5 of 40 test rows are copies of training rows, 2 of them with another label"


def test_the_fold_with_most_copies_is_told(cohort, values):
    values[:3] = values[3:6]
    made = cohort(values)
    splits = make_splits(made, repeats=3)
    (finding,) = duplicate_rows(made, splits)
    count, fold = re.match(r"table: (\d) of \d+ test rows \(outer fold (\d+)\)", finding.message).groups()
    pairs = [(splits.test[s, [*range(6)]], ~splits.test[s, [*range(6)]]) for s in range(len(splits))]
    copies = [sum(t[i] & r[(i + 3) % 6] for i in range(6)) for t, r in pairs]
    assert int(count) == max(copies) == copies[list(splits.fold).index(int(fold))]


def test_a_coarse_table_copied_with_its_times_blocks(cohort, fixed):
    draw = np.random.default_rng(0)
    coarse = draw.integers(0, 3, (120, 3)).astype(float)
    time, event = draw.exponential(size=120).round(3) + 0.1, draw.random(120) < 0.5
    splits = fixed(range(40), range(40, 80), range(80, 120))
    (chance,) = duplicate_rows(cohort(coarse, task=Survive("t", time, event)), splits)
    assert chance.severity == "warning"
    for column in (coarse, time, event):
        column[100:110] = column[:10]
    (copied,) = duplicate_rows(cohort(coarse, task=Survive("t", time, event)), splits)
    assert copied.severity == "blocking"
    assert copied.message == "table: 10 of 40 test rows are copies of training rows, outcome included"


def test_stays_with_next_to_nothing_observed_are_no_copies(cohort, values, fixed):
    # 40 patients have one of five values at one hour, and nothing else.
    draw = np.random.default_rng(0)
    steps = draw.normal(size=(120, 10, 4))
    steps[::3] = np.nan
    steps[::3, 0, 0] = draw.integers(0, 5, 40)
    series = Modality("series", steps, ("a", "b", "c", "d"))
    made = cohort(values, modalities={"series": series})
    splits = fixed(range(40), range(40, 80), range(80, 120))
    assert duplicate_rows(made, splits) == []
    steps[100] = steps[1]
    assert duplicate_rows(made, splits)[0].rows == ("p001", "p100")


def test_rows_of_one_patient_are_no_copies_of_each_other(cohort, values, label):
    values[60:], label[60:] = values[:60], label[:60]
    made = cohort(values, patient=np.arange(120) % 60, sample=np.arange(120) // 60)
    assert duplicate_rows(made, make_splits(made)) == []
    rows = make_splits(made, scheme="rows")
    assert duplicate_rows(made, rows)[0].severity == "blocking"
    assert len(patient_in_two_parts(made, rows)[0].rows) > 30


def test_what_a_patient_lacks_is_never_compared(cohort, values, fixed):
    values[[0, 100]] = 7.0
    present = ~np.isin(np.arange(120), [0, 100])
    table = Modality("table", values, ("a", "b", "c"), present=present)
    assert (
        duplicate_rows(cohort(values, modalities={"table": table}), fixed(range(40), range(40, 80), range(80, 120)))
        == []
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_bytes_are_compared_as_they_are(cohort, values, fixed, dtype):
    images = np.random.default_rng(0).integers(0, 255, (120, 4, 4, 1)).astype(dtype)
    images[100] = images[0]
    made = cohort(values, modalities={"image": Modality("image", images, ("grey",))})
    (finding,) = duplicate_rows(made, fixed(range(40), range(40, 80), range(80, 120)))
    assert finding.rows == ("p000", "p100")


def test_blocks_do_not_change_the_answer(cohort, values, monkeypatch):
    values[60:70] = values[:10]
    values[::7, 1] = np.nan
    made = cohort(values)
    splits = make_splits(made)
    whole = inspect(made, splits)
    monkeypatch.setattr(observed, "BLOCK", 7)
    assert inspect(made, splits) == whole


@given(st.data())
def test_counts_agree_with_comparing_all_pairs(draw):
    n = 12
    codes = np.array(draw.draw(st.lists(st.integers(-1, 4), min_size=n, max_size=n)))
    part = np.array([*draw.draw(st.lists(st.integers(0, 3), min_size=n - 3, max_size=n - 3)), 0, 1, 2])
    label = np.array([*draw.draw(st.lists(st.integers(0, 1), min_size=n - 2, max_size=n - 2)), 0, 1])
    pairs = st.tuples(st.integers(0, 4), st.integers(0, 4))
    alike = np.array(draw.draw(st.lists(pairs, min_size=1, max_size=4)))
    made = Cohort(
        "made",
        np.arange(n).astype(str),
        {"table": Modality("table", np.zeros((n, 1)), ("a",))},
        Classify("t", label, ("no", "yes")),
        Source("made", "none", "none"),
    )
    splits = Splits(*((part == p)[None] for p in range(3)), np.zeros(1, int), np.zeros(1, int), "made")
    counts, concerned = across(made, splits, codes, alike)
    linked = {(a, b) for pair in alike.tolist() for a, b in (pair, pair[::-1])}
    like = np.array([[(a, b) in linked for b in codes] for a in codes])
    expected = {}
    for name, mine, other, theirs in (("test", [2], "training", [0, 1]), ("validation", [1], "training", [0])):
        pair = like & np.isin(part, mine)[:, None] & np.isin(part, theirs)
        conflicts = (pair & (label[:, None] != label)).any(axis=1).sum()
        if pair.any():
            expected[name, other] = (pair.any(axis=1).sum(), np.isin(part, mine).sum(), conflicts)
    assert {(c.part, c.other): (c.copies, c.rows, c.conflicts) for c in counts} == expected
    crossing = like & (part[:, None] != part) & (part[:, None] < 3) & (part < 3)
    assert (concerned == crossing.any(axis=1)).all()


def test_whas_is_refused_with_its_count(data_folder):
    cohort = data.load("whas")
    findings = inspect(cohort, make_splits(cohort, scheme="official"))
    with pytest.raises(AuditError, match="duplicate-rows: table: 229 of 328 test rows are copies of training rows"):
        stop_if_blocked(findings)


def test_tata_promoters_are_flagged_with_count_and_conflict(data_folder):
    cohort = data.load("gue_tata")
    (finding,) = duplicate_rows(cohort, make_splits(cohort, scheme="official"))
    assert finding.severity == "blocking"
    assert "16 of 613 test rows are copies of training rows, 1 of them with another label" in finding.message


def test_mice_are_refused_when_their_repeats_are_split(data_folder):
    cohort = data.load("mice_protein")
    findings = inspect(cohort, make_splits(cohort, scheme="rows"))
    with pytest.raises(
        AuditError,
        match=r"patient-in-two-parts: 72 patients .*\(patients 18899, 293, 294, 309, 311 and 67 more",
    ):
        stop_if_blocked(findings)
    grouped = inspect(cohort, make_splits(cohort))
    assert {f.severity for f in grouped} <= {"note"}
