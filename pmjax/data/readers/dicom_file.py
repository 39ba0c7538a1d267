"""One DICOM file: its header without names, and its pixels, with every size checked before anything is decoded.

Only the tags listed here are read at all, so that a patient's name or date of birth never leaves the file. Errors name
the file and quote nothing of its text.
"""

import hashlib
import io
import logging
import math
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pmjax.data.readers.dicom_frames import numbers, per_frame, positions_of, rescale_of, window_of
from pmjax.data.readers.source import read_bytes, require
from pmjax.errors import UserError
from pmjax.types import HostArray

LIMIT_FILE = 2**29
LIMIT_PIXELS = 2**28
LIMIT_SWELL = 2000  # an encapsulated image that declares to be larger than this many times its bytes is no image

_TAGS = (
    "SOPClassUID",
    "PatientID",
    "SeriesInstanceUID",
    "Modality",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelData",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "DoseGridScaling",
    "GridFrameOffsetVector",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "DirectoryRecordSequence",
)
_IMAGELESS = ("SR", "RTSTRUCT", "RTPLAN", "PR", "KO")
_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_STRANGE = ("PALETTE COLOR", "HSV", "ARGB", "CMYK", "YBR_PARTIAL_422", "YBR_PARTIAL_420", "XYB")
_PLAIN, _DEFLATED = b"1.2.840.10008.1.2.1\0\0\0", b"1.2.840.10008.1.2.1.99"
# What pydicom raises on bytes that are no DICOM, of which it converts many only when they are asked for.
_BROKEN = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,  # with RecursionError, of sequences in sequences
    ArithmeticError,
    struct.error,
    zlib.error,
    MemoryError,
    Warning,  # pillow's of a decompression bomb
)


@dataclass(frozen=True)
class Header:
    """What a file says of its image of F frames; lengths in mm, NaN where unknown.

    `series` is a hash of the series' UID; `patient` a hash of the id, or the id itself where that was asked for.
    `positions` (F, 3) and `orientation` (6,) are DICOM's, None where unknown; `spacing` is between rows, then columns.
    """

    name: str
    path: Path
    series: str
    patient: str
    modality: str
    shape: tuple[int, int, int, int]
    photometric: str
    positions: HostArray | None
    orientation: HostArray | None
    spacing: tuple[float, float]
    between: float
    window: tuple[float, float, str] | None


def read_header(path: Path, name: str, identity: bool = False, salt: str = "") -> Header:
    """Read and check the header of an image; `name` is what errors call it.

    Raises:
        UserError: no DICOM file, one without pixels, broken, or with pixels that cannot be decoded here.
    """
    dataset = read_dataset(path, name)
    with parsing(name):
        return _header(dataset, path, name, identity, salt)


def read_pixels(header: Header) -> HostArray:
    """Decode the (F, H, W, C) float32 pixels of a file.

    Grey values are the modality's, by slope and intercept (Hounsfield units in CT), MONOCHROME1 not yet
    inverted. Colours are RGB in [0, 1].
    """
    dataset = read_dataset(header.path, header.name)
    syntax = dataset.file_meta.TransferSyntaxUID
    fault = f"its pixels ({syntax.name}) do not decode"
    with parsing(header.name, fault, because=True), np.errstate(over="ignore", invalid="ignore"):
        values = _decode(dataset, syntax, header)
    if not np.isfinite(values).all():
        raise UserError(f"{header.name}: its rescaled pixels are infinite; mend its rescale slope and intercept")
    return values


def read_dataset(path: Path, name: str) -> Any:
    """Parse a DICOM file to a pydicom Dataset of the tags that matter here."""
    pydicom = require("pydicom", "reading DICOM files")
    try:
        data = read_bytes(path, LIMIT_FILE)
    except UserError as error:
        raise UserError(str(error).replace(str(path), name)) from None
    if data[128:132] != b"DICM":
        raise UserError(f"{name}: no DICOM file (it has no DICM after 128 bytes); convert it or move it away")
    data = _inflate(data, name)
    with parsing(name):
        return pydicom.dcmread(io.BytesIO(data), specific_tags=list(_TAGS))


@contextmanager
def parsing(name: str, fault: str = "its DICOM header is broken or cut short", because: bool = False) -> Iterator[None]:
    """Turn what pydicom raises on broken bytes into one line, and keep its warnings and log, which may quote names.

    `because` adds what it says, which is safe where only pixels are read.
    """
    errors = require("pydicom.errors", "reading DICOM files")
    logger = logging.getLogger("pydicom")
    before = logger.propagate
    logger.propagate = False
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    except (*_BROKEN, errors.BytesLengthException) as error:
        reason = " ".join(str(error).split())[:200] if because else type(error).__name__
        raise UserError(f"{name}: {fault} ({reason}); get the file again") from None
    finally:
        logger.propagate = before


def shorten(text: str, salt: str = "") -> str:
    """Hash an identifier to 16 hexadecimal digits; a secret `salt` keeps guesses of short ids from being tried."""
    return hashlib.sha256((salt + text).encode(errors="replace")).hexdigest()[:16]


def _decode(dataset: Any, syntax: Any, header: Header) -> HostArray:
    warnings.filterwarnings("error", "Image size", Warning)  # pillow's of a decompression bomb
    decoder = require("pydicom.pixels", "reading DICOM files").get_decoder(syntax)
    values, about = decoder.as_array(dataset)
    if values.size != math.prod(header.shape):
        raise ValueError(f"{values.size} values for {header.shape}")
    values = values.reshape(header.shape)
    if header.photometric in _GREY:
        slope, intercept = (a[:, None, None, None] for a in rescale_of(dataset, header.shape[0]))
        return (values * slope + intercept).astype(np.float32)
    if about["photometric_interpretation"] != "RGB":
        raise ValueError("its colours are not turned to RGB")
    return (values / (2.0 ** int(dataset.BitsStored) - 1)).astype(np.float32)


