"""Shift between parts and sites is found and measured as SciPy and hand computation do; a random split has none."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score

from pmjax.audit.columns import columns
from pmjax.audit.shift import _holm, _measures, differences, shift_parts, shift_sites
from pmjax.cohort import Classify, Modality
from pmjax.prepare.splits import make_splits


@pytest.fixture
def halves(fixed):
    return fixed(range(250), range(250, 260), range(260, 500), n=500)


@pytest.fixture
def many(cohort):
    """Makes a cohort of 500 patients."""

    def make(values, **change):
        label = np.random.default_rng(9).integers(0, 2, 500)
        return cohort(values, task=Classify("t", label, ("no", "yes")), **change)

    return make


def noise(features=5):
    return np.random.default_rng(0).normal(size=(500, features))


def test_a_moved_column_is_named_with_its_measures(many, halves):
    values = noise()
    assert shift_parts(many(values), halves) == []
    values[260:, 3] += 1
    (finding,) = shift_parts(many(values), halves)
    a, b = values[260:, 3], values[:250, 3]
    smd = (a.mean() - b.mean()) / np.sqrt((a.var() + b.var()) / 2)
    assert finding.severity == "warning"
    assert "test rows differ from training rows in 1 of 5 columns, most in 'table: f3' " in finding.message
    assert f"(standardised mean difference {smd:.2f}, KS {ks_2samp(a, b).statistic:.2f})" in finding.message
    assert "AUROC 0.7" in finding.message


def test_what_only_columns_together_tell_is_seen_by_the_classifier(many, halves):
    draw = np.random.default_rng(1)
    values = draw.normal(size=(500, 2))
    values[:, 1] = values[:, 0] + np.where(np.arange(500) >= 260, 0.15, -0.15) + 0.05 * draw.normal(size=500)
    values = np.column_stack([values[:, 0], values[:, 1]])
    (finding,) = shift_parts(many(values), halves)
    assert finding.message.startswith("test rows differ from training rows; a linear classifier tells them apart")
    auroc = float(finding.message[-4:])
    best = max(roc_auc_score(np.arange(500) >= 260, column) for column in values.T)
    assert best < 0.6
    assert auroc > 0.9


def test_more_gaps_in_one_part_are_shift(many, halves):
    values = noise()
    values[np.random.default_rng(1).random(500) < 0.05, 2] = np.nan
    assert shift_parts(many(values), halves) == []
    values[260:400, 2] = np.nan
    assert "most in 'table: f2 is missing'" in shift_parts(many(values), halves)[0].message


def test_random_splits_of_many_columns_are_silent(many):
    made = many(noise(300))
    assert shift_parts(made, make_splits(made, repeats=2)) == []


def test_sites_that_differ_are_a_note_and_held_out_sites_are_too(many, halves):
    values, site = noise(), np.repeat(["north", "south", "west"], [200, 200, 100])
    assert shift_sites(many(values, site=site), halves) == []
    values[site == "west"] *= 4
    made = many(values, site=site)
    (finding,) = shift_sites(made, halves)
    assert finding.severity == "note"
    assert finding.message.startswith("site 'west' differs from the other sites in 5 of 5 columns")
    (held_out,) = shift_parts(made, make_splits(made, scheme="site"))
    assert held_out.severity == "note"
    assert shift_sites(many(values), halves) == []


def test_repeats_of_a_patient_count_once(cohort, label):
    # Three patients would make any two parts differ, were their 40 repeats independent.
    values = np.repeat(np.random.default_rng(0).normal(size=(3, 4)), 40, axis=0)
    made = cohort(values, patient=np.repeat(["a", "b", "c"], 40), sample=np.arange(120).astype(str))
    assert shift_parts(made, make_splits(made, scheme="rows")) == []


@pytest.mark.parametrize("kind", ["image", "sequence", "series"])
def test_other_kinds_are_compared_by_their_summaries(many, halves, kind):
    draw = np.random.default_rng(0)
    values = {
        "image": draw.normal(size=(500, 16, 16, 1)),
        "sequence": np.eye(4, dtype=np.uint8)[draw.integers(0, 4, (500, 50))],
        "series": draw.normal(size=(500, 5, 4)),
    }[kind]
    modality = Modality(kind, values, tuple("ACGT") if kind != "image" else ("grey",))
    made = many(noise(), modalities={kind: modality})
    assert shift_parts(made, halves) == []
    if kind == "sequence":
        values[260:, :20] = [0, 1, 0, 0]
    else:
        values[260:] += 1
    assert f"'{kind}: " in shift_parts(made, halves)[0].message


def test_distances_are_scipys_also_with_ties():
    draw = np.random.default_rng(0)
    a, b = draw.integers(0, 6, (80, 30)).astype(float), draw.integers(0, 7, (60, 30)).astype(float)
    smd, ks, p = _measures(a, b)
    for c in range(30):
        expected = ks_2samp(a[:, c], b[:, c], method="asymp")
        assert ks[c] == pytest.approx(expected.statistic)
        assert p[c] >= 0.9 * expected.pvalue  # the limit law, a little on the safe side of SciPy's
        sd = np.sqrt((a[:, c].var() + b[:, c].var()) / 2)
        assert smd[c] == pytest.approx((a[:, c].mean() - b[:, c].mean()) / sd)


def test_holm_by_hand():
    # Times 4, 3, 2, 1: .0008, .0009, .00104 stops, and what follows with it.
    assert _holm(np.array([[0.0003, 0.0002], [0.00052, 0.0009]])).tolist() == [[True, True], [False, False]]


def test_false_alarms_of_pure_noise_are_rare():
    draw = np.random.default_rng(0)
    side = np.arange(200) < 100
    alarms = 0
    for _ in range(100):
        frame = columns_of(draw.normal(size=(200, 10)))
        (found,) = differences(frame, {"one": (side, ~side)})
        alarms += found.columns > 0 or found.auroc > 0.5
    assert alarms <= 1


def columns_of(values):
    return pd.DataFrame(values, columns=[f"c{i}" for i in range(values.shape[1])])


def test_an_absent_modality_is_one_column(many):
    present = np.arange(500) % 3 > 0
    table = Modality("table", np.where(present[:, None], noise(), np.nan), tuple("abcde"), present=present)
    frame = columns(many(noise(), modalities={"protein": table}), np.arange(500))
    assert [*frame] == ["protein is absent", *(f"protein: {f}" for f in "abcde")]
