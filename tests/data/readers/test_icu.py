"""ICU text: what the arrays must hold, against hand-computed stays, and that a fault names file and line."""

import io
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.data.readers.icu import VARIABLES, physionet2012
from pmjax.data.readers.sepsis import STATICS, physionet2019, windows
from pmjax.data.readers.sepsis import VARIABLES as HOURLY
from pmjax.errors import UserError

HEADER = "Time,Parameter,Value\n"
STAYS = {
    "11": "00:00,RecordID,11\n00:00,Age,60\n00:00,Gender,0\n00:00,Height,-1\n00:10,HR,80\n00:50,HR,90\n47:59,HR,70\n",
    "12": "00:00,RecordID,12\n00:00,Age,70\n00:00,Age,74\n00:00,Gender,1\n02:00,pH,7.4\n48:00,pH,7.2\n",
}


def write_2012(folder, stays=STAYS, outcomes="RecordID,In-hospital_death\n11,0\n12,1\n"):
    for name, text in stays.items():
        (folder / f"{name}.txt").write_bytes((HEADER + text).encode())
    (folder / "outcomes.csv").write_text(outcomes)
    return {"path": str(folder), "outcomes": str(folder / "outcomes.csv")}


def test_2012_bins_and_summaries_by_hand(tmp_path):
    cohort = physionet2012(**write_2012(tmp_path))
    series, table = cohort.modalities["series"], cohort.modalities["table"]
    assert series.values.shape == (2, 48, 37)
    hr, ph = VARIABLES.index("HR"), VARIABLES.index("pH")
    assert series.values[0, 0, hr] == 85
    assert series.values[0, 47, hr] == 70
    assert series.values[1, 47, ph] == np.float32(7.2)  # 48:00 belongs to the last hour
    assert np.isfinite(series.values).sum() == 4
    got = dict(zip(table.features, table.values[0], strict=True))
    assert {k: got[f"HR {k}"] for k in ("mean", "last", "min", "max", "count")} == {
        "mean": 80,
        "last": 70,
        "min": 70,
        "max": 90,
        "count": 3,
    }
    assert np.isnan(got["Height"])
    assert got["pH count"] == 0
    assert np.isnan(got["pH last"])
    assert table.values[1, table.features.index("Age")] == 72
    assert "1 stays give a static value" in cohort.source.notes[0]
    assert list(cohort.task.label) == [0, 1]


def test_2012_hours_hide_what_comes_later(tmp_path):
    cohort = physionet2012(**write_2012(tmp_path), hours=24, bin_hours=12.0)
    values = cohort.modalities["table"].values[:, cohort.modalities["table"].features.index("HR last")]
    assert cohort.modalities["series"].values.shape == (2, 2, 37)
    assert values[0] == 90


def test_2012_archive_equals_folder(tmp_path):
    options = write_2012(tmp_path)
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        for name in STAYS:
            archive.add(tmp_path / f"{name}.txt", f"set-a/{name}.txt")
    folder, packed = physionet2012(**options), physionet2012(**options | {"path": str(tmp_path / "a.tar.gz")})
    for name in folder.modalities:
        np.testing.assert_array_equal(folder.modalities[name].values, packed.modalities[name].values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("00:00,RecordID,11\n00:10,HR\n", "11.txt, line 3: 2 fields where 3"),
        ("00:00,RecordID,11\n\n00:10,HR,3\n", "11.txt, line 3: 1 fields where 3"),
        ("00:00,RecordID,11\n00:10,HR,8O\n", "11.txt, line 3: the Value '8O' is no number"),
        ("00:00,RecordID,11\n00:10,HR,\n", "11.txt, line 3: the Value '' is no number"),
        ("00:00,RecordID,11\n00:10,HR,NaN\n", "11.txt, line 3: the value is missing"),
        ("00:00,RecordID,11\n00:10,HR,1e99\n", "11.txt, line 3: the Value is above"),
        ("00:00,RecordID,11\n00:10,Heart,80\n", "11.txt, line 3: an unknown parameter"),
        ("00:00,RecordID,11\n00:61,HR,80\n", "11.txt, line 3: the time must be HH:MM"),
        ("00:00,RecordID,11\n-1:10,HR,80\n", "11.txt, line 3: the time must be HH:MM"),
        ("00:00,RecordID,99\n", "11.txt, line 2: the RecordID is not"),
        ('00:00,RecordID,11\n00:10,"HR,80\n', "11.txt, line 3: an unknown parameter"),
        ("", "11.txt: has a header and no rows"),
    ],
)
def test_2012_fault_names_file_and_line(tmp_path, text, message):
    options = write_2012(tmp_path, STAYS | {"11": text})
    with pytest.raises(UserError, match=message):
        physionet2012(**options)


def test_2012_stay_without_outcome_is_an_error_or_counted(tmp_path):
    stays = STAYS | {"13": "00:00,RecordID,13\n00:01,HR,50\n"}
    options = write_2012(tmp_path, stays)
    with pytest.raises(UserError, match=r"13.txt: the stay has no line in"):
        physionet2012(**options)
    cohort = physionet2012(**options, exclude=True)
    assert dict(cohort.flow)["files without an outcome"] == 1
    assert cohort.modalities["series"].values[0, 0, VARIABLES.index("HR")] == 85
    assert len(cohort) == 2