def _header(dataset: Any, path: Path, name: str, identity: bool, salt: str) -> Header:
    shape, photometric = _check_image(dataset, name)
    _check_syntax(dataset, name)
    if dataset.get("ModalityLUTSequence"):
        raise UserError(f"{name}: its values go through a lookup table, which is not read; convert it to plain values")
    frames = shape[0]
    groups = len(dataset.get("PerFrameFunctionalGroupsSequence") or [])
    if groups not in (0, frames):
        raise UserError(f"{name}: describes {groups} frames and has {frames}; get the whole file")
    orientations = per_frame(dataset, frames, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
    if any(o != orientations[0] for o in orientations):
        raise UserError(f"{name}: its frames lie in several orientations; split it into series")
    orientation = None if orientations[0] is None else np.array(orientations[0])
    spacing = per_frame(dataset, frames, "PixelMeasuresSequence", "PixelSpacing", 2)[0]
    spacing = spacing or numbers(dataset.get("ImagerPixelSpacing"), 2) or (math.nan, math.nan)
    between = per_frame(dataset, frames, "PixelMeasuresSequence", "SpacingBetweenSlices", 1)[0]
    between = between or per_frame(dataset, frames, "PixelMeasuresSequence", "SliceThickness", 1)[0] or (math.nan,)
    rescale_of(dataset, frames)
    patient = str(dataset.get("PatientID") or "")
    return Header(
        name=name,
        path=path,
        series=shorten(str(dataset.get("SeriesInstanceUID") or name), salt),
        patient=patient if identity else shorten(patient, salt),
        modality=_modality(dataset),
        shape=shape,
        photometric=photometric,
        positions=positions_of(dataset, frames, orientation),
        orientation=orientation,
        spacing=(spacing[0], spacing[1]),
        between=between[0],
        window=window_of(dataset, frames),
    )


def _modality(dataset: Any) -> str:
    """Read the code of the modality; broken lengths can put the text that follows, names with it, in its place."""
    code = str(dataset.get("Modality"))
    return code if re.fullmatch("[A-Z]{2,16}", code) else "unknown"


def _check_image(dataset: Any, name: str) -> tuple[tuple[int, int, int, int], str]:
    """Hold the declared size against the bytes that are there; return (frames, rows, columns, samples) and colours."""
    if "PixelData" not in dataset or dataset.get("Rows") is None:
        kind = _modality(dataset)
        what = f"it is of kind {kind}" if kind in _IMAGELESS else "it has no pixels"
        raise UserError(f"{name}: holds no image ({what}); leave it out")
    frames, samples = int(dataset.get("NumberOfFrames") or 1), int(dataset.get("SamplesPerPixel") or 1)
    shape = (frames, int(dataset.Rows), int(dataset.Columns), samples)
    bits, photometric = int(dataset.BitsAllocated), str(dataset.get("PhotometricInterpretation"))
    if photometric not in _GREY + _COLOUR or samples != (1 if photometric in _GREY else 3):
        kind = repr(photometric) if photometric in _GREY + _COLOUR + _STRANGE else "of no known kind"
        raise UserError(f"{name}: {samples} samples of colours {kind} are not read; convert it to grey or RGB")
    if bits not in (1, 8, 16, 32) or not 1 <= int(dataset.BitsStored) <= bits:
        raise UserError(f"{name}: {dataset.BitsStored} of {bits} bits a sample are not read")
    size = "{} frames of {} × {} × {}".format(*shape)
    if min(shape) < 1 or math.prod(shape) > LIMIT_PIXELS:
        raise UserError(f"{name}: {size} pixels; from 1 to {LIMIT_PIXELS} values are read")
    declared, there = (math.prod(shape) * bits + 7) // 8, len(dataset.PixelData)
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        if declared > LIMIT_SWELL * there:
            raise UserError(f"{name}: {size} pixels in {there} bytes; its header is absurd")
        return shape, photometric
    declared = declared * 2 // 3 if photometric == "YBR_FULL_422" else declared
    if there not in (declared, declared + declared % 2):
        raise UserError(f"{name}: {size} pixels take {declared} bytes, the file has {there}; get it again")
    return shape, photometric


def _check_syntax(dataset: Any, name: str) -> None:
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        decoder = require("pydicom.pixels", "reading DICOM files").get_decoder(syntax)
    except NotImplementedError:
        which = repr(syntax.name) if syntax.is_valid else "of no valid UID"
        raise UserError(f"{name}: the transfer syntax {which} is not read; convert it to explicit VR") from None
    if not decoder.is_available:
        needs = "; or ".join(decoder.missing_dependencies)
        raise UserError(f"{name}: the transfer syntax {syntax.name!r} needs a decoder that is not installed: {needs}")


def _inflate(data: bytes, name: str) -> bytes:
    """Turn a deflated file into a plain one, within bounds that pydicom does not hold."""
    start = 144 + int.from_bytes(data[140:144], "little")
    if _DEFLATED in data[132:start]:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        with parsing(name):
            plain = stream.decompress(data[start:], LIMIT_FILE)
        if not stream.eof:
            raise UserError(f"{name}: is cut short, or holds more than {LIMIT_FILE} bytes when inflated")
        data = data[:start].replace(_DEFLATED, _PLAIN) + plain
    if _DEFLATED in data[: 2**16]:
        raise UserError(f"{name}: its header is deflated in a way that is not read; convert it to explicit VR")
    return data
