"""Names and options of `data.load`."""

import inspect
import pkgutil

import pytest

from pmjax import data
from pmjax.cohort import Cohort
from pmjax.errors import UserError


def test_every_name_loads_a_cohort_of_that_name():
    assert {data.load(name).name for name in data.PACKAGED} == set(data.PACKAGED)
    assert set(data.PACKAGED) < set(data.names())


def test_every_loader_exists_and_its_options_have_names():
    for loader in data._LOADERS.values():
        assert inspect.signature(pkgutil.resolve_name(loader)).return_annotation is Cohort


def test_an_option_that_a_reader_needs_is_asked_for():
    with pytest.raises(UserError, match=r"'fasta' needs the option 'path'; give cohort\.path"):
        data.load("fasta")


def test_every_cohort_says_where_it_came_from():
    for name in data.PACKAGED:
        source = data.load(name).source
        assert source.title
        assert source.citation
        assert source.licence
        assert all(len(digest) == 64 for digest in source.files.values())
        assert source.files


def test_a_mistyped_name_names_the_nearest_and_all():
    with pytest.raises(UserError, match=r"'wisconson' is unknown \(did you mean 'wisconsin'\?\).*gbsg2"):
        data.load("wisconson")


def test_an_unknown_option_is_refused():
    with pytest.raises(UserError, match="'lung' has no option 'year'; it takes none"):
        data.load("lung", year=1994)
