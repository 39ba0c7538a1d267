"""Cohort, Modality and tasks: bad input is refused in one line, and rows stay together."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pmjax import data
from pmjax.cohort import Classify, Cohort, Modality, Source, Survive
from pmjax.errors import UserError

SOURCE = Source("made", "none", "none")


def table(n=4, f=2, **change):
    values = np.arange(float(n * f)).reshape(n, f)
    return Modality(**{"kind": "table", "values": values, "features": ("a", "b", "c")[:f], **change})


def series(mask):
    return Modality("series", np.ones((2, 3, 1)), ("a",), mask)


def cohort(**change):
    task = Classify("t", np.array([0, 1, 0, 1]), ("no", "yes"))
    given = {"name": "made", "patient": np.arange(4), "modalities": {"x": table()}, "task": task, "source": SOURCE}
    return Cohort(**{**given, **change})


def with_value(value):
    values = np.ones((4, 2))
    values[2, 1] = value
    return values


def labels(*label, classes=("no", "yes")):
    return Classify("t", np.array(label), classes)


def survival(time=(1.0, 2.0), event=(1, 0), start=None):
    return Survive("t", np.array(time), np.array(event), start=None if start is None else np.array(start))


def visits(start, stop):
    task = Survive("t", np.array(stop), np.array([0, 0, 1, 1]), start=np.array(start))
    return cohort(task=task, patient=np.array(["p", "p", "p", "q"]))


BAD = {
    "wrong axes": (lambda: table(values=np.ones(4)), r"a table needs 2 axes, got shape \(4,\)"),
    "names and columns differ": (lambda: table(features=("a",)), "1 feature names for 2 columns"),
    "a column twice": (lambda: table(features=("a", "a")), "column 'a' appears twice"),
    "an infinite value": (lambda: table(values=with_value(np.inf)), "row 2, column 'b': infinite"),
    "a negative infinite value": (lambda: table(values=with_value(-np.inf)), "row 2, column 'b': infinite"),
    "a mask of another shape": (lambda: series(np.ones((2, 2), bool)), r"mask must be bool of shape \(2, 3\)"),
    "a mask of numbers": (lambda: series(np.ones((2, 3))), "mask must be bool"),
    "a row without a step": (lambda: series(np.array([[True] * 3, [False] * 3])), "row 1 has no observed step"),
    "a missing label": (lambda: labels(0, 1, np.nan), "label of row 2 is nan"),
    "an infinite label": (lambda: labels(0, np.inf, 1), "label of row 1 is inf"),
    "half a label": (lambda: labels(0, 1, 0.5), "labels must be whole numbers, found 0.5"),
    "labels in words": (lambda: labels("no", "yes"), "labels must be integers"),
    "a label without a name": (lambda: labels(0, 1, 2), "label 2 has no name"),
    "a label below zero": (lambda: labels(0, 1, -1), "label -1 has no name"),
    "one class only": (lambda: labels(1, 1, 1), "only one class is present"),
    "one class named": (lambda: labels(0, 0, classes=("no",)), "only one class is present"),
    "a class without patients": (lambda: labels(0, 2, classes=("a", "b", "c")), "class 'b' has no patient"),
    "zero time": (lambda: survival(time=(3.0, 0.0)), "time of row 1 is 0.0; it must be above zero"),
    "negative time": (lambda: survival(time=(-3.0, 1.0)), "time of row 0 is -3.0"),
    "missing time": (lambda: survival(time=(1.0, np.nan)), "time of row 1 is nan"),
    "infinite time": (lambda: survival(time=(1.0, np.inf)), "time of row 1 is inf"),
    "event coded 1 and 2": (lambda: survival(event=(1, 2)), "event must be 0 or 1, found 2"),
    "missing event": (lambda: survival(event=(1, np.nan)), "event must be 0 or 1, found nan"),
    "more events than times": (lambda: survival(event=(1, 0, 1)), "2 times for 3 events"),
    "all censored": (lambda: survival(event=(0, 0)), "every row is censored"),
    "an empty interval": (lambda: survival(start=(0.0, 2.0)), "row 1 starts at 2.0 and stops at 2.0"),
    "a start below zero": (lambda: survival(start=(-1.0, 0.0)), "row 0 starts at -1.0"),
    "an empty cohort": (lambda: cohort(patient=np.array([])), "cohort 'made' is empty"),
    "no modality": (lambda: cohort(modalities={}), "has no modality"),
    "a short modality": (lambda: cohort(modalities={"x": table(3)}), "modality x has 3 rows, there are 4 patients"),
    "a short task": (lambda: cohort(task=labels(0, 1)), "task has 2 rows"),
    "short groups": (lambda: cohort(groups=pd.DataFrame({"sex": ["f"]})), "groups has 1 rows"),
    "short sites": (lambda: cohort(site=np.array(["a"] * 5)), "site has 5 rows"),
    "short arms": (lambda: cohort(arm=np.array(["a"] * 3)), "arm has 3 rows"),
    "a patient twice": (lambda: cohort(patient=np.array(["p", "q", "p", "r"])), "patient 'p' appears 2 times"),
    "overlapping intervals": (lambda: visits([0.0, 4.0, 9.0, 0.0], [5.0, 9.0, 12.0, 1.0]), "of patient 'p' overlap"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_in_one_line(case):
    make, message = BAD[case]
    with pytest.raises(UserError, match=message) as error:
        make()
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


def test_a_kind_that_does_not_exist_is_refused():
    modality = table()
    # Set past the constructor: the run-time type check of the tests, absent in use, would stop it first.
    object.__setattr__(modality, "kind", "video")
    with pytest.raises(UserError, match="modality kind 'video' is unknown; use one of table, series"):
        modality.__post_init__()


def test_intervals_that_touch_or_leave_a_gap_are_accepted_in_any_order():
    assert len(visits([5.0, 0.0, 9.0, 0.0], [8.0, 5.0, 12.0, 1.0])) == 4


def test_missing_values_are_kept():
    assert np.isnan(table(values=with_value(np.nan)).values[2, 1])


@pytest.mark.parametrize("name", data.PACKAGED)
def test_take_keeps_the_same_patients_everywhere(name):
    whole = data.load(name)
    rows = np.random.default_rng(0).permutation(len(whole))[: len(whole) // 2]
    mask = np.isin(np.arange(len(whole)), rows)
    for chosen, index in ((whole.take(rows), rows), (whole.take(mask), np.flatnonzero(mask))):
        np.testing.assert_array_equal(chosen.patient, whole.patient[index])
        np.testing.assert_array_equal(chosen.task.stratum, whole.task.stratum[index])
        for key, modality in chosen.modalities.items():
            np.testing.assert_array_equal(modality.values, whole.modalities[key].values[index])
        for column in () if whole.groups is None else whole.groups:
            assert chosen.groups[column].tolist() == whole.groups[column].iloc[index].tolist()


def test_labels_and_events_come_out_typed():
    assert labels(0.0, 1.0).label.dtype == np.int32
    assert survival(event=(1.0, 0.0)).event.dtype == bool
    assert replace(survival(), start=np.array([0, 1])).start.dtype == np.float64
