"""HDF5: DeepSurv's files with their parts and true hazard; shapes, links and sizes are checked before reading."""

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pmjax.data.readers.hdf5 import deepsurv_h5, read_deepsurv
from pmjax.errors import UserError


def part(n=4, **columns):
    base = {"x": np.arange(2.0 * n).reshape(n, 2), "t": np.arange(1.0, n + 1), "e": np.arange(n) % 2}
    return {k: v for k, v in (base | columns).items() if v is not None}


@pytest.fixture
def write(tmp_path):
    def write(**groups):
        path = tmp_path / "t.h5"
        with h5py.File(path, "w") as file:
            for group, columns in groups.items():
                for name, values in columns.items():
                    file[f"{group}/{name}"] = values
        return str(path)

    return write


def test_parts_and_arms_are_those_of_the_file(write):
    path = write(test=part(2), viz=part(3), train=part(4, x=np.array([[0.5, 0], [1, 1], [2, 0], [3, 1]])))
    cohort = deepsurv_h5(path, features=["a", "arm"], treatment_column="arm", zero_time=0.5)
    assert cohort.part.tolist() == ["train"] * 4 + ["test"] * 2
    assert cohort.patient[[0, 4]].tolist() == ["train-0", "test-0"]
    assert cohort.arm[:4].tolist() == ["0", "1", "0", "1"]
    assert cohort.flow == (("rows in train", 4), ("rows in test", 2), ("analysed", 6))
    assert cohort.truth is None
    assert not cohort.source.simulated


def test_hr_is_the_true_log_hazard(write):
    cohort = deepsurv_h5(write(train=part(4, hr=np.array([-1.0, 0, 1, 2]))))
    assert cohort.truth.log_hazard.tolist() == [-1, 0, 1, 2]
    assert cohort.source.simulated


def test_a_time_of_zero_is_lifted_only_where_the_user_says_so(write):
    path = write(train=part(4, t=np.array([0.0, 1, 2, 3])))
    with pytest.raises(UserError, match="1 times are 0, and must be above it; give zero_time"):
        deepsurv_h5(path)
    cohort = deepsurv_h5(path, zero_time=0.25)
    assert cohort.task.time[0] == 0.25
    assert "1 times of 0 were set to 0.25." in cohort.source.notes


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"test": part()}, "there is no group 'train'"),
        ({"train": part(t=None)}, "group 'train': the dataset 't' is missing"),
        ({"train": part(x=np.zeros(4))}, "x is float64 of shape (4,); it must be numbers of 2 axes"),
        ({"train": part(x=np.zeros((4, 2, 1)))}, "of shape (4, 2, 1)"),
        ({"train": part(t=np.ones(3))}, "t has 3 rows, x has 4"),
        ({"train": part(t=np.ones((4, 1)))}, "t is float64 of shape (4, 1)"),
        ({"train": part(t=np.array([1.0, -1, 2, 3]))}, "row 1: t is -1.0, not a time of at least zero"),
        ({"train": part(t=np.array([1.0, np.nan, 2, 3]))}, "row 1: t is not a finite number"),
        ({"train": part(e=np.array([0, 1, 2, 0]))}, "row 2: e is 2, not an event"),
        ({"train": part(e=np.array([b"0", b"1", b"1", b"0"]))}, "e is |S1 of shape (4,)"),
        ({"train": part(x=np.zeros((0, 2)))}, "x declares the shape (0, 2)"),
        ({"train": part(hr=np.ones(4))}, "hr has no value below zero"),
        ({"train": part(), "test": part(x=np.zeros((4, 3)))}, "the group 'test' has other columns"),
        ({"train": part(), "test": part(hr=-np.ones(4))}, "the group 'test' has other columns"),
        ({"train": {"x/y": np.ones(3)}}, "'x' is no dataset"),
    ],
)
def test_faults_are_one_line_that_names_the_place(write, groups, message):
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        read_deepsurv(write(**groups))
    assert "\n" not in str(caught.value)


