"""DICOM images beside their outcomes: a slice, or all slices, of each series as float32 (N, H, W, C) in [0, 1]."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pmjax.cohort import Cohort, Modality
from pmjax.data.readers.dicom_file import Header
from pmjax.data.readers.dicom_series import Series, assemble, find_files, scan_series
from pmjax.data.readers.linked import describe_images, link
from pmjax.data.readers.measured import join_cohort, load_outcomes
from pmjax.data.readers.source import refuse
from pmjax.errors import UserError
from pmjax.types import HostArray

Slices = Literal["middle", "all"]
Window = str | Sequence[float | int]
"""`"file"`, `"range"`, or centre and width in the modality's unit."""

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
    layouts: dict[str, tuple[int, int]] = {}

    def read(name: str) -> HostArray:
        series = assemble(groups[name], allow_tilt)
        shown = display(series, window)
        shown = shown[len(shown) // 2][None] if slice == "middle" else shown
        layout = (len(shown), shown.shape[3])
        first = next(iter(layouts), name)
        if layouts and layouts[first] != layout:
            has = "{} slices of {} channels".format
            raise UserError(f"{name}: its series has {has(*layout)}, that of {first} has {has(*layouts[first])}")
        layouts[name] = layout
        return np.moveaxis(resize(shown, height, width), 0, 2).reshape(height, width, -1)

    origin = describe_images(path, files, outcomes, title, citation, licence)
    origin = replace(origin, notes=(_describe(height, width, slice, window),))
    if not identity:
        linked, images = link(outcomes, roles, file_column, groups, excluded, _finder(groups)).read(read, excluded)
        return linked.cohort("dicom", roles, _modality(images, layouts), origin, path, excluded)
    table = load_outcomes(outcomes, roles, excluded)
    ids, images = _read_all(groups, read, excluded)
    return join_cohort(
        "dicom",
        table,
        ids=ids,
        modalities={"image": _modality(images, layouts)},
        source=origin,
        paths=[path, outcomes],
        excluded=excluded,
    )


def display(series: Series, window: Window = "file") -> HostArray:
    """Bring a series to [0, 1] as it would be shown, (Z, H, W, C), white being 1; colours are left.

    The window's function is DICOM's (PS3.3 C.11.2.1.2 and C.11.2.1.3): LINEAR, LINEAR_EXACT or SIGMOID; a declared
    window is LINEAR_EXACT. MONOCHROME1 is inverted after it.
    """
    values = series.volume
    if values.shape[-1] == 3:
        return values
    centre, width, function = _window_of(series, window)
    if function == "SIGMOID":
        shown = 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -80, 80)))
    elif function == "LINEAR" and width > 1:
        shown = (values - (centre - 0.5)) / (width - 1) + 0.5
    else:
        shown = (values - centre) / width + 0.5
    shown = np.clip(shown, 0, 1).astype(np.float32)
    return 1 - shown if series.inverted else shown


def _window_of(series: Series, window: Window) -> tuple[float, float, str]:
    if not isinstance(window, str):
        return float(window[0]), float(window[1]), "LINEAR_EXACT"
    if window == "file" and series.window is not None:
        return series.window
    low, high = float(series.volume.min()), float(series.volume.max())
    return (low + high) / 2, max(high - low, float(np.finfo(np.float32).tiny)), "LINEAR_EXACT"


def resize(images: HostArray, height: int, width: int) -> HostArray:
    """Bring (Z, H, W, C) images to (Z, height, width, C), each axis by itself, over the whole field.

    An axis that shrinks is averaged by area, one that grows is interpolated linearly between the centres of pixels.
    """
    rows, columns = (_weights(n, m) for n, m in zip(images.shape[1:3], (height, width), strict=True))
    return np.stack([np.einsum("ph,hwc,qw->pqc", rows, image, columns, optimize=True) for image in images])


def _weights(given: int, wanted: int) -> HostArray:
    """Build the (wanted, given) float32 matrix of one axis; its rows sum to 1."""
    scale = given / wanted
    if wanted <= given:
        low = np.arange(wanted)[:, None] * scale
        pixels = np.arange(given)
        shared = np.minimum(low + scale, pixels + 1) - np.maximum(low, pixels)
        return (np.clip(shared, 0, None) / scale).astype(np.float32)
    centre = np.clip((np.arange(wanted) + 0.5) * scale - 0.5, 0, given - 1)
    return np.clip(1 - np.abs(centre[:, None] - np.arange(given)), 0, None).astype(np.float32)


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


def _modality(images: Sequence[HostArray], layouts: Mapping[str, tuple[int, int]]) -> Modality:
    slices, channels = next(iter(layouts.values()))
    colours = _COLOURS[channels]
    names = colours if slices == 1 else tuple(f"slice {z + 1} {c}" for z in range(slices) for c in colours)
    return Modality("image", np.stack(images), names)


def _check_options(size: Sequence[int], slice: str, window: Window) -> tuple[int, int]:  # noqa: A002
    if len(size) != 2 or not all(isinstance(n, int) and 1 <= n <= 4096 for n in size):
        raise UserError(f"size must be two whole numbers of pixels, from 1 to 4096, got {list(size)}")
    if slice not in ("middle", "all"):
        raise UserError(f"slice must be 'middle' or 'all', got {slice!r}")
    named = isinstance(window, str)
    if (named and window not in ("file", "range")) or (not named and (len(window) != 2 or not float(window[1]) > 0)):
        raise UserError(f"window must be 'file', 'range', or centre and a width above zero, got {window!r}")
    return size[0], size[1]


def _describe(height: int, width: int, slice: Slices, window: Window) -> str:  # noqa: A002
    shown = f"window {window!r}" if isinstance(window, str) else f"window of centre {window[0]}, width {window[1]}"
    taken = "the middle slice" if slice == "middle" else "all slices as channels"
    return f"Images: {taken} of each series, {shown}, brought to {height} × {width} by area or linearly, [0, 1]."
