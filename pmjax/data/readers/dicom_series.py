"""DICOM series: files grouped by series and sorted along the normal of their slices to a volume with its spacing."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pmjax.data.readers.dicom_file import Header, parsing, read_dataset, read_header, read_pixels
from pmjax.data.readers.linked import files_below
from pmjax.data.readers.source import LIMIT, refuse
from pmjax.errors import UserError
from pmjax.types import HostArray

TILT = 0.5
"""Degrees between the slices' normal and the way from slice to slice that are taken for none."""
UNEVEN = 0.01
"""Share of the spacing by which slices may lie off an even grid."""

_DIRECTORY = "DICOMDIR"


@dataclass(frozen=True)
class Series:
    """A volume and where it lies.

    Attributes:
        volume: (Z, H, W, C) float32, slices along their normal; C is 1 (modality's values) or 3 (RGB in [0, 1]).
        spacing: (3,) mm between slices, rows and columns; NaN where the files do not say.
        modality: DICOM's code, such as "CT".
        window: centre, width and function of display that the middle slice gives; None where it gives none.
        inverted: True where the least value is white (MONOCHROME1).
        uid: hash of the series' UID.
        patient: hash of the patient's id, or the id itself where that was asked for.
        tilt: degrees of the gantry; 0 below TILT.
        files: names in the order of the slices.
    """

    volume: HostArray
    spacing: HostArray
    modality: str
    window: tuple[float, float, str] | None
    inverted: bool
    uid: str
    patient: str
    tilt: float
    files: tuple[str, ...]


def read_series(
    path: str | Path,
    *,
    identity: bool = False,
    salt: str = "",
    allow_tilt: bool = False,
    excluded: list[str] | None = None,
) -> list[Series]:
    """Read every series of a DICOM file, a folder with its subfolders, or a DICOMDIR.

    Args:
        identity: let the patient's id through; otherwise it is hashed, with `salt`.
        allow_tilt: take slices of a tilted gantry as they are, sheared.
        excluded: takes a line for each file or series left out; None means that each is an error.

    Raises:
        UserError: naming the file, for one that is no image or broken, and for slices that are no volume.
    """
    volumes = list[Series]()
    for headers in scan_series(find_files(path), identity, salt, excluded).values():
        try:
            volumes.append(assemble(headers, allow_tilt))
        except UserError as error:
            refuse(str(error), excluded)
    return volumes


def find_files(path: str | Path) -> dict[str, Path]:
    """Name the files of a folder, of a DICOMDIR, or the one file that `path` is."""
    path = Path(path)
    if path.name == _DIRECTORY and path.is_file():
        return _files_of_directory(path)
    if path.is_dir():
        found = {name: file for name, file in files_below(path).items() if file.name != _DIRECTORY}
    else:
        found = {path.name: path}
    if not found:
        raise UserError(f"{path}: holds no file; give the folder of the DICOM files")
    return found


def scan_series(
    files: Mapping[str, Path], identity: bool = False, salt: str = "", excluded: list[str] | None = None
) -> dict[str, list[Header]]:
    """Group headers by series, {name of its first file: headers}.

    A file of several frames, or without a position, is a series of its own.
    """
    groups: dict[tuple[str, str], list[Header]] = {}
    for name, path in files.items():
        try:
            header = read_header(path, name, identity, salt)
        except UserError as error:
            refuse(str(error), excluded)
            continue
        alone = header.shape[0] > 1 or header.positions is None or header.orientation is None
        groups.setdefault((header.series, name if alone else ""), []).append(header)
    if not groups:
        raise UserError(f"none of {len(files)} files holds an image, first {next(iter(files))!r}")
    return {headers[0].name: headers for headers in groups.values()}


