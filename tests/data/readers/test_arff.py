"""ARFF: the published files read as published, and what a header does not allow is refused by line."""

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import arff as scipy_arff

from pmjax.data.readers.arff import arff, read_arff
from pmjax.errors import UserError

HEADER = """% a comment
@relation r
@attribute x numeric
@ATTRIBUTE 'the sex' {f, 'm', "it's"}
@attribute dx {0,1}
@data
"""


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "t.arff"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def test_reads_quotes_comments_and_missing_values(write):
    frame, attributes = read_arff(write(HEADER + "1.5,f,0\n% between\n\n?, 'm' ,1\n-2e3,'it\\'s',?\n"))
    np.testing.assert_array_equal(frame["x"], [1.5, np.nan, -2000])
    assert frame["the sex"].tolist() == ["f", "m", "it's"]
    assert frame["dx"].tolist() == ["0", "1", None]
    assert [a.levels for a in attributes] == [None, ("f", "m", "it's"), ("0", "1")]


def test_a_quoted_question_mark_is_text_and_strings_hold_commas(write):
    frame, _ = read_arff(write("@attribute s string\n@attribute d date 'yyyy'\n@data\n'a, b',2020-01-01\n'?',?\n"))
    assert frame["s"].tolist() == ["a, b", "?"]
    assert frame["d"].tolist() == ["2020-01-01", None]


def test_a_cohort_has_nominal_inputs_one_hot_in_the_declared_order(write):
    cohort = arff(write(HEADER + "1,m,0\n2,f,1\n"), roles={"label": "dx"})
    assert cohort.modalities["table"].features == ("x", "the sex=f", "the sex=m", "the sex=it's")
    np.testing.assert_array_equal(cohort.modalities["table"].values, [[1, 0, 1, 0], [2, 1, 0, 0]])


def test_broken_rows_are_counted_where_the_user_allows_it(write):
    cohort = arff(write(HEADER + "1,m,0\n2,f\n2,f,1\n"), roles={"label": "dx"}, exclude_broken=True)
    assert cohort.flow == (("rows in the file", 3), ("broken rows left out", 1), ("analysed", 2))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER + "1,x,0\n", "t.arff, line 7: 'the sex' is 'x', none of the levels declared"),
        (HEADER + "old,f,0\n", "line 7: 'x' is 'old', no number"),
        (HEADER + "inf,f,0\n", "line 7: 'x' is 'inf', no number"),
        (HEADER + "1,f,0\n1,f\n", "line 8: 2 fields, 3 attributes"),
        (HEADER + "1,f,0,0\n", "line 7: 4 fields, 3 attributes"),
        (HEADER + "1,'f,0\n", "line 7: a quote is open"),
        (HEADER + "1,'f'f,0\n", "line 7: a quote is open, or text follows it"),
        (HEADER + "{0 1, 1 f}\n", "line 7: a sparse row"),
        (HEADER, "no row after @data"),
        (HEADER.replace("@data\n", ""), "there is no @data"),
        (HEADER.replace("numeric", "relational"), "line 3: 'x' is of type 'relational'"),
        (HEADER.replace("numeric", ""), "line 3: 'x' is of type ''"),
        (HEADER.replace("@attribute x", "@attribute"), "line 3"),
        (HEADER.replace("@attribute dx {0,1}", "@attribute x {0,1}"), "line 5: the attribute 'x' appears twice"),
        (HEADER.replace("{0,1}", "{0,0}"), "line 5: the levels of 'dx' must be named, each once"),
        ("@relation r\n@data\n1\n", "line 2: @data before any @attribute"),
        ("a,b\n1,2\n", "line 1: expected @relation"),
        ("", "the file is empty"),
        (b"@relation \xff\n", "line 1: not UTF-8"),
    ],
)
def test_faults_are_one_line_that_names_the_place(write, content, message):
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        read_arff(write(content))
    assert "\n" not in str(caught.value)


def test_splice_reads_as_published(data_folder):
    path = str(data_folder / "uci_splice" / "splice.arff")
    cohort = arff(path, roles={"label": "Class"}, drop=["Instance_name"])
    assert (len(cohort), cohort.task.classes) == (3190, ("EI", "IE", "N"))
    assert np.bincount(cohort.task.label).tolist() == [767, 768, 1655]
    values = cohort.modalities["table"].values
    assert (values.sum(axis=1) == 60).all()
    with pytest.raises(UserError, match="'Instance_name' has 3178 levels"):
        arff(path, roles={"label": "Class"})


@pytest.mark.parametrize("part", ["TRAIN", "TEST"])
def test_heartbeats_read_as_scipy_reads_them(data_folder, part):
    path = data_folder / "ecg200" / f"ECG200_{part}.arff"
    frame, attributes = read_arff(path)
    with path.open(encoding="utf-8") as file:
        want, _ = scipy_arff.loadarff(file)
    assert [a.name for a in attributes] == list(want.dtype.names)
    for name in want.dtype.names[:-1]:
        np.testing.assert_array_equal(frame[name], want[name])
    assert frame["target"].tolist() == [value.decode() for value in want["target"]]


def tried(read):
    try:
        return read()
    except UserError as error:
        return error


@given(st.binary(max_size=80) | st.text("01.,'\"{}?%\\ fm\n", max_size=60).map(lambda t: (HEADER + t).encode()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_any_bytes_give_a_frame_or_one_line(write, content):
    result = tried(lambda: read_arff(write(content)))
    assert "\n" not in str(result) if isinstance(result, UserError) else len(result[0]) > 0
