"""Roles: every fault names its column or its patient, and what is read is what a reader of the table would say."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.cohort import Modality, Source
from pmjax.data.readers.roles import ROLES, Outcomes, align, build_cohort, read_outcomes, role_columns
from pmjax.errors import UserError


def frame(**columns):
    base = {
        "pid": ["007", "8", "9"],
        "dx": ["ill", "well", "ill"],
        "days": ["10", "2.5", "3"],
        "died": ["1", "no", "TRUE"],
    }
    return pd.DataFrame(base | columns)


LABEL = {"id": "pid", "label": "dx"}
SURVIVAL = {"id": "pid", "time": "days", "event": "died"}


def test_labels_are_sorted_and_ids_stay_text():
    read = read_outcomes(frame(), LABEL, "a.csv")
    assert read.patient.tolist() == ["007", "8", "9"]
    assert (read.task.classes, read.task.label.tolist()) == (("ill", "well"), [0, 1, 0])


def test_classes_give_the_order_and_may_merge_labels():
    ordered = read_outcomes(frame(), LABEL | {"classes": ["well", "ill"]}, "a.csv").task
    assert (ordered.classes, ordered.label.tolist()) == (("well", "ill"), [1, 0, 1])
    graded = frame(dx=[0.0, 2.0, 1.0])
    merged = read_outcomes(graded, LABEL | {"classes": {0: "none", 1: "some", 2: "some"}, "name": "stenosis"}, "a").task
    assert (merged.name, merged.classes, merged.label.tolist()) == ("stenosis", ("none", "some"), [0, 1, 1])


def test_numeric_labels_are_sorted_as_numbers():
    assert read_outcomes(frame(dx=["10", "9", "9"]), LABEL, "a.csv").task.classes == ("9", "10")
    assert read_outcomes(frame(dx=[1.0, 0.0, 1.0]), LABEL, "a.csv").task.classes == ("0", "1")


def test_survival_reads_words_of_events():
    task = read_outcomes(frame(), SURVIVAL | {"unit": "months"}, "a.csv").task
    assert (task.time.tolist(), task.event.tolist(), task.unit) == ([10.0, 2.5, 3.0], [True, False, True], "months")


def test_intervals_of_a_patient_need_no_sample():
    rows = frame(pid=["a", "a", "b"], start=["0", "10", "0"], days=["10", "20", "5"])
    read = read_outcomes(rows, SURVIVAL | {"start": "start"}, "a.csv")
    assert read.task.start.tolist() == [0.0, 10.0, 0.0]


def test_dates_become_days_on_one_clock():
    roles = LABEL | {"date": {"blood": "drawn"}, "outcome_date": "known"}
    rows = frame(drawn=["1970-01-02", "2020-02-29T12:00", "NA"], known=["1970-01-03", "2020-03-01", ""])
    read = read_outcomes(rows, roles, "a.csv")
    np.testing.assert_array_equal(read.recorded["blood"], [1.0, 18321.5, np.nan])
    np.testing.assert_array_equal(read.outcome_at, [2.0, 18322.0, np.nan])
    with pytest.raises(UserError, match="use one clock"):
        read_outcomes(frame(drawn=["1", "2", "3"], known=rows["known"]), roles, "a.csv")


def test_missing_groups_are_a_group_and_sites_parts_and_arms_are_read():
    rows = frame(sex=["f", None, "?"], ward=["A", "B", "A"], arm=[1.0, 0.0, 1.0], fold=["train", "test", "validation"])
    roles = LABEL | {"groups": ["sex"], "site": "ward", "treatment": "arm", "part": "fold"}
    cohort = build_cohort(
        "t",
        read_outcomes(rows, roles, "a.csv"),
        {"table": Modality("table", np.zeros((3, 1)), ("x",))},
        Source("t", "c", "l"),
        (("analysed", 3),),
    )
    assert cohort.groups["sex"].tolist() == ["f", "unknown", "unknown"]
    assert (cohort.site.tolist(), cohort.arm.tolist()) == (["A", "B", "A"], ["1", "0", "1"])
    assert cohort.part.tolist() == ["train", "test", "validation"]


@pytest.mark.parametrize(
    ("columns", "roles", "message"),
    [
        ({}, LABEL | {"lable": "dx"}, "'lable' is no role (did you mean 'label'?)"),
        ({}, {"id": "pidd", "label": "dx"}, "a.csv: there is no column 'pidd' (did you mean 'pid'?)"),
        ({}, {"id": "pid"}, "give either a label, or a time and an event"),
        ({}, LABEL | {"time": "days"}, "give either a label, or a time and an event"),
        ({}, {"id": "pid", "time": "days"}, "give either a label, or a time and an event"),
        ({}, {"id": 3, "label": "dx"}, "'id' must name a column, not 3"),
        ({}, {"id": ["pid"], "label": "dx"}, "'id' must name a column"),
        ({}, LABEL | {"classes": "ill"}, "'classes' must list the labels"),
        ({"dx": ["ill", None, "well"]}, LABEL, "a.csv: patient '8' (row 2): the label 'dx' is missing"),
        ({"dx": ["ill", "NA", "?"]}, LABEL, "patient '8' (row 2) and 1 more: the label 'dx' is missing"),
        ({}, LABEL | {"classes": ["well", "sick"]}, "the label is none of well, sick, found 'ill'"),
        ({"pid": ["1", "", "2"]}, LABEL, "row 2: the id 'pid' is missing"),
        ({"pid": ["1", "2", "1"]}, LABEL, "the id '1' appears 2 times; give the role 'sample'"),
        ({"pid": ["1", "2", "1"], "h": [1, 1, 1]}, LABEL | {"sample": "h"}, "patient '1' has the sample '1' twice"),
        ({"days": ["1", "soon", "2"]}, SURVIVAL, "patient '8' (row 2): the time is no number, found 'soon'"),
        ({"days": ["1", "0", "2"]}, SURVIVAL, "patient '8' (row 2): the time must be above zero"),
        ({"days": [1.0, np.nan, 2.0]}, SURVIVAL, "patient '8' (row 2): the time 'days' is missing"),
        ({"days": ["1", "inf", "2"]}, SURVIVAL, "the time is no number"),
        ({"died": ["1", "2", "0"]}, SURVIVAL, "patient '8' (row 2): the event must be one of"),
        ({"fold": ["train", "dev", "test"]}, LABEL | {"part": "fold"}, "one of train, validation, test, found 'dev'"),
        ({"at": ["2020-01-01", "31/12/2020", ""]}, LABEL | {"date": "at"}, "patient '8' (row 2): 'at' must be a date"),
        ({"dx": ["ill", "x" * 600, "well"]}, LABEL, "a.csv, row 2: column 'dx' holds a text of over 500"),
    ],
)  # fmt: skip
def test_faults_are_one_line_that_names_the_place(columns, roles, message):
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        read_outcomes(frame(**columns), roles, "a.csv")
    assert "\n" not in str(caught.value)


def test_columns_of_roles_are_named_once_in_the_order_of_roles():
    assert role_columns({"label": "dx", "id": "pid", "groups": ["sex", "dx"]}) == ("pid", "dx", "sex")
    assert set(ROLES) >= set(Outcomes.__dataclass_fields__) & {"sample", "groups", "site", "part"}


def test_align_finds_each_measurement():
    read = read_outcomes(frame(), LABEL, "a.csv")
    assert align(read, np.array(["9", "007"]), "x.fa").tolist() == [1, -1, 0]
    with pytest.raises(UserError, match=r"x\.fa: 1 ids have no outcome, first '10'"):
        align(read, np.array(["9", "10"]), "x.fa")
    excluded: list[str] = []
    assert align(read, np.array(["9", "10"]), "x.fa", excluded).tolist() == [-1, -1, 0]
    assert excluded == ["x.fa: '10' has no outcome"]
    with pytest.raises(UserError, match="'9' appears twice"):
        align(read, np.array(["9", "9"]), "x.fa")
    with pytest.raises(UserError, match="no id has an outcome"):
        align(read, np.array(["a"]), "x.fa", [])


def test_align_goes_by_sample_where_there_is_one():
    rows = frame(pid=["a", "a", "b"], scan=["s1", "s2", "s3"])
    read = read_outcomes(rows, LABEL | {"sample": "scan"}, "a.csv")
    assert align(read, np.array(["s3", "s1", "s2"]), "x").tolist() == [1, 2, 0]
    shared = read_outcomes(frame(pid=["a", "a", "b"], scan=["1", "2", "1"]), LABEL | {"sample": "scan"}, "a.csv")
    with pytest.raises(UserError, match="the sample '1' is of two patients"):
        align(shared, np.array(["1"]), "x")


def tried(read):
    try:
        return read()
    except UserError as error:
        return error


cell = st.one_of(st.none(), st.floats(), st.integers(), st.booleans(), st.text(max_size=6))


@given(
    st.lists(st.tuples(cell, cell, cell), min_size=0, max_size=6),
    st.dictionaries(st.sampled_from((*ROLES, "classes", "x")), st.sampled_from("abcz"), max_size=6),
)
def test_any_table_and_roles_give_outcomes_or_one_line(rows, roles):
    table = pd.DataFrame(rows, columns=list("abc"), dtype=object)
    result = tried(lambda: read_outcomes(table, roles, "a.csv"))
    if isinstance(result, UserError):
        assert "\n" not in str(result)
    else:
        assert len(result.patient) == len(table) == len(result.task.stratum)