def test_objects_and_absurd_sizes_are_refused_before_they_are_read(tmp_path):
    path = tmp_path / "t.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("train/x", shape=(1 << 40, 8), dtype="f4", chunks=(1024, 8))
    assert path.stat().st_size < 1 << 16
    with pytest.raises(UserError, match="x declares the shape"):
        read_deepsurv(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("train/x", data=np.array([["a"], ["b"]], object), dtype=h5py.string_dtype())
    with pytest.raises(UserError, match="x is object of shape"):
        read_deepsurv(path)


def test_links_out_of_the_file_are_not_followed(tmp_path, write):
    inside = write(train=part())
    for link in (h5py.ExternalLink(inside, "/train"), h5py.SoftLink("/elsewhere")):
        path = tmp_path / "linked.h5"
        with h5py.File(path, "w") as file:
            file["train"] = link
        with pytest.raises(UserError, match=r"linked\.h5"):
            read_deepsurv(path)
    with h5py.File(path, "w") as file:
        file["train/x"] = h5py.ExternalLink(inside, "/train/x")
    with pytest.raises(UserError, match="'x' is missing"):
        read_deepsurv(path)
    with h5py.File(path, "w") as file:
        file.create_dataset("train/x", (4, 2), "f8", external=[(str(tmp_path / "secret"), 0, 64)])
    with pytest.raises(UserError, match="'x' is no dataset kept in this file"):
        read_deepsurv(path)


def test_other_bytes_and_half_a_file_are_refused(tmp_path, write):
    whole = Path(write(train=part())).read_bytes()
    for content in (b"", b"pid,dx\n1,2\n", whole[: len(whole) // 2], whole[:8]):
        path = tmp_path / "broken.h5"
        path.write_bytes(content)
        with pytest.raises(UserError, match="broken, or no HDF5 at all"):
            read_deepsurv(path)
    with pytest.raises(UserError, match="No such file"):
        read_deepsurv(tmp_path / "absent.h5")


def test_wrong_names_are_told(write):
    path = write(train=part())
    with pytest.raises(UserError, match="3 names for 2 columns"):
        deepsurv_h5(path, features=["a", "b", "c"])
    with pytest.raises(UserError, match=r"no column 'arn' \(did you mean 'arm'\?\)"):
        deepsurv_h5(path, features=["a", "arm"], treatment_column="arn")


@pytest.mark.parametrize(
    ("file", "rows", "oracle"),
    [
        ("linear_survival_data", (4000, 1000, 1000), 0.778),
        ("gaussian_survival_data", (4000, 1000, 1000), 0.658),
        ("sim_treatment_dataset", (4000, 1000, 1000), 0.561),
        ("metabric_IHC4_clinical_train_test", (1523, 0, 381), None),
        ("support_train_test", (7098, 0, 1775), None),
        ("whas_train_test", (1310, 0, 328), None),
    ],
)
def test_published_files_have_their_rows_and_the_oracle_its_ceiling(data_folder, file, rows, oracle):
    from lifelines.utils import concordance_index

    cohort = deepsurv_h5(str(data_folder / "deepsurv" / f"{file}.h5"), zero_time=0.05)
    assert tuple(int((cohort.part == p).sum()) for p in ("train", "validation", "test")) == rows
    if oracle is not None:
        test = cohort.part == "test"
        task = cohort.task.take(test)
        reached = concordance_index(task.time, -cohort.truth.log_hazard[test], task.event)
        assert reached == pytest.approx(oracle, abs=5e-4)


def tried(read):
    try:
        return read()
    except UserError as error:
        return error


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_broken_bytes_give_parts_or_one_line(write, tmp_path, data):
    content = bytearray(Path(write(train=part())).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "broken.h5"
    path.write_bytes(content)
    result = tried(lambda: read_deepsurv(path))
    assert "\n" not in str(result) if isinstance(result, UserError) else "train" in result
