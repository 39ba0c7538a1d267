"""One PNG file to one array, with every size checked before anything is decoded."""

import io
import struct
import warnings
import zlib

import numpy as np

from pmjax.data.readers.source import require
from pmjax.errors import UserError
from pmjax.types import HostArray

LIMIT_PIXELS = 2**26

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOURS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with transparency", 6: "RGB with transparency"}
_CHANNELS = {0: 1, 2: 3}
_WHOLE = ((0, 0, 1, 1),)
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def png_shape(data: bytes, where: str) -> tuple[int, int, int]:
    """Read (H, W, C) from the header of a PNG file, C = 1 for grey and 3 for RGB; `where` names it in errors.

    Raises:
        UserError: it is no PNG file, is cut short or damaged (every checksum is compared), animated, too large, or of
            a kind that is not read: palette, transparency, 16-bit colour.
    """
    kinds = [kind for kind, _ in _chunks(data, where)]
    if kinds[0] != b"IHDR" or len(data) < 33:
        raise UserError(f"{where}: the PNG file has no header; save it again")
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    if not 0 < width * height <= LIMIT_PIXELS:
        raise UserError(f"{where}: {width} × {height} pixels; from 1 to {LIMIT_PIXELS} are read")
    if b"acTL" in kinds:
        raise UserError(f"{where}: the PNG file is animated; save one frame")
    if colour not in _CHANNELS or b"tRNS" in kinds:
        kind = _COLOURS.get(colour, "unknown") if colour not in _CHANNELS else "transparency"
        raise UserError(f"{where}: PNG colours of kind {kind!r} are not read; save grey or RGB")
    if depth == 16 and colour == 2:
        raise UserError(f"{where}: 16-bit RGB is not read; save 8-bit RGB or 16-bit grey")
    return height, width, _CHANNELS[colour]


def read_png(data: bytes, where: str) -> HostArray:
    """Decode a PNG file: (H, W, C) float32 in [0, 1], the greatest value of its bit depth being 1.

    Raises:
        UserError: as `png_shape`, or pixels that do not decode.
    """
    shape = png_shape(data, where)
    _check_rows(data, shape, where)
    image = require("PIL.Image", "reading PNG files")
    try:
        with warnings.catch_warnings(action="ignore"), image.open(io.BytesIO(data), formats=("PNG",)) as opened:
            pixels = np.asarray(opened)
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error) as error:
        raise UserError(f"{where}: the pixels of the PNG file do not decode; save it again") from error
    largest = {"b": 1, "u": np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1}[pixels.dtype.kind]
    return (pixels.reshape(shape) / np.float32(largest)).astype(np.float32)


def _chunks(data: bytes, where: str) -> list[tuple[bytes, bytes]]:
    """List kind and content of a PNG file's chunks, up to its end."""
    if not data.startswith(_SIGNATURE):
        raise UserError(f"{where}: no PNG file; convert it to PNG")
    chunks, at = list[tuple[bytes, bytes]](), len(_SIGNATURE)
    while not chunks or chunks[-1][0] != b"IEND":
        length = int.from_bytes(data[at : at + 4])
        body, check = data[at + 4 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        if len(check) < 4:
            raise UserError(f"{where}: the PNG file is cut short at byte {len(data)}; get it again")
        if zlib.crc32(body) != int.from_bytes(check):
            raise UserError(f"{where}: the PNG file is damaged at byte {at} (checksum); get it again")
        chunks.append((body[:4], body[4:]))
        at += 12 + length
    return chunks


def _check_rows(data: bytes, shape: tuple[int, int, int], where: str) -> None:
    """Raise where the compressed rows are more or fewer than the header's; pillow leaves missing rows black."""
    height, width, channels = shape
    bits = data[24] * channels
    expected = 0
    for left, top, across, down in _ADAM7 if data[28] else _WHOLE:
        columns, rows = -((left - width) // across), -((top - height) // down)
        expected += rows * (1 + (columns * bits + 7) // 8) if columns > 0 and rows > 0 else 0
    stream = zlib.decompressobj()
    try:
        there = len(stream.decompress(b"".join(c for kind, c in _chunks(data, where) if kind == b"IDAT"), expected + 1))
    except zlib.error as error:
        raise UserError(f"{where}: the pixels of the PNG file do not decode; save it again") from error
    if there != expected or not stream.eof:
        raise UserError(f"{where}: the PNG file has {there} bytes of pixels, its header says {expected}; get it again")