def assemble(headers: Sequence[Header], allow_tilt: bool = False) -> Series:
    """Sort the slices of one series, check that they are an even volume, and read it."""
    first = headers[0]
    for other in headers[1:]:
        _check_alike(first, other)
    order, between, tilt = _order(headers, allow_tilt)
    ordered = [headers[k] for k in order]
    frames = sum(h.shape[0] for h in headers)
    if 4 * frames * math.prod(first.shape[1:]) > LIMIT:
        raise UserError(f"{first.name}: its series of {frames} slices takes over {LIMIT} bytes; split it")
    volume, at = np.empty((frames, *first.shape[1:]), np.float32), 0
    for header in ordered:
        volume[at : at + header.shape[0]] = read_pixels(header)
        at += header.shape[0]
    middle = ordered[len(ordered) // 2]
    return Series(
        volume=volume,
        spacing=np.array([between, *first.spacing]),
        modality=first.modality,
        window=middle.window,
        inverted=first.photometric == "MONOCHROME1",
        uid=first.series,
        patient=first.patient,
        tilt=tilt,
        files=tuple(h.name for h in ordered),
    )


def _files_of_directory(path: Path) -> dict[str, Path]:
    """Name the files that a DICOMDIR lists, from its folder on."""
    found: dict[str, Path] = {}
    dataset = read_dataset(path, path.name)
    with parsing(path.name, "its records are broken"):
        names = [record.get("ReferencedFileID") for record in dataset.get("DirectoryRecordSequence") or []]
    for number, parts in enumerate(names, 1):
        if not parts:
            continue
        listed = Path(*([parts] if isinstance(parts, str) else [str(part) for part in parts]))
        file = path.parent / listed
        if "\0" in str(file) or not file.resolve().is_relative_to(path.parent.resolve()):
            raise UserError(f"{path.name}: record {number} names a file outside of its folder")
        if not file.is_file():
            raise UserError(f"{path.name}: the file of record {number} is not there; give its folder instead")
        found[listed.as_posix()] = file
    if not found:
        raise UserError(f"{path.name}: lists no file; give its folder instead")
    return found


def _check_alike(first: Header, other: Header) -> None:
    assert first.orientation is not None and other.orientation is not None, "grouped by position"  # noqa: PT018
    pair = f"{other.name}: its series has"
    if first.shape[1:] != other.shape[1:] or first.photometric != other.photometric:
        sizes = [" × ".join(map(str, h.shape[1:])) for h in (first, other)]
        raise UserError(f"{pair} slices of {sizes[0]} {first.photometric} and {sizes[1]} {other.photometric}; split it")
    if not np.allclose(first.orientation, other.orientation, atol=1e-3):
        raise UserError(f"{pair} slices of several orientations (as scouts have); split it")
    if not np.allclose(first.spacing, other.spacing, rtol=1e-3, equal_nan=True):
        raise UserError(f"{pair} pixels of {first.spacing} and {other.spacing} mm; split it")
    if first.patient != other.patient:
        raise UserError(f"{pair} two patients; mend its UID")


def _order(headers: Sequence[Header], allow_tilt: bool) -> tuple[HostArray, float, float]:
    """Find the order of the files along their normal, the mm between slices and the degrees of tilt.

    One file of many frames keeps their order.
    """
    first = headers[0]
    known = all(h.positions is not None for h in headers) and first.orientation is not None
    positions = np.concatenate([h.positions for h in headers if h.positions is not None]) if known else np.empty((1, 3))
    if not known or len(positions) == 1:
        return np.arange(len(headers)), first.between, 0.0
    assert first.orientation is not None, "known"
    rows, columns = first.orientation[:3], first.orientation[3:]
    normal = np.cross(rows, columns)
    if not np.allclose([rows @ rows, columns @ columns, normal @ normal], 1, atol=1e-2):
        raise UserError(f"{first.name}: its orientation {first.orientation.round(3).tolist()} is no right angle")
    depth = positions @ normal
    order = np.argsort(depth, kind="stable")
    names = (
        [h.name for h in headers] if len(headers) > 1 else [f"{first.name} frame {k + 1}" for k in range(len(depth))]
    )
    steps = np.diff(positions[order], axis=0)
    gaps = steps @ normal
    tilt = _check_steps(steps, gaps, normal, [names[k] for k in order])
    if tilt and not allow_tilt:
        raise UserError(
            f"{first.name}: its series is tilted by {tilt:.1f}° (gantry); resample it, or set allow_tilt=True"
        )
    if len(headers) == 1 and not (np.diff(order) > 0).all() and not (np.diff(order) < 0).all():
        raise UserError(f"{first.name}: its frames are out of order; split it into slices")
    return order if len(headers) > 1 else np.arange(1), float(np.median(gaps)), tilt


def _check_steps(steps: HostArray, gaps: HostArray, normal: HostArray, names: Sequence[str]) -> float:
    """Raise where slices coincide or lie unevenly; return the tilt in degrees, 0 where there is none."""
    usual = float(np.median(gaps))
    least, worst = int(np.argmin(gaps)), int(np.argmax(np.abs(gaps - usual)))
    if gaps[least] < 1e-3:
        pair = f"{names[least + 1]}: lies where {names[least]} lies"
        raise UserError(f"{pair} ({gaps[least]:.4f} mm apart); split echoes and times into series")
    if abs(gaps[worst] - usual) > UNEVEN * usual + 0.01:
        apart = f"{gaps[worst]:.2f} mm after {names[worst]}, others {usual:.2f} mm"
        raise UserError(f"{names[worst + 1]}: lies {apart}; a slice is missing, or the series must be split")
    across = np.linalg.norm(steps - gaps[:, None] * normal, axis=1)
    tilt = float(np.degrees(np.arctan2(across, gaps)).max())
    return tilt if tilt > TILT else 0.0
