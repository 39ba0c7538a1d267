"""How long people wait: for the help, for the imports, and for the first step of training, cold and cached.

Every line is a fresh process, timed from outside from its start to its end. Those that train are
`python -m pmjax.launch` as a user types it; they end where the first epoch of the first model is done.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks import measure, results, show

_STARTS = 5

_DONE = 75
"""The exit code of a process that came to its first step."""

# Python imports it by itself from PYTHONPATH. It waits until pmjax imports what trains, and ends the process when the
# first epoch is done; nothing of pmjax need know.
_WATCH = f"""
import os, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "pmjax.train.loop":
            sys.meta_path.remove(self)
            from pmjax.train.many import Program
            made = Program.__init__
            def make(program, *arguments):
                made(program, *arguments)
                program.epoch = ending(program.epoch)
            Program.__init__ = make

def ending(epoch):
    def end(*arguments):
        import jax
        jax.block_until_ready(epoch(*arguments))
        os._exit({_DONE})
    return end

sys.meta_path.insert(0, Watch())
"""

# What a first step of quickstart's DNN takes at least: no data are read, nothing is checked, one run trains, not 15.
_TORCH = f"""
import os, torch
from torch import nn
model = nn.Sequential(nn.Linear(30, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))
optimizer = torch.optim.AdamW(model.parameters())
nn.functional.cross_entropy(model(torch.randn(64, 30)), torch.zeros(64, dtype=torch.long)).backward()
optimizer.step()
os._exit({_DONE})
"""


@dataclass(frozen=True)
class Start:
    """One way to start: arguments of Python, additions to its environment, the exit code, and the issue's target."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    code: int = 0
    target: str = ""

    def run(self) -> None:
        """Starts the process and waits for its end."""
        done = subprocess.run(
            [sys.executable, *self.arguments],
            env={**os.environ, **self.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode != self.code:
            raise RuntimeError(f"{' '.join(self.arguments)}: exit code {done.returncode}, {done.stderr[-500:]}")


def main(argv: list[str] | None = None) -> int:
    """Times every start and writes the results."""
    flags = results.parser("start", __doc__).parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        found = starts(Path(folder))
        times = timed(found, Path(folder), 1 if flags.quick else _STARTS)
    rows = [
        [
            name,
            show.seconds(float(np.median(s))),
            f"{s.min():.2f}–{s.max():.2f} s",
            f"{f.max():.2f}",
            found[name].target,
        ]
        for name, (s, f) in times.items()
    ]
    notes = [
        f"{len(next(iter(times.values()))[0])} fresh processes a line, in turns, their files in the system's memory. "
        "Foreign: the largest share of a core that other processes took.",
        "First step: quickstart's data are read, audited and split, and the whole first epoch of 8 of 15 CNN runs "
        "is done. `predict` is not part of this repository yet, and not timed.",
    ]
    columns = ["start of a process", "median", "least–most", "foreign", "target"]
    data = {name: {"seconds": list(s), "foreign": list(f)} for name, (s, f) in times.items()}
    results.write("start", [results.Table("Start", columns, rows, notes)], data, flags.out)
    return 0


def starts(folder: Path) -> dict[str, Start]:
    """What is timed, by the name that it is shown under; `folder` holds what the processes write."""
    (folder / "watch").mkdir(exist_ok=True)
    (folder / "watch" / "sitecustomize.py").write_text(_WATCH)
    path = os.pathsep.join(filter(None, [str(folder / "watch"), os.environ.get("PYTHONPATH")]))
    watched = {"PYTHONPATH": path, "PMJAX_CACHE": str(folder / "cache")}
    fresh = watched | {"PMJAX_CACHE": str(folder / "new")}
    launch = ("-m", "pmjax.launch", "--quiet", f"--workdir={folder / 'run'}")

    def imports(what: str) -> tuple[str, str]:
        # What a module does at exit is not waited for.
        return "-c", f"import os, {what}; os._exit(0)"

    found = {
        "Python alone": Start(("-c", "pass")),
        "launch --help": Start(("-m", "pmjax.launch", "--help"), target="≤ .3 s"),
        "import jax": Start(imports("jax")),
        "import jax, flax, optax, pandas": Start(imports("jax, flax.linen, optax, pandas")),
        "import pmjax.study": Start(imports("pmjax.study")),
        "launch to the first step, nothing compiled": Start(launch, fresh, _DONE),
        "launch to the first step, programs cached": Start(launch, watched, _DONE, "≤ 1.2 s"),
        "the same without the restart": Start(launch, watched | {"PMJAX_NO_REEXEC": "1"}, _DONE),
    }
    if find_spec("torch"):
        found["import torch"] = Start(imports("torch"))
        found["PyTorch to the first step of one DNN on random numbers"] = Start(("-c", _TORCH), code=_DONE)
    return found


def timed(found: Mapping[str, Start], folder: Path, count: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Seconds and foreign share of `count` starts each, the calmest of up to twice as many; one more warms up."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
    for start in found.values():
        _fresh(folder)
        start.run()
    for _ in range(2 * count):
        for name, start in found.items():
            if sum(foreign <= measure.FOREIGN for _, foreign in taken[name]) < count:
                _fresh(folder)
                taken[name].append(measure.once(start.run))
    calmest = {name: np.array(sorted(pairs, key=_foreign)[:count]).T for name, pairs in taken.items()}
    return {name: (seconds, foreign) for name, (seconds, foreign) in calmest.items()}


def _foreign(pair: tuple[float, float]) -> float:
    return pair[1]


def _fresh(folder: Path) -> None:
    """Removes the study and the programs of the start before."""
    for name in ("run", "new"):
        shutil.rmtree(folder / name, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
