"""DICOM images beside their outcomes: a slice, or all slices, of each series as float32 (N, H, W, C) in [0, 1]."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pmjax.cohort import Cohort, Modality, Source
from pmjax.data.readers.dicom_file import Header
from pmjax.data.readers.dicom_series import assemble, find_files, scan_series
from pmjax.data.readers.display import Window, display, resize
from pmjax.data.readers.linked import describe_images, link
from pmjax.data.readers.measured import join_cohort, load_outcomes
from pmjax.data.readers.source import refuse
from pmjax.errors import UserError
from pmjax.types import HostArray

Slices = Literal["middle", "all"]
_COLOURS = {1: ("grey",), 3: ("red", "green", "blue")}


def dicom(
    path: str,
    *,
    outcomes: str,
    roles: Mapping[str, Any],
    size: Sequence[int] = (64, 64),
    slice: Slices = "middle",  # noqa: A002
    window: Window = "file",
    file_column: str = "file",
    identity: bool = False,
    allow_tilt: bool = False,
    exclude: bool = False,
    title: str = "",
    citation: str = "",
    licence: str = "",
) -> Cohort:
    """Load one DICOM series for each row of the table `outcomes`.

    Args:
        path: of a folder, searched with its subfolders, or of a DICOMDIR.
        roles: columns of `outcomes`; see `read_outcomes`.
        size: (H, W) to which each slice's whole field is brought; see `resize`.
        slice: "middle" takes slice Z // 2 along the normal, "all" takes each as a channel (all need the same Z).
        window: of display, see `display`: "file" takes the series' own (its range where it has none), "range" its
            least to greatest value, (centre, width) that of all, such as (40, 400) Hounsfield units.
        file_column: the column that names, from the folder on, a file of the series or the folder that holds it alone.
        identity: match the ids of `roles` with PatientID instead; the ids of the cohort are those of the table anyway.
        allow_tilt: take slices of a tilted gantry as they are.
        exclude: leave files, series and rows that do not fit out, counted and named, instead of failing.

    Raises:
        UserError: naming the file, for what `read_series` refuses, and for rows and series that do not fit.
    """
    height, width = _check_options(size, slice, window)
    excluded: list[str] | None = [] if exclude else None
    files = find_files(path)
    groups = scan_series(files, identity=identity, excluded=excluded)
    chosen = _Choice(groups, (height, width), slice, window, allow_tilt)
    origin = describe_images(path, files, outcomes, title, citation, licence)
    if not identity:
        linked, images = link(outcomes, roles, file_column, groups, excluded, _finder(groups)).read(
            chosen.read, excluded
        )
        return linked.cohort("dicom", roles, chosen.modality(images), chosen.note(origin), path, excluded)
    table = load_outcomes(outcomes, roles, excluded)
    ids, images = _read_all(groups, chosen.read, excluded)
    return join_cohort(
        "dicom",
        table,
        ids=ids,
        modalities={"image": chosen.modality(images)},
        source=chosen.note(origin),
        paths=[path, outcomes],
        excluded=excluded,
    )


@dataclass(frozen=True)
class _Choice:
    """How series become images, and what was met on the way."""

    groups: Mapping[str, Sequence[Header]]
    size: tuple[int, int]
    slices: Slices
    window: Window
    allow_tilt: bool
    layouts: dict[str, tuple[int, int]] = field(default_factory=dict)
    met: Counter[str] = field(default_factory=Counter)

    def read(self, name: str) -> HostArray:
        """Read a series as (H, W, C), C being slices times colours."""
        series = assemble(self.groups[name], self.allow_tilt)
        shown = display(series, self.window)
        shown = shown[len(shown) // 2][None] if self.slices == "middle" else shown
        layout = (len(shown), shown.shape[3])
        first = next(iter(self.layouts), name)
        if self.layouts.setdefault(first, layout) != layout:
            has = "{} slices of {} channels".format
            raise UserError(f"{name}: its series has {has(*layout)}, that of {first} has {has(*self.layouts[first])}")
        self.layouts[name] = layout
        self.met["no window of its own, shown from least to greatest value"] += (
            self.window == "file" and series.window is None and layout[1] == 1
        )
        self.met["a tilted gantry, its slices taken as they are"] += series.tilt > 0
        return np.moveaxis(resize(shown, *self.size), 0, 2).reshape(*self.size, -1)

    def modality(self, images: Sequence[HostArray]) -> Modality:
        """Stack the images of all rows."""
        slices, channels = next(iter(self.layouts.values()))
        colours = _COLOURS[channels]
        names = colours if slices == 1 else tuple(f"slice {z + 1} {c}" for z in range(slices) for c in colours)
        return Modality("image", np.stack(images), names)

    def note(self, origin: Source) -> Source:
        """Add how the images were made to the notes."""
        window = self.window if isinstance(self.window, str) else " and ".join(map(str, self.window))
        taken = "the middle slice" if self.slices == "middle" else "all slices as channels"
        size = " × ".join(map(str, self.size))
        made = f"Images: {taken} of each series, window {window}, brought to {size} by area or linearly."
        met = [f"{count} of {len(self.layouts)} series: {what}." for what, count in self.met.items() if count]
        return replace(origin, notes=(*origin.notes, made, *met))


def _finder(groups: Mapping[str, Sequence[Header]]) -> Any:
    """Make the function from the name of any file or folder of a series to the name of its first file."""
    owners: dict[str, set[str]] = {}
    for name, headers in groups.items():
        for header in headers:
            for place in (header.name, *(parent.as_posix() for parent in Path(header.name).parents)):
                owners.setdefault(place, set()).add(name)

    def find(text: str) -> str:
        names = owners.get(text, set())
        if len(names) > 1:
            raise UserError(f"the folder {text!r} holds {len(names)} series; name a file of the one that is meant")
        return next(iter(names), text)

    return find


def _read_all(
    groups: Mapping[str, Sequence[Header]], read: Any, excluded: list[str] | None
) -> tuple[list[str], list[HostArray]]:
    """Read every series, with the id of its patient."""
    ids, images = list[str](), list[HostArray]()
    for name, headers in groups.items():
        try:
            images.append(read(name))
            ids.append(headers[0].patient)
        except UserError as error:
            refuse(str(error), excluded)
    if not images:
        raise UserError(f"none of {len(groups)} series can be read; see why without exclude")
    return ids, images


def _check_options(size: Sequence[int], slice: str, window: Window) -> tuple[int, int]:  # noqa: A002
    if len(size) != 2 or not all(isinstance(n, int) and 1 <= n <= 4096 for n in size):
        raise UserError(f"size must be two whole numbers of pixels, from 1 to 4096, got {list(size)}")
    if slice not in ("middle", "all"):
        raise UserError(f"slice must be 'middle' or 'all', got {slice!r}")
    named = isinstance(window, str)
    if (named and window not in ("file", "range")) or (not named and (len(window) != 2 or not float(window[1]) > 0)):
        raise UserError(f"window must be 'file', 'range', or centre and a width above zero, got {window!r}")
    return size[0], size[1]
