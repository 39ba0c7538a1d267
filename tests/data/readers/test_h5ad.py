"""h5ad becomes a cohort; files that are broken, lead elsewhere or declare absurd sizes are one line."""

import pickle

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from pmjax.data.readers.h5ad import h5ad, read_h5ad
from pmjax.data.readers.probe import probe
from pmjax.errors import UserError

VALUES = np.random.default_rng(0).poisson(1.0, (6, 4)).astype(np.float32)
KINDS = {"dense": np.asarray, "csr": scipy.sparse.csr_matrix, "csc": scipy.sparse.csc_matrix}


def example(kind="dense"):
    obs = pd.DataFrame(
        {
            "donor": ["d1", "d1", "d2", "d2", "d3", "d3"],
            "label": pd.Categorical(["ill", "ill", "well", "well", "ill", "ill"]),
            "age": [50, 50, 61, 61, 47.5, 47.5],
        },
        index=[f"cell{i}" for i in range(6)],
    )
    matrix = anndata.AnnData(X=KINDS[kind](VALUES), obs=obs, var=pd.DataFrame(index=list("abcd")))
    matrix.layers["counts"] = KINDS[kind](VALUES * 2)
    return matrix


@pytest.fixture
def path(tmp_path):
    example("csr").write_h5ad(tmp_path / "a.h5ad")
    return str(tmp_path / "a.h5ad")


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip_dense_and_sparse(tmp_path, kind):
    file = tmp_path / "a.h5ad"
    example(kind).write_h5ad(file)
    matrix, obs = read_h5ad(file)
    np.testing.assert_array_equal(matrix.values, VALUES)
    assert (matrix.values.dtype, matrix.features) == (np.float32, ("a", "b", "c", "d"))
    assert matrix.samples == tuple(obs["obs_names"]) == tuple(f"cell{i}" for i in range(6))
    np.testing.assert_array_equal(read_h5ad(file, layer="counts")[0].values, VALUES * 2)
    some, _ = read_h5ad(file, features=["d", "a"])
    np.testing.assert_array_equal(some.values, VALUES[:, [3, 0]])
    assert some.features == ("d", "a")


def test_cells_of_donors_become_samples_of_patients(path):
    roles = {"id": "donor", "sample": "obs_names", "label": "label", "classes": ["well", "ill"], "groups": ["age"]}
    cohort = h5ad(path, roles=roles, modality="rna", layer="counts")
    assert cohort.patient.tolist() == ["d1", "d1", "d2", "d2", "d3", "d3"]
    assert cohort.sample[0] == "cell0"
    assert cohort.task.label.tolist() == [1, 1, 0, 0, 1, 1]
    np.testing.assert_array_equal(cohort.modalities["rna"].values, VALUES * 2)
    assert list(cohort.source.files) == ["a.h5ad"]
    assert h5ad(path, roles={"label": "label"}).patient[0] == "cell0"


def replaced(name, data, **attributes):
    """Put `data` in the place of a part of the file, with the attributes that it had, or others."""

    def change(file):
        kept = dict(file[name].attrs) | attributes
        del file[name]
        file[name] = data
        file[name].attrs.update(kept)

    return change


def external_link(file):
    del file["X"]
    file["X"] = h5py.ExternalLink("/etc/passwd", "/X")


def soft_link(file):
    del file["X"]
    file["X"] = h5py.SoftLink("/layers/counts")


def external_storage(file):
    del file["X"]
    file.create_dataset("X", (6, 4), "f4", external=[("/etc/passwd", 0, 96)])


def virtual(file):
    del file["X"]
    layout = h5py.VirtualLayout((6, 4), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "X", (6, 4))
    file.create_virtual_dataset("X", layout)


def absurd(file):
    del file["X"]
    file.create_dataset("X", (10**7, 10**6), "f4", chunks=(1000, 1000))
    file["X"].attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})


def cycle(file):
    file["obs/label/again"] = file["obs"]


def sparse_shape(file):
    file["X"].attrs["shape"] = [10**9, 10**9]


def without(name):
    def change(file):
        del file[name]

    return change


