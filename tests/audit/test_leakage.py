"""Planted columns that give the label away are found; honest ones and scikit-learn's AUROC agree."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pmjax import data
from pmjax.audit.leakage import label_copy, single_column
from pmjax.cohort import Classify, Modality, Survive
from pmjax.prepare.splits import make_splits

PLANTS = {
    "a copy": lambda y, noise: y,
    "a mirrored copy": lambda y, noise: 3.0 - 2 * y,
    "a scaled copy with gaps": lambda y, noise: np.where(noise > 1, np.nan, 10.0 * y),
    "a perfect order": lambda y, noise: noise + 100 * y,
    "missing where the label is 1": lambda y, noise: np.where(y == 1, np.nan, noise),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_a_column_that_decides_the_label_blocks(cohort, values, label, plant):
    values[:, 1] = PLANTS[plant](label, values[:, 1])
    made = cohort(values)
    (finding,) = label_copy(made, make_splits(made))
    assert finding.severity == "blocking"
    assert "'table: f1" in finding.message
    assert "f0" not in finding.message
    assert "f2" not in finding.message


@pytest.mark.parametrize("codes", [(0, 1, 2), (1, 0, 2), (5, 9, 1)])
def test_a_recoded_label_of_three_classes_blocks(cohort, values, codes):
    label = np.arange(120) % 3
    values[:, 2] = np.take(codes, label)
    made = cohort(values, task=Classify("t", label, ("a", "b", "c")))
    (finding,) = label_copy(made, make_splits(made))
    assert "column 'table: f2' decides" in finding.message


@pytest.mark.parametrize(
    ("spread", "severity"), [(0.1, "copy"), (0.2, "blocking"), (0.25, "warning"), (0.3, "none"), (0.6, "none")]
)
def test_severity_follows_scikit_learns_auroc(cohort, values, label, spread, severity):
    values[:, 0] = label + spread * values[:, 0]
    auroc = roc_auc_score(label, values[:, 0])
    assert severity == ("none", "warning", "blocking", "copy")[np.digitize(auroc, [0.98, 0.995, 1.0])]
    made = cohort(values)
    splits = make_splits(made)
    expected = [severity] if severity in ("warning", "blocking") else []
    assert [f.severity for f in single_column(made, splits)] == expected
    assert [f.severity for f in label_copy(made, splits)] == (["blocking"] if severity == "copy" else [])


def test_a_few_patients_that_separate_by_chance_are_no_finding(cohort):
    # 1,000 columns of noise for 12 patients: about two of them separate 6 from 6 perfectly.
    label = np.arange(12) % 2
    noise = np.random.default_rng(0).normal(size=(12, 1000))
    made = cohort(noise, task=Classify("t", label, ("no", "yes")))
    assert max(roc_auc_score(label, column) for column in noise.T) == 1
    assert label_copy(made, make_splits(made, folds=2)) == []


@pytest.mark.parametrize("padded", [False, True])
def test_a_label_in_the_last_real_step_of_a_series_blocks(cohort, values, label, padded):
    steps = np.random.default_rng(0).normal(size=(120, 4, 2))
    length = np.random.default_rng(1).integers(2, 5, 120) if padded else np.full(120, 4)
    steps[np.arange(120), length - 1, 1] = label
    whole = cohort(values)
    series = Modality("series", steps, ("a", "b"), np.arange(4) < length[:, None])
    made = replace(whole, modalities={"series": series})
    (finding,) = label_copy(made, make_splits(made))
    assert "column 'series: b (last step)' decides" in finding.message


@pytest.mark.parametrize("column", ["time", "late", "event"])
def test_time_or_event_among_the_inputs_blocks(cohort, values, label, column):
    time = np.random.default_rng(0).exponential(size=120) + 0.1
    values[:, 0] = {"time": time, "late": -np.log(time), "event": label}[column]
    made = cohort(values, task=Survive("t", time, label))
    (finding,) = label_copy(made, make_splits(made))
    assert "column 'table: f0' decides" in finding.message


def test_intervals_may_tell_their_start(cohort, values):
    # One row a day for each of 4 patients: the start nearly equals the stop, and both are known then.
    patient, day = np.arange(120) % 4, np.arange(120) // 4
    values[:, 0] = day
    event = (day == 29) & (patient < 2)
    task = Survive("t", day + 1.0, event, start=day.astype(float))
    made = cohort(values, task=task, patient=patient)
    assert label_copy(made, make_splits(made, scheme="grouped", folds=2)) == []


@pytest.mark.parametrize("name", data.PACKAGED)
def test_honest_columns_are_no_finding(name):
    cohort = data.load(name)
    splits = make_splits(cohort)
    assert label_copy(cohort, splits) + single_column(cohort, splits) == []
