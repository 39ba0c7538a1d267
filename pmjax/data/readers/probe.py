"""A first reading in a process of its own: where a C library crashes or hangs on a file, the study does not."""

import subprocess
import sys
from pathlib import Path

from pmjax.errors import UserError

_FIRST = "import pkgutil, sys; pkgutil.resolve_name(sys.argv[1])(*sys.argv[2:])"
_PATIENCE = 60.0
_BYTES_PER_SECOND = 2e6


def probe(reader: str, path: str, *options: str) -> None:
    """Call `reader`, "module:function", with `path` in a child, and refuse a file that kills it or never ends.

    HDF5 crashes on about one in 300 files with a few random bytes changed, and loops for ever on some. An exception
    of the reader is no matter here: the reading proper raises it again.
    """
    size = Path(path).stat().st_size if Path(path).exists() else 0
    command = [sys.executable, "-c", _FIRST, reader, path, *options]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_PATIENCE + size / _BYTES_PER_SECOND)
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{path}: reading does not end; the file is damaged, get it again") from error
    if done.returncode < 0:
        raise UserError(f"{path}: reading crashes (signal {-done.returncode}); the file is damaged, get it again")