BROKEN = {
    "no X": (without("X"), "there is no X; it has layers"),
    "no obs": (without("obs"), "there is no obs"),
    "link to another file": (external_link, "X is a link to elsewhere"),
    "soft link": (soft_link, "X is a link to elsewhere"),
    "data in another file": (external_storage, "X keeps its data in another file"),
    "virtual data": (virtual, "X keeps its data in another file"),
    "absurd size": (absurd, r"X declares more than the 21\d+ bytes"),
    "group in itself": (cycle, "obs is nested too deep"),
    "absurd sparse shape": (sparse_shape, "cannot be read as h5ad|X is"),
    "sparse column beyond the shape": (
        lambda file: file["X/indices"].write_direct(np.full(file["X/indices"].shape, 10**6, np.int32)),
        "its sparse indices are broken",
    ),
    "sparse row that ends before it starts": (
        lambda file: file["X/indptr"].write_direct(np.array([0, 9, 3, 4, 5, 6, 7], np.int32)),
        "cannot be read as h5ad|its sparse indices are broken",
    ),
    "no array": (replaced("X", "text", **{"encoding-type": "string"}), "X is of the form .'string'"),
    "matrix of text": (
        replaced("X", np.full((6, 4), "x", object), **{"encoding-type": "string-array", "encoding-version": "0.2.0"}),
        "holds object; a matrix holds numbers",
    ),
    "other rows": (
        replaced("X", VALUES[:5], **{"encoding-type": "array", "encoding-version": "0.2.0"}),
        r"X is \(5, 4\); obs and var have 6 and 4 rows",
    ),
    "form of the future": (
        lambda file: file["X"].attrs.update({"encoding-version": "9"}),
        "of the form .'csr_matrix', '9'",
    ),
    "obs is no table": (
        lambda file: file["obs"].attrs.update({"encoding-type": "categorical"}),
        "obs must be tables|cannot be read as h5ad",
    ),
    "obs column of another length": (
        replaced("obs/age", np.arange(5.0)),
        "cannot be read as h5ad",
    ),
    "feature twice": (replaced("var/_index", ["a", "b", "c", "a"]), "the feature 'a' is there 2 times"),
    "infinite": (
        replaced("X", np.full((6, 4), np.inf), **{"encoding-type": "array", "encoding-version": "0.2.0"}),
        "infinite value",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_one_line(path, name, monkeypatch):
    change, fault = BROKEN[name]
    with h5py.File(path, "r+") as file:
        change(file)
    monkeypatch.setattr("pmjax.data.readers.h5ad.probe", lambda *_: None)  # a child each would be slow
    with pytest.raises(UserError, match=fault) as raised:
        h5ad(path, roles={"label": "label"})
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [None, b"", b"\x89HDF\r\n\x1a\n", b"id,label\n1,2\n"])
def test_what_is_no_hdf5_is_one_line(tmp_path, content):
    file = tmp_path / "broken.h5ad"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError, match=r"broken.h5ad: cannot be read as h5ad"):
        read_h5ad(file)


def test_a_file_cut_short_is_one_line(path):
    with open(path, "r+b") as file:
        file.truncate(5000)
    with pytest.raises(UserError, match="cannot be read as h5ad"):
        read_h5ad(path)


class Trap:
    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return self.file.touch, ()


def test_nothing_is_unpickled(tmp_path, path):
    sprung = tmp_path / "sprung"
    opaque = np.array([np.void(pickle.dumps(Trap(sprung)))] * 6)
    with h5py.File(path, "r+") as file:
        file["uns/trap"] = opaque
        replaced("obs/age", opaque)(file)
    with pytest.raises(UserError, match="obs: the column 'age' holds bytes"):
        read_h5ad(path)
    assert not sprung.exists()
    pickle.loads(opaque[0].tobytes())  # the trap is no dud
    assert sprung.exists()


def test_more_values_than_memory_are_refused(path):
    with pytest.raises(UserError, match="bytes that are read"):
        read_h5ad(path, limit=100)


def test_options_that_do_not_exist_are_named(path):
    with pytest.raises(UserError, match=r"there is no layers/count"):
        read_h5ad(path, layer="count")
    with pytest.raises(UserError, match="there is no feature 'e'"):
        read_h5ad(path, features=["a", "e"])


@pytest.mark.parametrize(
    ("reader", "fault"), [("os:abort", r"reading crashes \(signal 6\)"), ("time:sleep", "reading does not end")]
)
def test_a_reader_that_dies_or_hangs_does_not_take_the_study_along(tmp_path, monkeypatch, reader, fault):
    monkeypatch.setattr("pmjax.data.readers.probe._PATIENCE", 2.0)
    code = "import pkgutil, sys; f = pkgutil.resolve_name(sys.argv[1]); f(9) if 'time' in sys.argv[1] else f()"
    monkeypatch.setattr("pmjax.data.readers.probe._FIRST", code)
    with pytest.raises(UserError, match=fault):
        probe(reader, str(tmp_path / "a.h5ad"))


@given(st.binary(max_size=300), st.integers(0, 300))
def test_any_bytes_are_a_user_error(tmp_path_factory, content, at):
    file = tmp_path_factory.getbasetemp() / "fuzz.h5ad"
    file.write_bytes(content[:at] + b"\x89HDF\r\n\x1a\n" + content[at:])
    with pytest.raises(UserError) as raised:
        read_h5ad(file)
    assert "\n" not in str(raised.value)
