"""glibc's allocator, told to keep large buffers: XLA frees and asks for its activations again at every step.

By default glibc maps each large one anew, and the kernel clears every page of it. A training step of a 1-D CNN on 2
cores took 67 ms by default and 45 ms so at 128 rows, 131 and 90 ms at 256, and the same 21 ms at 64, whose buffers are
small. Whole studies: a CNN on 3,000 sequences of 500 bases trained in 11.9 s instead of 13.4 and peaked at 2.2 GiB
instead of 1.4; quickstart peaked at 0.6 instead of 0.7. glibc reads the settings before Python runs, so the process
starts itself anew, once.
"""

from __future__ import annotations  # the doctor reads this under a Python too old for pmjax

import os
import sys
from collections.abc import Mapping
from pathlib import Path

SETTINGS: Mapping[str, str] = {
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",  # pages of 2 MiB, where the kernel gives them on request
    "MALLOC_ARENA_MAX": "1",  # XLA's threads allocate too, and only the first arena grows without bound
    "MALLOC_MMAP_MAX_": "0",  # not MALLOC_MMAP_THRESHOLD_, which glibc before 2.35 ignores above 32 MiB
    "MALLOC_TRIM_THRESHOLD_": str(8 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
}
OFF = "PMJAX_NO_REEXEC"

_ACCELERATORS = ("nvidia[0-9]*", "kfd", "accel*", "vfio/[0-9]*")
"""Device files of NVIDIA, AMD and, twice, Google: where one stands, the buffers may lie on it."""


def obstacle() -> str | None:
    """Says why the allocator is left as it is; None where `SETTINGS` help."""
    environment = os.environ
    if environment.get(OFF):
        return f"{OFF} is set"
    if theirs := [name for name in environment if name.startswith("MALLOC_") or name == "GLIBC_TUNABLES"]:
        return f"{theirs[0]} is set already"
    if "malloc" in environment.get("LD_PRELOAD", ""):
        return "LD_PRELOAD chose one already"
    if not _is_glibc():
        return "the C library is not glibc"
    if environment.get("JAX_PLATFORMS", "") != "cpu" and any(any(Path("/dev").glob(a)) for a in _ACCELERATORS):
        return "an accelerator holds the buffers"
    return None


def restart(module: str) -> None:
    """Starts this process anew under `SETTINGS`, with the same id, flags and files; returns where that cannot be.

    Only where Python itself was asked for `-m module`: a debugger or profiler that runs it would be lost.
    """
    asked = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1]
    if asked[-2:] != ["-m", module] or "-m" in asked[:-2] or sys.gettrace() or obstacle():
        return
    sys.stdout.flush()
    # The new process is told not to do so again, whatever becomes of the settings on the way.
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **SETTINGS, OFF: "1"})


def _is_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, OSError, ValueError):  # not Unix, or a C library that does not know the name
        return False
