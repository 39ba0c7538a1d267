"""Origin: what a registry entry says of a cohort, carried over to the cohort's Source."""

from dataclasses import replace
from pathlib import PurePosixPath

from pmjax.cohort import Cohort, Source
from pmjax.data.public.entry import Entry


def source_of(entry: Entry, *notes: str, simulated: bool = False) -> Source:
    """Make the Source of a cohort that is read from the verified files of `entry`."""
    hashes = {PurePosixPath(file.path).name: file.sha256 for file in entry.files}
    return Source(entry.title, entry.citation, entry.licence, hashes, simulated, notes)


def adopt(cohort: Cohort, entry: Entry, *notes: str, simulated: bool = False) -> Cohort:
    """Name the cohort of a reader as `entry` does, keeping the reader's own notes and hashes of what it read."""
    source = source_of(entry, *notes, *cohort.source.notes, simulated=simulated)
    return replace(cohort, name=entry.name, source=replace(source, files=cohort.source.files))
