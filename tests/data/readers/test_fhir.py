"""FHIR R4: every public example gives events or a reason, and no broken resource passes in silence."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.data.readers.fhir import fhir, read_fhir
from pmjax.data.readers.fhir_time import interval
from pmjax.errors import UserError

PATIENT = {"resourceType": "Patient", "id": "p", "birthDate": "1970-01-02", "gender": "female"}
CODE = {"coding": [{"system": "http://loinc.org", "code": "8302-2", "display": "Height"}]}
OBSERVATION = {
    "resourceType": "Observation",
    "id": "o",
    "status": "final",
    "subject": {"reference": "Patient/p"},
    "code": CODE,
    "effectiveDateTime": "1970-01-03T00:00:00+00:00",
    "valueQuantity": {"value": 170, "unit": "cm"},
}


def read(folder, *resources, excluded=None, name="a.json", bundle=True):
    path = folder / name
    body = {"resourceType": "Bundle", "entry": [{"resource": r} for r in resources]} if bundle else resources[0]
    path.write_text(json.dumps(body))
    return read_fhir(str(path), excluded)


def one(folder, **change):
    return read(folder, PATIENT, {**OBSERVATION, **change}).events


def test_an_observation_by_hand(tmp_path):
    row = one(tmp_path).iloc[0]
    assert (row.patient, row.time, row.known, row.kind) == ("p", 2, 2, "observation")
    assert (row.code, row["name"], row.value, row.unit) == ("loinc|8302-2", "Height", 170, "cm")


def test_issued_later_is_known_later(tmp_path):
    row = one(tmp_path, issued="1970-01-05T12:00:00Z").iloc[0]
    assert (row.time, row.known) == (2, 4.5)


def test_components_and_coded_answers(tmp_path):
    parts = [
        {"code": CODE, "valueQuantity": {"value": 1, "code": "mm[Hg]", "unit": "mmHg"}},
        {"code": CODE, "valueCodeableConcept": {"coding": [{"system": "http://snomed.info/sct", "code": "7"}]}},
        {"code": CODE, "dataAbsentReason": {"text": "refused"}},
    ]
    panel = {k: v for k, v in OBSERVATION.items() if k != "valueQuantity"} | {"component": parts}
    line = read(tmp_path, PATIENT, panel)
    assert list(line.events.code) == ["loinc|8302-2", "loinc|8302-2=snomed|7"]
    assert list(line.events.unit) == ["mm[Hg]", ""]
    assert line.left_out == {"Observation whose value is absent for a reason": 1}


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("1970-01-03", 2, 3),
        ("1970-02", 31, 59),
        ("1971", 365, 730),
        ("1970-01-03T01:00:00+01:00", 2, 2),
        ("1970-01-02T19:00:00.000-05:00", 2, 2),
    ],
)
def test_partial_dates_and_zones(text, start, end):
    low, high = interval(text)
    assert low == pytest.approx(start, abs=1e-9)
    assert high == pytest.approx(end, abs=1e-7)
    assert low == high or high < end


@given(st.text(max_size=30) | st.from_regex(r"\A\d{4}(-\d\d(-\d\d(T\d\d:\d\d:\d\d(Z|\+\d\d:\d\d))?)?)?\Z"))
def test_any_text_is_an_interval_or_a_value_error(text):
    try:
        low, high = interval(text)
    except ValueError:
        return
    assert low <= high


@pytest.mark.parametrize(
    "reference", ["Patient/p", "https://x.org/fhir/Patient/p", "Patient/p/_history/3", "urn:uuid:1-2", "urn:uuid:p"]
)
def test_references(tmp_path, reference):
    entries = [
        {"fullUrl": "urn:uuid:1-2", "resource": PATIENT},
        {"resource": OBSERVATION | {"subject": {"reference": reference}}},
    ]
    (tmp_path / "a.json").write_text(json.dumps({"resourceType": "Bundle", "entry": entries}))
    line = read_fhir(str(tmp_path / "a.json"))
    assert list(line.events.patient) == list(line.patients.patient) == ["p"]


def test_contained_and_referenced_medications(tmp_path):
    request = {"resourceType": "MedicationRequest", "subject": {"reference": "Patient/p"}, "authoredOn": "2020-01-01"}
    drug = {"resourceType": "Medication", "id": "m", "code": CODE}
    inside = request | {"id": "1", "contained": [drug], "medicationReference": {"reference": "#m"}}
    outside = request | {"id": "2", "medicationReference": {"reference": "Medication/m"}}
    nowhere = request | {"id": "3", "medicationReference": {"reference": "Medication/x"}}
    line = read(tmp_path, PATIENT, outside, inside, nowhere, drug)
    assert sorted(line.events.code) == ["loinc|8302-2", "loinc|8302-2", "medication|x"]


def test_deaths(tmp_path):
    day = PATIENT | {"id": "d", "deceasedDateTime": "1970-01-05"}
    year = PATIENT | {"id": "y", "deceasedDateTime": "2015"}
    sometime = PATIENT | {"id": "s", "deceasedBoolean": True}
    people = read(tmp_path, PATIENT, day, year, sometime).patients.set_index("patient")
    assert dict(people.dead) == {"p": False, "d": True, "y": True, "s": True}
    assert people.death["d"] == 4
    assert people.death[["p", "y", "s"]].isna().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": None}, "has no id"),
        ({"id": "x" * 999}, "id is empty, overlong"),
        ({"id": "a\nb"}, "id is empty, overlong"),
        ({"subject": None}, "subject refers to no patient"),
        ({"subject": "Patient/p"}, "subject must be a dict"),
        ({"subject": {"reference": "Group/g"}}, "subject is a Group"),
        ({"subject": {"reference": "#none"}}, "contained resource '#none' is missing"),
        ({"subject": {"reference": "what is this"}}, "none that FHIR knows"),
        ({"effectiveDateTime": None}, "has no time"),
        ({"effectiveDateTime": "2020-13-01"}, "not in the calendar"),
        ({"effectiveDateTime": "2020-01-01T10:00:00"}, "without a time zone"),
        ({"effectiveDateTime": 20200101}, "effectiveDateTime must be text"),
        ({"code": None}, "code has neither a code nor text"),
        ({"code": {"coding": 3}}, "coding must be a list"),
        ({"valueQuantity": {"value": "170"}}, "value must be a number"),
        ({"valueQuantity": {"value": True}}, "value must be a number"),
        ({"valueQuantity": {"value": 10**400}}, "value is above"),
        ({"component": [1]}, "component must be a list of objects"),
        ({"resourceType": "Observatory"}, "none of FHIR R4"),
        ({"resourceType": 5}, "none of FHIR R4"),
    ],
)
def test_broken_resource_is_named_or_excluded(tmp_path, change, message):
    broken = {k: v for k, v in (OBSERVATION | change).items() if v is not None}
    with pytest.raises(UserError, match=r"a\.json, entry 2.*" + message):
        read(tmp_path, PATIENT, broken)
    excluded = []
    line = read(tmp_path, PATIENT, broken, excluded=excluded)
    assert len(excluded) == 1
    assert len(line.events) == 0
    assert len(line.patients) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("{", "is not JSON"),
        ("[" * 200_000, "nested too deep"),
        ('{"a":' * 900 + "1" + "}" * 900, "nested too deep|none of FHIR"),
        ('{"resourceType": "Patient", "id": "p", "x": NaN}', "NaN is no JSON number"),
        ("[1, 2]", "is no JSON object"),
        ('{"id": "p"}', "none of FHIR R4"),
        ('{"resourceType": "Bundle", "entry": 5}', "entry must be"),
        ('{"resourceType": "Bundle", "entry": [null]}', "entry must be"),
        ('{"resourceType": "Patient", "id": "p", "gender": "F"}', "gender 'F'"),
        ('{"resourceType": "Organization", "id": "p"}', "holds no patient"),
        ('{"resourceType": "Patient", "id": "p", "x": 1' + "0" * 5000 + "}", "is not JSON"),
        (b'{"resourceType": "Patient\xff"}', "not UTF-8"),
    ],
)
def test_broken_file_is_named(tmp_path, text, message):
    path = tmp_path / "a.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=rf"a\.json.*({message})"):
        read_fhir(str(path))


def test_ndjson_streams_and_names_the_line(tmp_path):
    path = tmp_path / "a.ndjson"
    lines = [json.dumps(PATIENT), "", json.dumps(OBSERVATION)]
    path.write_text("\n".join(lines))
    assert len(read_fhir(str(path)).events) == 1
    path.write_text("\n".join([*lines, '{"resourceType": "Obs']))
    with pytest.raises(UserError, match=r"a\.ndjson, line 4: is not JSON"):
        read_fhir(str(path))
    excluded = []
    assert len(read_fhir(str(path), excluded).events) == 1
    assert len(excluded) == 1


def test_repeated_word_for_word_is_counted_and_otherwise_refused(tmp_path):
    line = read(tmp_path, PATIENT, OBSERVATION, OBSERVATION)
    assert len(line.events) == 1
    assert line.left_out == {"Observation repeated word for word": 1}
    with pytest.raises(UserError, match="'o' is there twice with other content"):
        read(tmp_path, PATIENT, OBSERVATION, OBSERVATION | {"effectiveDateTime": "2001"})


def test_one_id_of_two_servers(tmp_path):
    other = [
        OBSERVATION | {"id": i, "subject": {"reference": f"https://{i}.org/Patient/p"}} for i in ("first", "second")
    ]
    with pytest.raises(UserError, match="read the servers apart"):
        read(tmp_path, PATIENT, *other)


def test_patient_who_is_only_referred_to_is_kept(tmp_path):
    line = read(tmp_path, OBSERVATION, bundle=False)
    assert list(line.patients.patient) == ["p"]
    assert "patient who has no Patient resource, kept without birth and sex" in line.left_out


fields = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["coding", "reference", "value", "start", "code"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from([*OBSERVATION, "component", "issued", "valueInteger", "contained"]), fields))
def test_any_fields_give_a_timeline_or_an_exclusion(tmp_path_factory, change):
    excluded = []
    line = read(tmp_path_factory.mktemp("fuzz"), PATIENT, OBSERVATION | change, excluded=excluded)
    assert all("\n" not in message for message in excluded)
    assert len(line.events) or excluded or line.left_out


@given(st.binary(max_size=60))
def test_any_bytes_are_a_user_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "a.ndjson"
    path.write_bytes(content)
    with pytest.raises(UserError):
        read_fhir(str(path))


def test_cohort(tmp_path):
    visits = [("p", "AMB", "1970-02-01T00:00:00Z"), ("q", "AMB", "1970-02-01T00:00:00Z"), ("q", "X", "1975-01-01")]
    people = [PATIENT | {"deceasedDateTime": "1970-03-01"}, PATIENT | {"id": "q"}]
    encounters = [
        {
            "resourceType": "Encounter",
            "id": str(i),
            "class": {"code": code},
            "period": {"start": start},
            "subject": {"reference": f"Patient/{who}"},
        }
        for i, (who, code, start) in enumerate(visits)
    ]
    read(tmp_path, *people, OBSERVATION, *encounters)
    cohort = fhir(
        str(tmp_path),
        window={"index": {"kind": "visit"}, "before": 60, "bins": 30},
        outcome={"event": "death", "within": 365},
    )
    assert list(cohort.task.label) == [1, 0]
    assert cohort.modalities["series"].features == ("loinc|8302-2",)
    np.testing.assert_array_equal(cohort.modalities["series"].values[:, :, 0], [[np.nan, 170], [np.nan, np.nan]])
    assert list(cohort.source.files) == ["a.json"]


def test_synthea(data_folder):
    line = read_fhir(str(data_folder / "fhir_synthea_r4"))
    assert len(line.patients) == 7
    assert line.events.kind.value_counts().to_dict() == {
        "observation": 307,
        "visit": 42,
        "condition": 20,
        "procedure": 13,
        "medication": 9,
    }


def test_every_hl7_example_gives_events_or_a_reason(data_folder):
    files = sorted((data_folder / "fhir_hl7_r4_examples").glob("*.json"))
    assert len(files) == 163  # 162 resources and package.json
    for file in files:
        excluded = []
        try:
            line = read_fhir(str(file), excluded)
        except UserError as error:
            told = excluded or "holds no patient" in str(error)
        else:
            told = len(line.events) or line.left_out or excluded or len(line.patients)
        assert told, file
    excluded = []
    line = read_fhir(str(files[0].parent), excluded)
    assert (len(line.events), len(line.patients), len(excluded)) == (80, 26, 33)
