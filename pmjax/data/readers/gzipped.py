"""Files that may be gzipped: the bytes or text within, of a bounded size."""

from pathlib import Path

from pmjax.data.readers.archive import gunzip
from pmjax.data.readers.source import LIMIT, decode, read_bytes
from pmjax.errors import UserError


def unzipped_bytes(path: str | Path, limit: int = LIMIT) -> bytes:
    """Read a file, plain or gzipped (bgzip's many members too), of at most `limit` bytes once unpacked.

    Raises:
        UserError: as `read_bytes` and `gunzip`, or nothing is within.
    """
    content = read_bytes(path, limit)
    if not content.startswith(b"\x1f\x8b"):
        return content
    content = gunzip(content, limit, str(path))
    if not content:
        raise UserError(f"{path}: the file is empty; get it again")
    return content


def unzipped_text(path: str | Path, limit: int = LIMIT) -> str:
    """Read UTF-8 text, plain or gzipped, with \\n as the only line end."""
    return decode(unzipped_bytes(path, limit), str(path))
