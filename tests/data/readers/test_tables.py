"""Tables: what is read equals pandas' reading, and each broken file gives one line with its place."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from pmjax.data.readers.tables import read_table, table
from pmjax.errors import UserError

ROLES = {"id": "pid", "label": "dx"}
GOOD = "pid,dx,age,sex\n007,1,50,f\n8,0,,m\n9,1,61.5,?\n"


@pytest.fixture
def write(tmp_path):
    def write(content, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def test_reads_numbers_text_and_missing_values(write):
    frame = read_table(write(GOOD), text=("pid",))
    assert frame["pid"].tolist() == ["007", "8", "9"]
    np.testing.assert_array_equal(frame["age"], [50, np.nan, 61.5])
    assert frame["sex"].isna().tolist() == [False, False, True]


def test_a_cohort_has_the_columns_that_no_role_takes(write):
    cohort = table(write(GOOD), roles=ROLES, categories=["sex"])
    modality = cohort.modalities["table"]
    assert modality.features == ("age", "sex=f", "sex=m", "sex=unknown")
    np.testing.assert_array_equal(modality.values, [[50, 1, 0, 0], [np.nan, 0, 1, 0], [61.5, 0, 0, 1]])
    assert cohort.source.files.keys() == {"t.csv"}
    assert cohort.flow == (("rows in the file", 3), ("analysed", 3))


def test_a_column_with_a_role_is_an_input_only_where_it_is_asked_for(write):
    path = write("pid,dx,age\na,1,50\nb,0,60\n")
    roles = ROLES | {"groups": ["age"]}
    with pytest.raises(UserError, match="no column is left"):
        table(path, roles=roles)
    np.testing.assert_array_equal(table(path, roles=roles, features=["age"]).modalities["table"].values, [[50], [60]])


def test_tabs_line_ends_quotes_byte_order_mark_and_a_missing_header(write):
    want = read_table(write(GOOD))
    for content, name, options in (
        (GOOD.replace(",", "\t"), "t.tsv", {}),
        (GOOD.replace("\n", "\r\n"), "t.csv", {}),
        ("\ufeff" + GOOD, "t.csv", {}),
        (GOOD.replace(",", ";"), "t.csv", {"sep": ";"}),
        (GOOD.replace(",f", ',"f"'), "t.csv", {}),
        ("\n" + GOOD.replace("8,0", "\n8,0"), "t.csv", {}),
        (GOOD.split("\n", 1)[1], "t.data", {"columns": ("pid", "dx", "age", "sex")}),
    ):
        pd.testing.assert_frame_equal(read_table(write(content, name), **options), want)


def test_quoted_line_breaks_stay_inside_their_field(write):
    assert read_table(write('a,b\n1,"x\ny, z"\n2,w\n'))["b"].tolist() == ["x\ny, z", "w"]


def test_declared_levels_keep_their_order_and_refuse_others(write):
    path = write("pid,dx,g\na,1,lo\nb,0,hi\n")
    cohort = table(path, roles=ROLES, categories={"g": ["lo", "mid", "hi"]})
    assert cohort.modalities["table"].features == ("g=lo", "g=mid", "g=hi")
    with pytest.raises(UserError, match=r"row 2: 'g' is 'hi', none of lo, mid"):
        table(path, roles=ROLES, categories={"g": ["lo", "mid"]})


def test_broken_rows_are_counted_where_the_user_allows_it(write):
    path = write(GOOD + "10,1,3\n11,0,4,f,9\n")
    cohort = table(path, roles=ROLES, categories=["sex"], exclude_broken=True)
    assert cohort.flow == (("rows in the file", 5), ("broken rows left out", 2), ("analysed", 3))
    assert "line 5: 3 fields" in cohort.source.notes[0]
    streamed = table(path, roles=ROLES, drop=["sex"], exclude_broken=True, stream=True)
    assert not any(path in note for note in (*cohort.source.notes, *streamed.source.notes))
    assert streamed.flow == cohort.flow
    assert streamed.modalities["table"].values.shape == (3, 1)


def test_parquet_reads_as_csv_does(write, tmp_path):
    frame = pd.DataFrame({"pid": ["007", "8"], "dx": [1, 0], "x": [1.5, None], "on": [True, False], "c": ["u", None]})
    frame["at"] = pd.to_datetime(["2020-01-31", "2020-02-01"])
    frame["g"] = pd.Categorical(["p", "q"])
    frame.to_parquet(tmp_path / "t.parquet")
    read = read_table(tmp_path / "t.parquet")
    assert read["pid"].tolist() == ["007", "8"]
    np.testing.assert_array_equal(read["x"], [1.5, np.nan])
    assert read["on"].tolist() == [1.0, 0.0]
    assert read["g"].tolist() == ["p", "q"]
    cohort = table(str(tmp_path / "t.parquet"), roles=ROLES | {"date": "at"}, categories=["c", "g"])
    assert cohort.recorded["at"].tolist() == [18292.0, 18293.0]


BROKEN = {
    "empty": (b"", "the file is empty"),
    "blank": (b"\n\n", "there is no header"),
    "header only": (b"pid,dx,age\n", "a header and no row"),
    "too many fields": (b"pid,dx,age\na,1,2\nb,0,3,4\n", "line 3: 4 fields, the header has 3"),
    "too few fields": (b"pid,dx,age\n\na,1,2\nb,0\n", "line 4: 2 fields, the header has 3"),
    "shifted row": (b"pid,dx,age\na,1,2\nb,ill,0\n8,b,b\n", "row 3: column 'age' holds 'b', which is no number"),
    "same column twice": (b"pid,dx,age,age\na,1,2,2\n", "the column 'age' appears twice"),
    "same column but for a space": (b"pid,dx,age, age\na,1,2,2\n", "the column 'age' appears twice"),
    "latin-1": ("pid,dx,age\nMüller,1,2\n".encode("latin-1"), "line 2: not UTF-8"),
    "utf-16": (GOOD.encode("utf-16"), "not UTF-8"),
    "NUL": (b"pid,dx,age\na,\x00,2\n", "line 2: holds a NUL byte"),
    "open quote": (b'pid,dx,age\na,1,"2\nb,0,3\n', "unexpected end of data; mend the quotes"),
    "text after a quote": (b'pid,dx,age\na,1,"2"x\n', "line 2: ',' expected after '\"'"),
    "no header": (b"1,0,50\n2,1,60\n", "line 1: numbers where the names"),
    "unnamed column": (b",pid,dx,age\n0,a,1,2\n1,b,0,3\n", "column 1 has no name"),
    "text among numbers": (b"pid,dx,age\na,1,2\nb,0,old\n", "row 2: column 'age' holds 'old'"),
    "infinite": (b"pid,dx,age\na,1,2\nb,0,inf\n", "column 'age': infinite"),
    "wrong separator": (b"pid;dx;age\na;1;2\n", "there is no column 'pid'"),
    "decimal comma": (b'pid,dx,age\na,1,"2,5"\nb,0,"3,5"\n', "row 1: column 'age' holds '2,5'"),
    "executable": (bytes(range(256)) * 8, "t.csv"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_text_is_one_line(write, case):
    content, message = BROKEN[case]
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        table(write(content), roles=ROLES)
    assert "t.csv" in str(caught.value) or case == "infinite"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", BROKEN)
def test_a_stream_refuses_what_the_plain_reader_refuses(write, case):
    with pytest.raises(UserError) as caught:
        table(write(BROKEN[case][0]), roles=ROLES, stream=True)
    assert "\n" not in str(caught.value)


def write_parquet(path, columns, **options):
    names, arrays = zip(*columns, strict=True)
    parquet.write_table(pa.table(list(arrays), names=list(names)), path, **options)


def test_parquet_of_another_schema_names_the_column(tmp_path):
    path = tmp_path / "t.parquet"
    write_parquet(path, [("pid", pa.array(["a"])), ("dx", pa.array([[1, 2]]))])
    with pytest.raises(UserError, match="column 'dx' is of type list"):
        read_table(path)
    write_parquet(path, [("pid", pa.array(["a"])), ("pid", pa.array([1]))])
    with pytest.raises(UserError, match="'pid' appears twice"):
        read_table(path)
    write_parquet(path, [("pid", pa.array([], pa.string()))])
    with pytest.raises(UserError, match="has no row"):
        read_table(path)
    write_parquet(path, [("pid", pa.array(["a", "b"])), ("raw", pa.array([b"\xff", b"1"]))])
    with pytest.raises(UserError, match="column 'raw' is of type binary"):
        read_table(path)
    write_parquet(path, [("pid", pa.array(["a", "b"])), ("label", pa.array([0, 1]))])
    with pytest.raises(UserError, match="there is no column 'dx'"):
        table(str(path), roles=ROLES)


def test_parquet_text_that_is_not_utf8_is_refused(tmp_path):
    text = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xff")]
    )
    write_parquet(tmp_path / "t.parquet", [("pid", text)])
    for read in (read_table, lambda path: table(str(path), roles={"label": "pid"}, features=["pid"], stream=True)):
        with pytest.raises(UserError, match="column 'pid'"):
            read(tmp_path / "t.parquet")


def test_parquet_that_swells_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "t.parquet"
    long = pa.array(np.zeros(1 << 22), pa.float64())
    write_parquet(path, [(f"x{i}", long) for i in range(70)])
    assert path.stat().st_size < 1 << 22
    with pytest.raises(UserError, match="more than are read at once; read it with stream=True"):
        read_table(path)


def test_truncated_parquet_and_a_folder_are_refused(tmp_path, write):
    write_parquet(tmp_path / "t.parquet", [("pid", pa.array(["a"] * 1000))])
    whole = (tmp_path / "t.parquet").read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"PAR1" + whole[4:60] + b"PAR1"):
        with pytest.raises(UserError, match="not a Parquet file"):
            read_table(write(content, "broken.parquet"))
    for path in (tmp_path, tmp_path / "absent.csv", tmp_path / "absent.parquet"):
        with pytest.raises(UserError):
            table(str(path), roles=ROLES)


def test_mistyped_columns_are_told(write):
    path = write(GOOD)
    with pytest.raises(UserError, match=r"no column 'agee' \(did you mean 'age'\?\)"):
        table(path, roles=ROLES, features=["agee"])
    with pytest.raises(UserError, match="the category 'dx' is no feature"):
        table(path, roles=ROLES, categories=["sex", "dx"])
    many = "pid,dx,code\n" + "".join(f"p{i},{i % 2},c{i}\n" for i in range(150))
    with pytest.raises(UserError, match="'code' has 150 levels"):
        table(write(many, "many.csv"), roles=ROLES, categories=["code"])


def tried(read):
    try:
        return read()
    except UserError as error:
        return error


@given(st.binary(max_size=60) | st.text('ab,"\n\r01.;?\t ', max_size=60).map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_any_bytes_give_a_frame_or_one_line(write, content):
    for excluded in (None, []):
        result = tried(lambda: read_table(write(content), excluded, text=("a",)))  # noqa: B023
        assert "\n" not in str(result) if isinstance(result, UserError) else len(result) > 0


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_parquet_with_broken_bytes_gives_a_frame_or_one_line(write, tmp_path, data):
    path = tmp_path / "good.parquet"
    if not path.exists():
        write_parquet(path, [("pid", pa.array(["a", "b"])), ("x", pa.array([1.0, None]))])
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    result = tried(lambda: read_table(write(bytes(content), "broken.parquet")))
    assert "\n" not in str(result) if isinstance(result, UserError) else len(result) > 0


@given(st.lists(st.tuples(st.floats(allow_infinity=False), st.floats(-1e6, 1e6)), min_size=1, max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_numbers_come_back_as_written(write, rows):
    want = pd.DataFrame(rows, columns=["a", "b"])
    np.testing.assert_array_equal(read_table(write(want.to_csv(index=False)))[["a", "b"]], want)