@pytest.mark.parametrize("outcomes", ["RecordID\n11\n", "RecordID,In-hospital_death\n11,2\n", "x,y\n1,2,3\n", ""])
def test_2012_broken_outcomes(tmp_path, outcomes):
    with pytest.raises(UserError, match=r"outcomes\.csv"):
        physionet2012(**write_2012(tmp_path, outcomes=outcomes))


def write_2019(folder, stays):
    names = [*HOURLY, *STATICS, "ICULOS", "SepsisLabel"]
    for name, rows in stays.items():
        lines = ["|".join(names)]
        lines += ["|".join(str(row.get(c, "NaN")) for c in names) for row in rows]
        (folder / f"{name}.psv").write_text("\n".join(lines))
    return str(folder)


def hours(values, start=1, label=0):
    return [{"HR": v, "Age": 50, "ICULOS": start + i, "SepsisLabel": label} for i, v in enumerate(values)]


def test_2019_rows_know_their_past_alone(tmp_path):
    path = write_2019(tmp_path, {"p1": hours([60, "NaN", 62, 63], start=3), "p2": hours([90, 91], label=1)})
    cohort = physionet2019(path, window_hours=3)
    series, table = cohort.modalities["series"], cohort.modalities["table"]
    hr = series.values[..., series.features.index("HR")]
    np.testing.assert_array_equal(hr[3], [np.nan, 62, 63])
    np.testing.assert_array_equal(hr[0], [60, np.nan, np.nan])
    np.testing.assert_array_equal(hr[4], [90, np.nan, np.nan])  # nothing of the patient before
    np.testing.assert_array_equal(series.mask.sum(axis=1), [1, 2, 3, 3, 1, 2])
    np.testing.assert_array_equal(table.values[:, table.features.index("HR")], [60, 60, 62, 63, 90, 91])
    assert list(cohort.sample[:4]) == ["3", "4", "5", "6"]
    assert list(cohort.patient) == ["p1"] * 4 + ["p2"] * 2


def test_2019_every_hours_loses_no_patient(tmp_path):
    path = write_2019(tmp_path, {"p1": hours([60, 61, 62, 63]), "p2": hours([90], label=1)})
    cohort = physionet2019(path, every_hours=3, window_hours=2)
    assert list(cohort.sample) == ["1", "4", "1"]
    assert dict(cohort.flow)["hours analysed"] == 3


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"ICULOS": 9, "SepsisLabel": 0}, "p1.psv, line 3: ICULOS must be one more"),
        ({"ICULOS": 2, "SepsisLabel": 5}, "p1.psv, line 3: the SepsisLabel must be 0 or 1"),
        ({"ICULOS": 2}, "p1.psv, line 3: the SepsisLabel must be 0 or 1"),
        ({"ICULOS": 2, "SepsisLabel": 0, "HR": "high"}, "p1.psv, line 3: the HR 'high' is no number"),
        ({"ICULOS": 2, "SepsisLabel": 0, "HR": "1|2"}, "p1.psv, line 3: 42 fields where 41"),
    ],
)
def test_2019_fault_names_file_and_line(tmp_path, row, message):
    path = write_2019(tmp_path, {"p0": hours([1]), "p1": [*hours([60]), row]})
    with pytest.raises(UserError, match=message):
        physionet2019(path)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(1, 6))
def test_windows_equal_a_loop(lengths, width):
    age = np.concatenate([np.arange(n) for n in lengths])
    values = np.arange(len(age), dtype=np.float32)[:, None]
    cut, mask = windows(values, age, np.arange(len(age)), width)
    for row, years in enumerate(age):
        past = values[max(row - width + 1, row - years) : row + 1, 0]
        np.testing.assert_array_equal(cut[row, mask[row], 0], past)
        assert np.isnan(cut[row, ~mask[row]]).all()


@given(st.one_of(st.binary(max_size=80), st.text("0123456789:,.HR\r\n\"'-eNa", max_size=80).map(str.encode)))
def test_2012_any_bytes_give_a_cohort_or_a_user_error(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("fuzz")
    options = write_2012(folder)
    (folder / "12.txt").write_bytes((HEADER + "00:00,RecordID,12\n").encode() + content)
    fault = ""
    try:
        assert len(physionet2012(**options)) == 2
    except UserError as error:
        fault = str(error)
    assert "\n" not in fault


@given(st.binary(max_size=200))
def test_any_bytes_as_an_archive_are_a_user_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "a.tar.gz"
    path.write_bytes(content)
    with pytest.raises(UserError):
        physionet2019(str(path))


def test_archive_cut_short(tmp_path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(write_2019(tmp_path, {"p1": hours(range(60, 99))}), "set")
    (tmp_path / "a.tar.gz").write_bytes(packed.getvalue()[: len(packed.getvalue()) // 2])
    with pytest.raises(UserError, match=r"a\.tar\.gz"):
        physionet2019(str(tmp_path / "a.tar.gz"))


def test_real_2012(data_folder):
    folder = data_folder / "physionet2012"
    cohort = physionet2012(str(folder / "set-a.tar.gz"), outcomes=str(folder / "Outcomes-a.txt"))
    assert cohort.modalities["series"].values.shape == (3996, 48, 37)
    assert cohort.task.label.mean() == pytest.approx(0.139, abs=5e-4)
    assert dict(cohort.flow)["of these without a file"] == 4


def test_real_2019(data_folder):
    folder = data_folder / "physionet2019_setB_first2000"
    cohort = physionet2019(str(folder / "training_setB_first2000.tar.gz"), every_hours=6)
    assert len(np.unique(cohort.patient)) == 2000
    assert dict(cohort.flow)["hours in the source"] == 76725
