"""Parts without a class or a site, columns without a value, and events for each input."""

import numpy as np

from pmjax.audit.sizes import class_absent, empty_column, events_per_variable, site_absent
from pmjax.cohort import Classify, Modality, Survive
from pmjax.prepare.splits import Splits, make_splits


def fixed(*cuts, n=120):
    """Splits of consecutive rows: (end of training, end of validation) each."""
    row = np.arange(n)
    parts = [np.stack(p) for p in zip(*((row < a, (row >= a) & (row < b), row >= b) for a, b in cuts), strict=True)]
    return Splits(*parts, fold=np.arange(len(cuts)) + 3, inner=np.zeros(len(cuts), int), scheme="made")


def test_a_class_that_lacks_in_training_blocks_and_elsewhere_warns(cohort, values):
    task = Classify("t", (np.arange(120) >= 60).astype(int), ("no", "yes"))
    found = class_absent(cohort(values, task=task), fixed((50, 100), (80, 100)))
    assert [(f.severity, f.message) for f in found] == [
        ("blocking", "no row with class 'yes' in train of outer fold 3"),
        ("warning", "no row with class 'no' in validation of outer fold 4"),
        ("warning", "no row with class 'no' in test of outer fold 3, 4"),
    ]


def test_a_part_without_events_is_found(cohort, values):
    task = Survive("t", np.ones(120), np.arange(120) < 60)
    found = class_absent(cohort(values, task=task), fixed((30, 90)))
    assert [(f.severity, f.message) for f in found] == [("warning", "no row with an event in test of outer fold 3")]


def test_a_site_outside_training_is_noted_with_its_patients_unless_sites_are_held_out(cohort, values):
    made = cohort(values, site=np.where(np.arange(120) < 117, "a", "b"))
    (finding,) = site_absent(made, fixed((60, 90)))
    assert finding.rows == ("p117", "p118", "p119")
    made = cohort(values, site=np.where(np.arange(120) < 60, "a", "b"))
    assert site_absent(made, make_splits(made, scheme="site")) == []
    assert site_absent(cohort(values), fixed((60, 90))) == []


def test_a_column_without_training_values_is_found_also_behind_a_mask(cohort, values):
    values[:60, 1] = np.nan
    steps = np.ones((120, 2, 2))
    steps[:70, 0, 1] = np.nan  # the second step of these rows holds a value, but is padding
    mask = np.array([[True, False]] * 120)
    table = Modality("table", values, ("f0", "f1", "f2"))
    made = cohort(values, modalities={"table": table, "series": Modality("series", steps, ("a", "b"), mask)})
    assert [f.message for f in empty_column(made, fixed((60, 90), (65, 90), (80, 90)))] == [
        "table column 'f1' is missing in all training rows of outer fold 3",
        "series column 'b' is missing in all training rows of outer fold 3, 4",
    ]


def test_events_for_each_input_are_counted_in_the_smallest_training_part(cohort, values):
    task = Classify("t", (np.arange(120) % 4 == 0).astype(int), ("no", "yes"))
    made = cohort(values, task=task)
    assert events_per_variable(made, fixed((117, 118), (118, 119))) == []
    (finding,) = events_per_variable(made, fixed((118, 119), (80, 100)))
    assert finding.severity == "note"
    assert finding.message.startswith("20 events for 3 inputs of table: 6.7 each")
