"""Catalogue: every named cohort, what is known of it without loading it, and whether its files are here."""

import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass

from pmjax import data
from pmjax.data.public import REGISTRY, Entry
from pmjax.data.public.fetch import find
from pmjax.errors import UserError


@dataclass(frozen=True)
class Line:
    """A cohort of the catalogue.

    Attributes:
        name: as `data.load` knows it.
        kind: packaged, public or simulated.
        about: what it holds, from the documentation of its loader.
        licence: of the data.
        missing: "" where it can be loaded without a download, else what to do.
    """

    name: str
    kind: str
    about: str
    licence: str
    missing: str


def catalogue() -> Iterator[Line]:
    """List the named cohorts; files are looked for and verified, and nothing is downloaded."""
    for name, loader in data.PACKAGED.items():
        yield Line(name, "packaged", _about(loader), data.load(name).source.licence, "")
    for name, entry in REGISTRY.items():
        yield Line(name, "public", _about(entry.loader), entry.licence, missing(entry))
    for name, loader in data.SIMULATED.items():
        yield Line(name, "simulated", _about(loader), "none needed", "")


def missing(entry: Entry) -> str:
    """Say what to do to have the files of `entry`: "" where they are here and right."""
    try:
        absent = [file for file in entry.files if find(file) is None]
    except UserError as error:
        return str(error)
    if not absent:
        return ""
    if all(file.url for file in absent):
        return f"python -m pmjax.data --fetch {entry.name}"
    return f"by hand into PMJAX_DATA: {entry.how}"


def _about(loader: data.Loader) -> str:
    """Return the first sentence of the documentation of a loader, without its verb."""
    function = pkgutil.resolve_name(loader) if isinstance(loader, str) else loader
    first = (function.__doc__ or "").strip().split("\n\n")[0]
    return " ".join(first.split()).split(" ", 1)[-1]
