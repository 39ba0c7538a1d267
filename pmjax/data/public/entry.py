"""Entry: what the registry knows of a named public cohort, and of each file that it is read from."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from pmjax.errors import UserError


@dataclass(frozen=True)
class File:
    """A file of a cohort, known by its content.

    Attributes:
        path: relative to PMJAX_DATA, with "/", such as "uci_splice/splice.arff".
        sha256: of its bytes.
        url: http(s), where the publisher has exactly these bytes; "" where that is not certain.
    """

    path: str
    sha256: str
    url: str = ""

    def __post_init__(self) -> None:
        path = PurePosixPath(self.path)
        if path.is_absolute() or not path.name or ".." in path.parts or "\\" in self.path:
            raise UserError(f"file {self.path!r}: give a path within the folder of data, without '..'")
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise UserError(f"file {self.path!r}: {self.sha256!r} is no sha256; give its 64 hexadecimal digits")
        if self.url and not re.match("https?://", self.url):
            raise UserError(f"file {self.path!r}: {self.url!r} is not fetched; give an http or https URL")


@dataclass(frozen=True)
class Entry:
    """A named public cohort.

    Attributes:
        name: as `data.load` knows it.
        title: of the data, for people.
        citation: of the paper that published them.
        licence: under which they may be used.
        files: that it is read from.
        loader: "module:function" that returns the Cohort.
        protocol: official split or folds, and the metric of the published result.
        published: the published result, and whether it was checked against the paper; "" where there is none.
        how: to get the files by hand where a file has no url; "" where all have one.
    """

    name: str
    title: str
    citation: str
    licence: str
    files: tuple[File, ...]
    loader: str
    protocol: str
    published: str
    how: str
