"""The registry against its own modules, and against the files that are here."""

import pkgutil
import subprocess
import sys

import pytest

from pmjax import data
from pmjax.data.catalogue import catalogue, missing
from pmjax.data.public import LOADERS, REGISTRY, Entry, File
from pmjax.data.public.fetch import files
from pmjax.errors import UserError

SHA = "0" * 64


@pytest.mark.parametrize("name", LOADERS)
def test_every_entry_is_complete_and_named_as_its_loader(name):
    entry = REGISTRY[name]
    assert (entry.name, entry.loader) == (name, LOADERS[name])
    assert pkgutil.resolve_name(entry.loader).__name__ == name
    assert all((entry.title, entry.citation, entry.licence, entry.protocol, entry.files))
    assert entry.how or all(file.url for file in entry.files)
    assert data.PUBLIC[name] == entry.loader
    if entry.published:
        assert "unverified" in entry.published or "file" in entry.published, "say where the figure was checked"


def test_every_entry_of_every_module_is_listed():
    modules = {loader.split(":")[0] for loader in LOADERS.values()}
    entries = [entry for module in modules for entry in pkgutil.resolve_name(module).ENTRIES]
    assert sorted(entry.name for entry in entries) == sorted(REGISTRY)
    paths = [file.path for entry in entries for file in entry.files]
    assert len(set(paths)) == len(paths)


def test_an_unknown_name_is_no_member():
    assert "nowhere" not in REGISTRY
    with pytest.raises(KeyError):
        REGISTRY["nowhere"]


@pytest.mark.parametrize("name", LOADERS)
def test_the_files_that_are_here_are_those_of_the_registry(data_folder, name):
    found = files(REGISTRY[name])
    assert list(found) == [file.path for file in REGISTRY[name].files]
    assert all(path == data_folder / file for file, path in found.items())
    assert missing(REGISTRY[name]) == ""


@pytest.mark.parametrize("path", ["/etc/passwd", "../up.csv", "a/../../b.csv", "", ".", "a\\..\\b"])
def test_a_file_stays_within_the_folder_of_data(path):
    with pytest.raises(UserError, match="within the folder of data"):
        File(path, SHA)


@pytest.mark.parametrize("url", ["ftp://host/file", "file:///etc/passwd", "host/file", "javascript:http://x"])
def test_only_http_is_fetched(url):
    with pytest.raises(UserError, match="give an http or https URL"):
        File("a.csv", SHA, url)


@pytest.mark.parametrize("sha256", ["", "0" * 63, "0" * 65, "G" * 64])
def test_a_hash_is_64_digits(sha256):
    with pytest.raises(UserError, match="is no sha256"):
        File("a.csv", sha256)


def test_the_catalogue_says_how_to_get_what_is_not_here(monkeypatch, tmp_path):
    monkeypatch.setenv("PMJAX_DATA", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    lines = {line.name: line for line in catalogue()}
    assert set(lines) == {*data.PACKAGED, *data.PUBLIC, *data.SIMULATED}
    assert lines["lung"].missing == lines["simulated_genomic"].missing == ""
    assert lines["metabric"].missing == "python -m pmjax.data --fetch metabric"
    assert lines["ecg200"].missing == f"by hand into PMJAX_DATA: {REGISTRY['ecg200'].how}"
    assert "sequence" in lines["gue_tf2"].about
    assert lines["gue_tf2"].licence == "Apache-2.0"
    assert not (tmp_path / "cache").exists(), "looking must write nothing"


def test_a_damaged_file_is_told_in_the_catalogue(monkeypatch, tmp_path):
    monkeypatch.setenv("PMJAX_DATA", str(tmp_path))
    (tmp_path / "a.csv").write_text("another")
    entry = Entry("a", "A", "nobody", "none", (File("a.csv", SHA),), "m:f", "none", "", "write it")
    assert "has sha256" in missing(entry)


def test_importing_the_registry_imports_no_module_of_a_cohort():
    code = (
        "import sys, pmjax.data.public\n"
        "print([m for m in sys.modules if m.startswith('pmjax.data.public.')])\n"
        "print([m for m in ('pooch', 'requests', 'h5py') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert told.stdout == "['pmjax.data.public.entry']\n[]\n"
