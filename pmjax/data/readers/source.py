"""Bytes and text of hostile files: bounded, hashed, with the place of every fault."""

import hashlib
import importlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from pmjax.errors import UserError

LIMIT = 1 << 31
"""Bytes that a file read whole may have; larger tables stream."""


def read_bytes(path: str | Path, limit: int = LIMIT) -> bytes:
    """Read a file of at most `limit` bytes.

    Raises:
        UserError: it is missing, a folder, unreadable, empty or too large.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > limit:
            raise UserError(f"{path}: {size} bytes, more than the {limit} that are read; split it or choose another")
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give the path of a file that can be read") from error
    if not content:
        raise UserError(f"{path}: the file is empty; get it again")
    return content


def read_text(path: str | Path, limit: int = LIMIT) -> str:
    """Read a UTF-8 file, without its byte order mark and with \\n as the only line end.

    Raises:
        UserError: as `read_bytes`, or a byte that is not UTF-8, named by its line.
    """
    return decode(read_bytes(path, limit), str(path))


def decode(content: bytes, where: str) -> str:
    """Decode UTF-8 strictly; `where` names the source in errors."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{where}, line {line}: not UTF-8 text; save the file as UTF-8") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UserError(f"{where}, line {line}: holds a NUL byte; it is no text file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def sha256_of(path: str | Path) -> str:
    """Hash a file, block by block."""
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; give the path of a file that can be read") from error
    return digest.hexdigest()


def require(module: str, what: str, extra: str = "formats") -> ModuleType:
    """Import the optional `module` that reads `what`.

    Raises:
        UserError: it is not installed; names the extra that brings it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UserError(f"{what} needs {module}, which is missing; pip install 'pmjax[{extra}]'") from error


def name_only(message: str, paths: Sequence[str | Path]) -> str:
    """Write `paths` in a message as bare file names: results know no folder of a machine."""
    for path in sorted(map(str, paths), key=len, reverse=True):
        message = message.replace(path, Path(path).name)
    return message


def refuse(message: str, excluded: list[str] | None) -> None:
    """Raise a UserError, or note the exclusion where the user allowed it by giving a list."""
    if excluded is None:
        raise UserError(message)
    excluded.append(message)
