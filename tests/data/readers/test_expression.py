"""Matrices of either way up and GCT become tables of samples by features; a broken cell is one line that names it."""

import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.data.readers.expression import expression
from pmjax.data.readers.gct import read_gct
from pmjax.data.readers.matrix import read_matrix
from pmjax.errors import UserError

ROLES = {"id": "id", "label": "label"}
VALUES = [[1.5, np.nan, 3], [-4, 5e3, 0]]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("expression") / "file"


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def is_the_example(matrix):
    np.testing.assert_array_equal(matrix.values, np.float32(VALUES))
    assert (matrix.samples, matrix.features) == (("s1", "s2"), ("a", "b", "c"))
    return matrix.values.dtype == np.float32 and matrix.values.flags.c_contiguous


BY_SAMPLE = "id,a,b,c\ns1,1.5,NA,3\ns2,-4,5e3,0\n"
BY_GENE = "\ts1\ts2\r\na\t1.5\t-4\r\n\r\nb\t\t5e3\r\nc\t 3\t0\r\n"
GCT2 = "#1.2\n3\t2\nName\tDescription\ts1\ts2\na\t\"5' end\t1.5\t-4\nb\tna\tNaN\t5e3\nc\tna\t3\t0\n"
GCT3 = (
    "#1.3\n3\t2\t2\t1\nid\tsymbol\tchrom\ts1\ts2\nbatch\tna\tna\tx\ty\n"
    "a\tA1\t1\t1.5\t-4\nb\tB1\t2\tNaN\t5e3\nc\tC1\tX\t3\t0\n"
)


def test_matrices_by_hand_either_way_up(write):
    assert is_the_example(read_matrix(write("a.csv", BY_SAMPLE), "columns"))
    assert is_the_example(read_matrix(write("a.tsv", BY_GENE), "rows"))
    assert is_the_example(read_matrix(write("a.csv.gz", gzip.compress(BY_SAMPLE.encode())), "columns"))
    assert is_the_example(read_matrix(write("r.csv", BY_SAMPLE.replace("id,", "")), "columns"))
    assert is_the_example(read_matrix(write("q.csv", BY_SAMPLE.replace("s1", '"s1"')), "columns"))


def test_gct_by_hand(write):
    assert is_the_example(read_gct(write("a.gct", GCT2)))
    assert is_the_example(read_gct(write("b.gct", GCT3)))
    assert is_the_example(read_gct(write("a.gct.gz", gzip.compress(GCT2.encode()))))


numbers = st.one_of(st.none(), st.floats(width=32, allow_nan=False, allow_infinity=False))


@given(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=5), st.booleans())
def test_pandas_writes_and_the_reader_reads_the_same(scratch, rows, turned):
    values = np.array([[np.nan if x is None else x for x in row] for row in rows], np.float64)
    frame = pd.DataFrame(values, [f"s{i}" for i in range(len(rows))], ["a,b", 'c"d', "e f"])
    (frame.T if turned else frame).to_csv(scratch)
    matrix = read_matrix(scratch, "rows" if turned else "columns")
    np.testing.assert_array_equal(matrix.values, values.astype(np.float32))
    assert (list(matrix.samples), list(matrix.features)) == (list(frame.index), list(frame.columns))


