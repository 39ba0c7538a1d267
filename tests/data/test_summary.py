"""The summary of a cohort against pandas and lifelines."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter

from pmjax import data
from pmjax.cohort import Classify, Cohort, Modality, Source
from pmjax.data.summary import median_follow_up, summarise


@pytest.mark.parametrize("name", data.PACKAGED)
def test_counts_add_up_and_the_whole_is_json(name):
    cohort = data.load(name)
    summary = summarise(cohort)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert json.dumps(summary) == json.dumps(summarise(data.load(name)))
    task = summary["task"]
    outcomes = sum(task["counts"].values()) if task["kind"] == "classify" else task["events"] + task["censored"]
    assert outcomes == summary["patients"] == len(set(cohort.patient))
    for levels in (*summary["groups"].values(), summary["sites"], summary["arms"]):
        if levels:
            assert sum(level["n"] for level in levels.values()) == summary["patients"]
            total = task["events"] if task["kind"] == "survive" else list(task["counts"].values())[-1]
            assert sum(level["events"] for level in levels.values()) == total
    assert summary["flow"][-1][1] == len(cohort)


def test_missing_and_balance_leave_gaps_and_padding_out():
    table = Modality("table", np.array([[1.0, np.nan], [3.0, np.nan], [5.0, 2.0], [9.0, np.nan]]), ("a", "b"))
    mask = np.array([[True, True], [True, False], [True, False], [True, False]])
    steps = np.full((4, 2, 1), np.nan)
    steps[:2, 0] = 1.0
    modalities = {"table": table, "series": Modality("series", steps, ("c",), mask)}
    task = Classify("t", np.array([0, 0, 1, 1]), ("no", "yes"))
    summary = summarise(Cohort("made", np.arange(4), modalities, task, Source("", "", "")))
    assert summary["modalities"]["table"]["missing"] == {"a": 0.0, "b": 0.75}
    assert summary["modalities"]["series"]["missing"] == {"c": 0.6}  # 3 of 5 real steps
    assert summary["balance"]["a"]["overall"] == [4.5, pytest.approx(np.std([1, 3, 5, 9], ddof=1))]
    assert summary["balance"]["b"] == {"overall": [2.0, None], "no": [None, None], "yes": [2.0, None]}


@given(st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=40))
def test_median_follow_up_is_the_reverse_kaplan_meier_median(pairs):
    time, event = (np.array(x) for x in zip(*pairs, strict=True))
    # lifelines lets the event of interest come first in a tie; here deaths do, so censoring is moved a little later.
    expected = KaplanMeierFitter().fit(time + 0.1 * ~event, ~event).median_survival_time_
    found = median_follow_up(time.astype(float), event.astype(bool))
    assert (np.inf if found is None else found) == (expected if np.isinf(expected) else np.floor(expected))
