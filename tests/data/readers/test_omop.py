"""OMOP CDM: the tables to events whatever their case and separator, and faults by table and row."""

import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.data.readers.omop import omop, read_omop
from pmjax.errors import UserError

TABLES = {
    "PERSON": "person_id,gender_concept_id,year_of_birth,month_of_birth,day_of_birth\n1,8507,1970,1,2\n2,8532,1980,,\n",
    "VISIT_OCCURRENCE": "person_id,visit_concept_id,visit_start_date,visit_source_value\n1,9202,2010-01-01,\n"
    "2,9202,2011-01-01,\n",
    "CONDITION_OCCURRENCE": "person_id,condition_concept_id,condition_start_date,condition_source_value\n"
    "1,0,2009-12-31,I10\n",
    "MEASUREMENT": "person_id,measurement_concept_id,measurement_date,measurement_datetime,value_as_number,"
    "value_as_concept_id,unit_concept_id,unit_source_value\n1,3,2009-12-31,2009-12-31 12:00:00,7.5,0,9,x\n"
    "2,3,20101230,,8,,0,mg\n2,4,2010-12-30,,,5,,\n",
    "DEATH": "person_id,death_date\n1,2010-01-20\n",
    "OBSERVATION_PERIOD": "person_id,observation_period_end_date\n1,2010-01-20\n2,2015-01-01\n",
    "CONCEPT": 'concept_id,concept_name,vocabulary_id,concept_code\n3,"Glucose, mass",LOINC,2345-7\n9,mg,UCUM,mg\n',
}


def write(folder, change=None, name=str):
    for table, text in (TABLES | (change or {})).items():
        if text is not None:
            (folder / f"{name(table)}.csv").write_text(text)
    return str(folder)


def test_events_by_hand(tmp_path):
    line = read_omop(write(tmp_path))
    events = line.events[line.events.kind != "visit"].reset_index(drop=True)
    assert sorted(events.code) == ["loinc|2345-7", "loinc|2345-7", "omop|4=omop|5", "source|I10"]
    glucose = events[events.code == "loinc|2345-7"]
    assert list(glucose["name"]) == ["Glucose, mass"] * 2
    assert list(glucose.value) == [7.5, 8]
    assert list(glucose.unit) == ["mg", "mg"]
    assert list(glucose.time) == [14609.5, 14973]
    assert glucose.known.iloc[0] == 14609.5  # has an hour
    assert 14973.9 < glucose.known.iloc[1] < 14974  # is any time of that day
    people = line.patients.set_index("patient")
    assert list(people.birth) == [1, 3652]
    assert list(people.sex) == ["male", "female"]
    assert people.death["1"] == 14629
    assert list(people.dead) == [True, False]


def test_case_tabs_and_zip_do_not_matter(tmp_path):
    plain, lower = tmp_path / "plain", tmp_path / "lower"
    plain.mkdir()
    lower.mkdir()
    want = read_omop(write(plain))
    tabbed = {
        k: v.replace('"Glucose, mass"', "Glucose# mass").replace(",", "\t").replace("#", ",") for k, v in TABLES.items()
    }
    tabbed = {k: v.partition("\n")[0].upper() + "\n" + v.partition("\n")[2] for k, v in tabbed.items()}
    write(lower, tabbed, str.lower)
    with zipfile.ZipFile(tmp_path / "cdm.zip", "w") as archive:
        for file in lower.iterdir():
            archive.write(file, f"cdm/{file.name}")
            archive.writestr(f"__MACOSX/._{file.name}", b"\0\1")
    for path in (str(lower), str(tmp_path / "cdm.zip")):
        got = read_omop(path)
        assert got.events.equals(want.events)
        assert got.patients.equals(want.patients)


def test_cohort(tmp_path):
    cohort = omop(
        write(tmp_path),
        window={"index": {"kind": "visit"}, "before": 7, "codes": ["loinc|2345-7"], "bins": 7},
        outcome={"event": "death", "within": 365},
    )
    assert list(cohort.task.label) == [1, 0]
    np.testing.assert_allclose(cohort.modalities["series"].values[:, 0, 0], [7.5, 8])
    assert set(cohort.source.files) == {f"{t}.csv" for t in TABLES}