BROKEN = {
    "empty": (b"", "the file is empty"),
    "header alone": ("id,a,b\n", "no row of numbers below a header"),
    "names alone": ("id\ns1\n", "there is no column"),
    "word": ("id,a,b\ns1,1,2\ns2,1,low\n", "line 3, column 'b': 'low' is no number"),
    "underscore": ("id,a\ns1,1_000\n", "line 2, column 'a': '1_000' is no number"),
    "decimal comma": ('id,a\ns1,"1,5"\n', "line 2, column 'a': '1,5' is no number"),
    "infinite": ("id,a,b\ns1,1,-inf\n", "line 2, column 'b': '-inf' is not a finite number"),
    "beyond float32": ("id,a\ns1,1e39\n", "'1e39' is not a finite number"),
    "short row": ("id,a,b\ns1,1,2\ns2,1\n", "line 3: 2 fields, the header has 3"),
    "shifted row": ("id,a,b\ns1,1,2\ns2,x,1,2\n", "line 3: 4 fields"),
    "row twice": ("id,a\ns1,1\ns2,2\ns1,3\n", "line 4: the row 's1' was there before, in .*line 2"),
    "column twice": ("id,a,b,a\ns1,1,2,3\n", "line 1: the column 'a' is there 2 times"),
    "column without a name": ("id,a,,b\ns1,1,2,3\n", "line 1: a column has no name"),
    "row without a name": ("id,a\n,1\n", "line 2: the row has no name"),
    "open quote": ('id,a\ns1,"1\ns2,2\n', "line 3: unexpected end of data"),
    "not UTF-8": (b"id,a\ns\xe9,1\n", "line 2: not UTF-8"),
    "endless field": ("id,a\ns1," + "1" * 200_000, "field larger than field limit"),
    "cut gzip": (gzip.compress(BY_SAMPLE.encode() * 99)[:-9], "broken or cut short"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_matrices_are_one_line(write, name):
    content, fault = BROKEN[name]
    with pytest.raises(UserError, match=fault) as raised:
        read_matrix(write("broken.csv", content), "columns")
    assert "broken.csv" in str(raised.value)
    assert "\n" not in str(raised.value)


BROKEN_GCT = {
    "empty": ("", "the file is empty"),
    "version": (GCT2.replace("#1.2", "#1.1"), "line 1: '#1.1' is no version of GCT"),
    "no sizes": ("#1.2\nName\tDescription\ts1\n", "line 2: .* must be 2 whole numbers"),
    "negative sizes": (GCT2.replace("3\t2\n", "-3\t2\n", 1), "line 2"),
    "absurd sizes": (GCT2.replace("3\t2\n", "999999999\t2\n", 1), "line 2 declares 999999999 rows, the table has 3"),
    "cut": (GCT2.rsplit("c\t", 1)[0], "line 2 declares 3 rows, the table has 2"),
    "fewer samples": (GCT2.replace("3\t2\n", "3\t5\n", 1), "line 3: line 2 declares 5 samples, the header has 2"),
    "short row": (GCT2.replace("\t0\n", "\n"), "line 6: 3 fields, the header has 4"),
    "word": (GCT3.replace("5e3", "high"), "line 6, column 's2': 'high' is no number"),
    "gene twice": (GCT2.replace("c\t", "a\t"), "line 6: the row 'a' was there before, in .*line 4"),
    "sample twice": (GCT2.replace("s2", "s1"), "line 3: the sample 's1' is there 2 times"),
    "sizes alone": ("#1.2\n0\t0\n", "line 2 declares 0 samples"),
}


@pytest.mark.parametrize("name", BROKEN_GCT)
def test_broken_gct_is_one_line(write, name):
    content, fault = BROKEN_GCT[name]
    with pytest.raises(UserError, match=fault) as raised:
        read_gct(write("broken.gct", content))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("cell", ["-1", "1.5"])
def test_counts_are_whole_and_not_negative(write, cell):
    path = write("a.csv", f"id,a,b\ns1,3,NA\ns2,0,{cell}\n")
    with pytest.raises(UserError, match=f"line 3, column 'b': '{cell}' is not a whole number of at least 0"):
        read_matrix(path, "columns", counts=True)
    assert read_matrix(path, "columns").values[1, 1] == float(cell)


def test_the_way_up_must_be_named(write):
    with pytest.raises(UserError, match="features_in is 'row'"):
        read_matrix(write("a.csv", BY_SAMPLE), "row")


def test_a_matrix_joins_its_outcomes(write):
    outcomes = write("o.csv", "id,label\ns2,1\ns1,0\n")
    wide = expression(write("a.csv", BY_SAMPLE), outcomes=outcomes, roles=ROLES, features_in="columns")
    gct = expression(write("a.gct", GCT2), outcomes=outcomes, roles=ROLES, modality="mrna", name="tcga")
    for cohort, name in ((wide, "expression"), (gct, "mrna")):
        assert cohort.patient.tolist() == ["s2", "s1"]
        np.testing.assert_array_equal(cohort.modalities[name].values, np.float32(VALUES[::-1]))
        assert cohort.modalities[name].features == ("a", "b", "c")
    assert gct.name == "tcga"


def test_repeats_of_a_patient_join_by_sample(write):
    outcomes = write("o.csv", "mouse,sample,label\nm1,s2,1\nm1,s1,1\nm2,s3,0\n")
    path = write("a.csv", BY_SAMPLE + "s3,7,8,9\n")
    roles = {"id": "mouse", "sample": "sample", "label": "label"}
    cohort = expression(path, outcomes=outcomes, roles=roles, features_in="columns")
    assert cohort.patient.tolist() == ["m1", "m1", "m2"]
    assert cohort.modalities["expression"].values[:, 0].tolist() == [-4, 1.5, 7]


def test_mixomics_is_read_as_published(data_folder):
    folder = data_folder / "breast_tcga_mixomics"
    outcomes = str(folder / "train_labels.csv")
    roles = {"id": "sample", "label": "subtype"}
    cohort = expression(str(folder / "train_mrna.csv"), outcomes=outcomes, roles=roles, features_in="columns")
    assert cohort.modalities["expression"].values.shape == (150, 200)
    expected = pd.read_csv(folder / "train_mrna.csv", index_col=0).loc[cohort.patient].to_numpy(np.float32)
    np.testing.assert_array_equal(cohort.modalities["expression"].values, expected)


junk = st.one_of(st.binary(max_size=200), st.text('ab1.,-\t\n"\r\0_', max_size=60).map(str.encode))


@given(junk, st.sampled_from(["rows", "columns", "gct"]))
def test_any_bytes_are_a_matrix_or_a_user_error(scratch, content, way):
    scratch.write_bytes(b"#1.2\n1\t1\nName\tDescription\ts\n" + content if way == "gct" else content)
    try:
        matrix, fault = read_gct(scratch) if way == "gct" else read_matrix(scratch, way), ""
    except UserError as error:
        matrix, fault = None, str(error)
    assert (matrix is None) == bool(fault)
    assert "\n" not in fault
    assert matrix is None or matrix.values.shape == (len(matrix.samples), len(matrix.features))
