"""NumPy's NPY and NPZ files to arrays of numbers: never pickled, what a header declares held against what is there."""

import io
import math
import tokenize
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pmjax.data.readers.archive import members
from pmjax.data.readers.source import LIMIT, read_bytes
from pmjax.errors import UserError
from pmjax.types import HostArray

_BROKEN = (
    ValueError,
    SyntaxError,
    TypeError,
    EOFError,
    RecursionError,
    MemoryError,
    OverflowError,
    tokenize.TokenError,
)


def read_arrays(path: str | Path, limit: int = LIMIT) -> Mapping[str, HostArray]:
    """Read an NPZ file as {name: array}, or an NPY file as {"images": array}; arrays are read-only.

    Raises:
        UserError: naming file and array, for one that is broken, cut short, too large, or not of plain numbers.
    """
    if Path(path).suffix.lower() == ".npy":
        return {"images": read_npy(read_bytes(path, limit), str(path))}
    found = members(path, suffixes=(".npy",), limit_bytes=limit)
    arrays = {name.removesuffix(".npy"): read_npy(data, f"{path}: {name!r}") for name, data in found}
    if not arrays:
        raise UserError(f"{path}: holds no array; write it with numpy.savez")
    return arrays


def read_npy(data: bytes, where: str) -> HostArray:
    """Read the bytes of an NPY file as a read-only array of bool, integers or floats."""
    file = io.BytesIO(data)
    try:
        with warnings.catch_warnings(action="ignore"):  # NumPy warns of headers written by Python 2
            version = np.lib.format.read_magic(file)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
            shape, by_column, kind = read(file)
    except KeyError as error:
        raise UserError(f"{where}: NPY version {error} is not read; save plain numbers again") from error
    except _BROKEN as error:
        raise UserError(f"{where}: the NPY header is broken or cut short; save the array again") from error
    if kind.kind not in "biuf" or kind.itemsize > 8:
        raise UserError(f"{where}: values of type {kind} are not read; save plain numbers, no objects")
    declared, there = math.prod(shape) * kind.itemsize, len(data) - file.tell()
    if min(shape, default=0) < 0 or declared != there:
        raise UserError(f"{where}: shape {shape} of {kind} takes {declared} bytes, the file has {there}; get it again")
    values = np.frombuffer(data, kind, offset=file.tell())
    values = values.reshape(shape, order="F" if by_column else "C")
    return values if kind.isnative else values.astype(kind.newbyteorder("="))
