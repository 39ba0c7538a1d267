"""What a benchmark leaves: JSON with the machine that made it, and a Markdown table, in `results/<device>/`."""

import argparse
import json
import os
import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from pmjax import environment

FOLDER = Path(__file__).parent / "results"

PEERS = ("torch", "scikit-survival", "torchsurv", "lifelines", "joblib")


@dataclass(frozen=True)
class Table:
    """One table of a benchmark's page.

    Attributes:
        title: one line.
        columns: their names.
        rows: cells as they are shown.
        notes: lines below it: what is compared, and what to know before believing it.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """The table in Markdown."""
        lines = [f"**{self.title}**", "", _line(self.columns), _line(["---"] * len(self.columns))]
        lines += [_line(row) for row in self.rows]
        return "\n".join([*lines, "", *(f"{note}  " for note in self.notes)]).rstrip() + "\n"


def parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """The flags that every benchmark takes."""
    made = argparse.ArgumentParser(prog=f"python -m benchmarks.{module}", description=description)
    made.add_argument("--out", type=Path, default=FOLDER, help="where results go, below a folder of the device's name")
    made.add_argument("--quick", action="store_true", help="few rounds and small sizes: shows that it runs, no more")
    return made


def write(name: str, tables: Sequence[Table], data: Any, out: Path = FOLDER) -> Path:
    """Writes NAME.json and NAME.md below `out`, prints the tables, and returns the path of the JSON."""
    return leave(out / device(), name, tables, {"machine": machine(), "data": data})


def leave(folder: Path, name: str, tables: Sequence[Table], record: Any) -> Path:
    """Writes them into `folder`, whatever machine this is."""
    folder.mkdir(parents=True, exist_ok=True)
    page = "\n".join(table.markdown() for table in tables)
    sys.stdout.write(page)
    (folder / f"{name}.md").write_text(page)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(record, indent=1, default=float) + "\n")
    sys.stdout.write(f"\nresults: {path}\n")
    return path


def device() -> str:
    """What ran, as a folder's name: the accelerator, or the CPU and how many cores of it."""
    import jax

    first = jax.devices()[0]
    if first.platform != "cpu":
        return _slug(f"{first.device_kind} x{len(jax.local_devices())}")
    return _slug(f"cpu {_cpu_name()} x{len(os.sched_getaffinity(0))}")


def machine() -> dict[str, Any]:
    """Versions, devices and commit, with the machine's cores, memory and load."""
    peers = {}
    for name in PEERS:
        try:
            peers[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            peers[name] = None
    return environment.describe() | {
        "peers": peers,
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load": os.getloadavg(),
        "malloc": {k: v for k, v in sorted(os.environ.items()) if k.startswith("MALLOC_")},
        "flags": os.environ.get("XLA_FLAGS", ""),
    }


def _cpu_name() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |"
