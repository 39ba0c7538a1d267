"""python -m pmjax.doctor: says whether a study can run here, and why no GPU is used."""

from __future__ import annotations  # so that a Python too old for pmjax is told so

import argparse
import importlib.util
import os
import platform
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pmjax import allocator
from pmjax.cache import cache_dir

_PYTHON = ">=3.11,<3.14"
_LEAST_DISK = 500  # MiB: a study's checkpoints and events, with room to spare


@dataclass(frozen=True)
class Check:
    """One line of the page: what was looked at, what was found, and why that cannot work (None: it can)."""

    what: str
    found: str
    problem: str | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Prints every check; returns 0 where a study can run and 2 where it cannot."""
    parser = argparse.ArgumentParser(prog="python -m pmjax.doctor", description=__doc__)
    parser.add_argument("--workdir", type=Path, default=Path("runs"), help="where studies are to be written")
    workdir = parser.parse_args(argv).workdir
    checks = [*_packages(), *_devices(), *_folders(workdir), *_machine()]
    _show(checks)
    problems = [f"{check.what}: {check.problem}" for check in checks if check.problem]
    for problem in problems:
        sys.stderr.write(f"pmjax.doctor: {problem}\n")
    return 2 if problems else 0


def _packages() -> list[Check]:
    checks = [_version("python", platform.python_version(), _PYTHON)]
    try:
        checks.append(Check("pmjax", metadata.version("pmjax")))
    except metadata.PackageNotFoundError:
        return [*checks, Check("pmjax", "missing", "not installed; run `make study` or `pip install -e .`")]
    wanted = [r for r in metadata.requires("pmjax") or [] if "extra ==" not in r]
    for requirement in wanted:
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        try:
            checks.append(_version(name, metadata.version(name), requirement))
        except metadata.PackageNotFoundError:
            checks.append(Check(name, "missing", f"missing; run `pip install '{requirement}'`"))
    return checks


def _version(name: str, found: str, requirement: str) -> Check:
    """Compares with the `>=` and `<` of a requirement; pre-release suffixes are left out of the comparison."""
    least, below = (re.search(rf"{sign}([\d.]+)", requirement) for sign in (">=", "<(?!=)"))
    if least and _numbers(found) < _numbers(least[1]):
        return Check(name, found, f"{found} is older than {least[1]}, the oldest that works; upgrade it")
    if below and _numbers(found) >= _numbers(below[1]):
        return Check(name, found, f"{found} is not supported yet; use one below {below[1]}")
    return Check(name, found + (f"  (at least {least[1]})" if least else ""))


def _numbers(version: str) -> tuple[int, ...]:
    """The leading numbers of a version without trailing zeros, so that 3.0 equals 3."""
    numbers = [int(n) for n in re.match(r"[\d.]*", version)[0].split(".") if n]  # type: ignore[index]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _devices() -> list[Check]:
    try:
        import jax

        devices = jax.devices()
    except (ImportError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        return [Check("devices", "none", f"JAX does not start ({reason}); mend JAX_PLATFORMS or reinstall jax")]
    kinds = [f"{device.platform}:{device.id} {device.device_kind}" for device in devices]
    checks = [Check("devices", f"{len(kinds)}: {', '.join(kinds)}")]
    if devices[0].platform == "cpu":
        checks.append(Check("no GPU, because", _why_no_gpu()))
    return checks


def _why_no_gpu() -> str:
    if platforms := os.environ.get("JAX_PLATFORMS"):
        return f"JAX_PLATFORMS={platforms} says so"
    if not any(Path("/dev").glob("nvidia[0-9]*")):
        return "this machine shows no NVIDIA device (/dev/nvidia0)"
    if not any(importlib.util.find_spec(f"jax_cuda{v}_plugin") for v in (12, 13)):
        return "the CUDA plugin of jaxlib is missing; run `pip install -e '.[cuda]'`"
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides it"
    return "the CUDA plugin found no usable GPU; see `nvidia-smi` for the driver"


def _folders(workdir: Path) -> list[Check]:
    data = os.environ.get("PMJAX_DATA")
    checks = [
        _writable("cache", cache_dir(), "set PMJAX_CACHE to a writable folder"),
        _writable("workdir", workdir, "name another by --workdir"),
    ]
    if data is None:
        return [*checks, Check("data", "PMJAX_DATA is not set; cohorts that ship with packages need none")]
    problem = None if Path(data).is_dir() else "PMJAX_DATA is no folder; set it to one or unset it"
    return [*checks, Check("data", data, problem)]


def _writable(what: str, folder: Path, remedy: str) -> Check:
    """Judges by the nearest ancestor that exists, so that looking makes no folder."""
    nearest = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    if not nearest.is_dir():
        return Check(what, str(folder), f"{folder} cannot be written, {nearest} is a file; {remedy}")
    if not os.access(nearest, os.W_OK | os.X_OK):
        return Check(what, str(folder), f"{folder} cannot be written, {nearest} is not yours to write; {remedy}")
    free = shutil.disk_usage(nearest).free // 2**20
    if free < _LEAST_DISK:
        return Check(what, str(folder), f"{folder} has {free} MiB free, {_LEAST_DISK} are needed; {remedy}")
    return Check(what, f"{folder}  ({free // 1024} GiB free)")


def _machine() -> list[Check]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    obstacle = allocator.obstacle()
    settings = " ".join(f"{name}={value}" for name, value in allocator.SETTINGS.items())
    return [
        Check("machine", f"{os.cpu_count()} cores, {memory:.0f} GiB memory, {platform.platform()}"),
        Check("allocator", f"left as it is: {obstacle}" if obstacle else f"a study runs under {settings}"),
    ]


def _show(checks: Sequence[Check]) -> None:
    if importlib.util.find_spec("rich") is None:  # the very thing that may be missing
        sys.stdout.writelines(f"{check.what}\t{check.found}\n" for check in checks)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", "", "found", title="pmjax.doctor", title_justify="left", box=None)
    for check in checks:
        mark = "[red]✗[/red]" if check.problem else "[green]✓[/green]"
        table.add_row(mark, check.what, Text(check.found))
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