HEAD = "person_id,measurement_concept_id,measurement_date,value_as_number\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"MEASUREMENT": HEAD + "9,3,2010-01-01,1\n"}, "MEASUREMENT.*1 rows, first row 1.*person is not in PERSON"),
        ({"MEASUREMENT": HEAD + "1,3,2010-01-01,1\n1,3,2010-02-31,1\n"}, "first row 2.*measurement_date is no date"),
        ({"MEASUREMENT": HEAD + "1,3,,1\n"}, "measurement_date is no date"),
        ({"MEASUREMENT": HEAD + "1,3,2010-01-01,high\n"}, "value_as_number is no number"),
        ({"MEASUREMENT": HEAD + "1,3,2010-01-01,1e99\n"}, "value_as_number is no number, or too large"),
        ({"MEASUREMENT": HEAD + "1,0,2010-01-01,1\n"}, "neither a measurement_concept_id nor"),
        ({"MEASUREMENT": HEAD + "1,3,2010-01-01\n1,3,2010-01-01,1\n"}, r"MEASUREMENT\.csv, line 2: 3 fields"),
        ({"DEATH": "person_id,death_date\n1,never\n"}, "DEATH.*no death date"),
        ({"OBSERVATION_PERIOD": "person_id,observation_period_end_date\n1,\n"}, "OBSERVATION_PERIOD.*there is no end"),
    ],
)
def test_broken_row_is_named_or_counted(tmp_path, change, message):
    path = write(tmp_path, change)
    with pytest.raises(UserError, match=message):
        read_omop(path)
    excluded = []
    assert len(read_omop(path, excluded).patients) == 2
    assert len(excluded) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"PERSON": None}, "holds no PERSON table"),
        ({"PERSON": "person_id,year_of_birth\n1,1970\n1,1980\n"}, "person_id is there twice"),
        ({"PERSON": "person_id,year_of_birth\n1,70000\n"}, "date of birth is none"),
        ({"PERSON": "person_id,year_of_birth,person_id\n1,1970,2\n"}, "'person_id' appears twice"),
        ({"PERSON": "person_id,year_of_birth\n"}, "holds no patient"),
        ({"MEASUREMENT": "person_id,measurement_date\n1,2010-01-01\n"}, "no column 'measurement_concept_id'"),
        ({"CONCEPT": "concept_id\n1\n"}, "no column 'concept_name'"),
    ],
)
def test_broken_table_is_named(tmp_path, change, message):
    with pytest.raises(UserError, match=message):
        read_omop(write(tmp_path, change))


def test_a_table_that_is_there_twice(tmp_path):
    write(tmp_path)
    write(tmp_path, name=str.lower)
    with pytest.raises(UserError, match="is there twice"):
        read_omop(str(tmp_path))


@given(
    st.sampled_from(sorted(TABLES)),
    st.binary(max_size=8) | st.sampled_from([b",", b"\n", b'"', b"0"]),
    st.integers(0, 220),
)
def test_any_bytes_give_a_timeline_or_a_user_error(tmp_path_factory, table, content, at):
    folder = tmp_path_factory.mktemp("fuzz")
    path = write(folder)
    whole = (folder / f"{table}.csv").read_bytes()
    (folder / f"{table}.csv").write_bytes(whole[:at] + content + whole[at:])
    fault = ""
    try:
        assert len(read_omop(path).patients)
    except UserError as error:
        fault = str(error)
    assert "\n" not in fault


def test_synthea(data_folder):
    path = str(data_folder / "omop_synthea27nj" / "Synthea27Nj_5.4.zip")
    line = read_omop(path)
    assert len(line.patients) == 28
    assert line.patients.dead.sum() == 3
    assert len(line.events) == 22932
    cohort = omop(
        path,
        window={"index": {"date": "2015-01-01"}, "before": 3650, "bins": 365, "min_patients": 3},
        outcome={"event": {"kind": "condition", "code": "snomed|444814009"}, "within": 2000, "name": "sinusitis"},
    )
    assert sum(n for _, n in cohort.flow) == 28 * 2
    assert np.isfinite(cohort.modalities["series"].values).any()
