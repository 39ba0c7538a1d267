"""Streams: block by block equals at once, the arrays are mapped from files, and broken rows are found by line."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from pmjax.data.readers.longform import stream_series
from pmjax.data.readers.stream import read_names, stream_table
from pmjax.data.readers.tables import table
from pmjax.errors import UserError


@pytest.fixture
def wide(tmp_path):
    """40,000 rows, so that text and Parquet come in several blocks; as CSV, TSV and Parquet."""
    rng = np.random.default_rng(0)
    values = np.round(rng.normal(size=(40_000, 6)), 3).astype(np.float32)
    values[rng.random(values.shape) < 0.1] = np.nan
    frame = pd.DataFrame(values, columns=list("abcdef"))
    frame["pid"] = [f"{i:06d}" for i in range(len(frame))]
    frame["dx"] = rng.integers(0, 2, len(frame))
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_csv(tmp_path / "t.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=7000)
    return tmp_path


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet"])
def test_a_stream_equals_the_plain_reader(wide, name):
    path = str(wide / name)
    plain, streamed = (table(path, roles={"id": "pid", "label": "dx"}, stream=stream) for stream in (False, True))
    values = streamed.modalities["table"].values
    np.testing.assert_array_equal(values, plain.modalities["table"].values.astype(np.float32))
    assert isinstance(values, np.memmap)
    assert values.dtype == np.float32
    assert not values.flags.writeable
    assert (streamed.patient == plain.patient).all()
    assert (streamed.task.label == plain.task.label).all()
    assert (streamed.flow, streamed.source) == (plain.flow, plain.source)


def test_columns_come_in_the_order_asked_for_and_no_file_stays(wide, tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    for name in ("t.csv", "t.parquet"):
        whole = stream_table(wide / name, ["a", "e"], folder=str(folder))
        np.testing.assert_array_equal(stream_table(wide / name, ["e", "a"], folder=str(folder)), whole[:, ::-1])
    assert list(folder.iterdir()) == []
    with pytest.raises(UserError, match="absent"):
        stream_table(wide / "t.csv", ["a"], folder=str(tmp_path / "absent"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n3\n", "line 3: 1 fields, the header has 2"),
        ("a,b\n1,2\n3,4,5\n", "line 3: 3 fields, the header has 2"),
        ("a,b\n" + "1.0000000000,2.0000000000\n" * 50_000 + "1,old\n", "line 50002: column 'b' holds 'old'"),
        ("a,b\n1,2\r3,4\n", "line 2: holds a carriage return"),
        ("a,b\n1,\xff\n".encode("latin-1"), "line 2: not UTF-8"),
        (b"a,b\n1,\0\n", "line 2: holds a NUL byte"),
        ("a,b\n", "a header and no row"),
        ("", "the file is empty"),
        ("b\n1\n", "there is no column 'a'"),
        ('a,b,c\n1,2,"x\n3,4,y\n5,6,z\n', "a quote is open, or holds a line break"),
    ],
)
def test_faults_of_text_are_found_by_line(tmp_path, content, message):
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        stream_table(path, ["a", "b"])
    assert "\n" not in str(caught.value)


def test_text_columns_and_categories_are_not_streamed(wide):
    with pytest.raises(UserError, match="column 'pid' is of type"):
        stream_table(wide / "t.parquet", ["a", "pid"])
    with pytest.raises(UserError, match=r"no column 'aa'"):
        stream_table(wide / "t.parquet", ["aa"])
    with pytest.raises(UserError, match="categories are not streamed"):
        table(str(wide / "t.csv"), roles={"id": "pid", "label": "dx"}, categories=["a"], stream=True)
    assert read_names(wide / "t.csv") == read_names(wide / "t.parquet")


def write_long(path, rows, **options):
    frame = pd.DataFrame(rows, columns=["stay", "hour", "hr", "map"])
    parquet.write_table(pa.Table.from_pandas(frame, preserve_index=False), path, **options)
    return frame


def test_long_form_equals_a_loop_over_patients(tmp_path):
    rng = np.random.default_rng(1)
    rows = [
        (f"s{p:04d}", float(t), *np.where(rng.random(2) < 0.2, np.nan, rng.normal(size=2)))
        for p in rng.permutation(3000)
        for t in np.sort(rng.choice(40, rng.integers(1, 20), replace=False))
    ]
    frame = write_long(tmp_path / "long.parquet", rows, row_group_size=5000)
    read = stream_series(tmp_path / "long.parquet", id_column="stay", time_column="hour", features=["map", "hr"])
    assert read.values.shape == (3000, frame.groupby("stay").size().max(), 2)
    for i, (stay, steps) in enumerate(frame.groupby("stay", sort=False)):
        n = len(steps)
        assert read.patient[i] == stay
        assert read.mask[i].tolist() == [True] * n + [False] * (len(read.mask[i]) - n)
        np.testing.assert_array_equal(read.time[i, :n], steps["hour"])
        np.testing.assert_array_equal(read.values[i, :n], steps[["map", "hr"]].astype(np.float32))
    assert not read.values[~read.mask].any()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", 1.0, 0, 0), ("b", 1.0, 0, 0), ("a", 2.0, 0, 0)], "patient 'a' is in two places"),
        ([("a", 2.0, 0, 0), ("a", 1.0, 0, 0)], "row 2: patient 'a' at 1 is no later than the row before"),
        ([("a", 1.0, 0, 0), ("a", 1.0, 0, 0)], "row 2: patient 'a' at 1 is no later"),
        ([("a", 1.0, 0, 0), (None, 2.0, 0, 0)], "row 2: the id or the time is missing"),
        ([("a", 1.0, 0, 0), ("a", np.nan, 0, 0)], "row 2: the id or the time is missing"),
        ([("a", 1.0, "high", "low")], "column 'hr' holds 'high', which is no number"),
    ],
)
def test_long_form_out_of_order_is_refused(tmp_path, rows, message):
    write_long(tmp_path / "long.parquet", rows)
    with pytest.raises(UserError, match=re.escape(message)):
        stream_series(tmp_path / "long.parquet", id_column="stay", time_column="hour", features=["hr"])


def test_series_larger_than_the_disk_are_refused(tmp_path):
    ids = pa.array(["one"] * (1 << 20) + [f"p{i:06d}" for i in range(1 << 19)])
    hours = pa.array(np.concatenate([np.arange(1 << 20), np.zeros(1 << 19)]))
    parquet.write_table(pa.table({"stay": ids, "hour": hours, "hr": hours}), tmp_path / "long.parquet")
    with pytest.raises(UserError, match="524289 series of up to 1048576 steps need"):
        stream_series(tmp_path / "long.parquet", id_column="stay", time_column="hour", features=["hr"])


def tried(read):
    try:
        return read()
    except UserError as error:
        return error


@given(st.binary(max_size=50) | st.text('ab,"\n\r01.;?\t ', max_size=60).map(lambda t: ("a,b\n" + t).encode()))
@settings(max_examples=150)
def test_any_bytes_give_a_table_or_one_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "t.csv"
    path.write_bytes(content)
    result = tried(lambda: stream_table(path, ["a", "b"]))
    assert "\n" not in str(result) if isinstance(result, UserError) else result.shape[1] == 2
