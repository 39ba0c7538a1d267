"""Hourly Parquet: the cube in order whatever the rows' order, and faults that name file and column."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.data.readers.hourly import yaib
from pmjax.errors import UserError


def frames(stays=(3, 1, 2), hours=2, label=None):
    dyn = pd.DataFrame({"stay_id": np.repeat(stays, hours), "time": np.tile(np.arange(hours), len(stays))})
    dyn["hr"] = dyn.stay_id * 10.0 + dyn.time
    dyn["time"] = pd.to_timedelta(dyn["time"], unit="h")
    sta = pd.DataFrame({"stay_id": stays, "age": 50.0, "sex": "Female", "height": 160.0, "weight": np.nan})
    outc = pd.DataFrame({"stay_id": stays, "label": [s % 2 for s in stays] if label is None else label})
    return {"dyn": dyn, "sta": sta, "outc": outc}


def write(folder, tables, source="a"):
    for part, frame in tables.items():
        frame.to_parquet(folder / f"{source}.{part}.parquet")
    return {"path": str(folder), "sources": (source,), "hours": 2}


@given(st.permutations(range(6)))
def test_rows_in_any_order_give_the_same_cube(tmp_path_factory, order):
    tables = frames()
    tables["dyn"] = tables["dyn"].iloc[list(order)]
    cohort = yaib(**write(tmp_path_factory.mktemp("yaib"), tables))
    assert list(cohort.patient) == ["a:1", "a:2", "a:3"]
    np.testing.assert_array_equal(cohort.modalities["series"].values[..., 0], [[10, 11], [20, 21], [30, 31]])
    np.testing.assert_array_equal(cohort.task.label, [1, 0, 1])
    np.testing.assert_array_equal(cohort.modalities["table"].values[0], [50, 1, 160, np.nan])


def test_two_sources_are_two_sites(tmp_path):
    write(tmp_path, frames())
    write(tmp_path, frames(stays=(1, 7)), "b")
    cohort = yaib(str(tmp_path), sources=("a", "b"), hours=2)
    assert list(cohort.site) == ["a"] * 3 + ["b"] * 2
    assert list(cohort.patient[-2:]) == ["b:1", "b:7"]
    assert sorted(cohort.source.files) == sorted(f"{s}.{p}.parquet" for s in "ab" for p in ("dyn", "sta", "outc"))


def broken(part, change):
    tables = frames()
    tables[part] = change(tables[part])
    return tables


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (broken("dyn", lambda f: f.iloc[1:]), r"a\.dyn\.parquet: stay 3 has not just the hours 0 to 1"),
        (broken("dyn", lambda f: f.assign(time=f.time.iloc[0])), "has not just the hours"),
        (broken("sta", lambda f: f.iloc[1:]), r"a\.sta\.parquet: stay 3 has no statics"),
        (broken("outc", lambda f: f.iloc[1:]), r"a\.outc\.parquet: stay 3 has no outcome"),
    ],
)
def test_incomplete_stay_is_an_error_or_counted(tmp_path, tables, message):
    tables = {k: pd.concat([v, frames(stays=(4, 5, 6, 7))[k]]) for k, v in tables.items()}
    options = write(tmp_path, tables)
    with pytest.raises(UserError, match=message):
        yaib(**options)
    cohort = yaib(**options, exclude=True)
    flow = dict(cohort.flow)
    assert flow["stays in the sources"] == 7
    assert flow["excluded as incomplete"] == 7 - len(cohort) == len(cohort.source.notes) > 0


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (broken("sta", lambda f: f.drop(columns="sex")), r"a\.sta\.parquet: no column 'sex'"),
        (broken("dyn", lambda f: f.drop(columns="time")), r"a\.dyn\.parquet: no column 'time'"),
        (broken("dyn", lambda f: f.assign(hr="high")), r"a\.dyn\.parquet, column 'hr': holds object, not numbers"),
        (broken("dyn", lambda f: f.assign(hr=1e300)), r"a\.dyn\.parquet, column 'hr': holds a value above"),
        (broken("outc", lambda f: f.assign(label=2)), r"a\.outc\.parquet, column 'label': stay 3 has neither 0 nor 1"),
        (broken("outc", lambda f: f.assign(stay_id=1)), r"a\.outc\.parquet, column 'stay_id': stay 1 is there twice"),
        (broken("sta", lambda f: f.iloc[:0]), r"a\.sta\.parquet, column 'stay_id': there is no stay"),
    ],
)
def test_schema_fault_names_file_and_column(tmp_path, tables, message):
    with pytest.raises(UserError, match=message):
        yaib(**write(tmp_path, tables))


def test_a_table_too_large_is_refused_by_its_header(tmp_path, monkeypatch):
    monkeypatch.setattr("pmjax.data.readers.hourly.LIMIT_CELLS", 10)
    with pytest.raises(UserError, match=r"a\.dyn\.parquet: 6 rows × 3 columns are too many"):
        yaib(**write(tmp_path, frames()))


def test_sources_of_other_columns(tmp_path):
    write(tmp_path, frames())
    write(tmp_path, broken("dyn", lambda f: f.assign(temp=1.0)), "b")
    with pytest.raises(UserError, match=r"b\.dyn\.parquet: column 'temp' is not in all sources"):
        yaib(str(tmp_path), sources=("a", "b"), hours=2)


@given(st.binary(max_size=64), st.integers(0, 400))
def test_any_bytes_are_a_cohort_or_a_user_error(tmp_path_factory, content, at):
    folder = tmp_path_factory.mktemp("fuzz")
    options = write(folder, frames())
    path = folder / "a.outc.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + content + whole[at + len(content) :])
    fault = ""
    try:
        assert len(yaib(**options)) == 3
    except UserError as error:
        fault = str(error)
    assert "\n" not in fault


def test_real_demo(data_folder):
    cohort = yaib(str(data_folder / "yaib_demo"))
    assert cohort.modalities["series"].values.shape == (1466, 25, 48)
    assert cohort.task.label[cohort.site == "eicu_demo"].sum() == 70
    assert cohort.task.label[cohort.site == "mimic_demo"].sum() == 21
