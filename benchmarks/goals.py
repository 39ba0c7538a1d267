"""The suite's goals against what separate runs of it measured, medians and spread.

    python -m benchmarks.goals runs/1/DEVICE runs/2/DEVICE runs/3/DEVICE

Each argument is a folder `<device>` that a run of all benchmarks left below its `--out`.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import results, show
from benchmarks.scale import exponent
from benchmarks.study import cost
from pmjax.errors import UserError

BENCHMARKS = ("table_ix", "study", "start", "survival", "scale")

Run = Mapping[str, Any]
"""What one run measured: the data of each benchmark by its name."""

_FAMILIES = {
    "dnn": ((0.12, 0.80, 0.88), 0.95, 0.95),
    "cnn1d": ((0.70, 0.70, 0.70), 0.75, 0.80),
    "cnn2d": ((0.90, 0.90, 0.90), 1.0, 0.80),
    "rnn": ((0.30, 0.60, 0.92), 0.15, 0.60),
    "hybrid": ((0.45, 0.45, 0.45), 0.22, 0.70),
}
"""Ours / the best of PyTorch, at most: a training step of each size, one answer, 256 answers."""


@dataclass(frozen=True)
class Goal:
    """A figure that every run has, and what it should be.

    Attributes:
        name: one line.
        measured: takes it from a run.
        bound: that its median should keep to; None where the figure is just shown.
        at_least: whether larger is better.
        shown: a value as text.
    """

    name: str
    measured: Callable[[Run], float]
    bound: float | None = None
    at_least: bool = False
    shown: Callable[[float], str] = "{:.2f}".format

    def cell(self, runs: Sequence[Run]) -> str:
        """The median of all runs, the least and the most."""
        values = [self.measured(run) for run in runs]
        return f"{self.shown(statistics.median(values))} ({self.shown(min(values))}–{self.shown(max(values))})"

    def verdict(self, runs: Sequence[Run]) -> str:
        """The bound, with ✓ where the median keeps to it."""
        if self.bound is None:
            return ""
        middle = statistics.median(self.measured(run) for run in runs)
        kept = middle >= self.bound if self.at_least else middle <= self.bound
        return f"{'≥' if self.at_least else '≤'} {self.shown(self.bound)}" + " ✓" * kept


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints and writes the page `goals` of a device."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.goals", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--out", type=Path, default=results.FOLDER, help="where the page goes, below the device's name")
    options = parser.parse_args(arguments)
    found = [{name: _read(folder, name) for name in BENCHMARKS} for folder in options.runs]
    machines = [{name: one["machine"] for name, one in run.items()} for run in found]
    made_by = {json.dumps([m["packages"], m["peers"]]) for machine in machines for m in machine.values()}
    if len({folder.name for folder in options.runs}) > 1 or len(made_by) > 1:
        raise UserError("the runs are of several devices or versions; give runs of one")
    runs = [{name: one["data"] for name, one in run.items()} for run in found]
    tables = [_of_cases(runs), _of_the_rest(runs, machines[0]["table_ix"])]
    data = {"machines": machines, "figures": [{goal.name: goal.measured(run) for goal in _goals()} for run in runs]}
    results.leave(options.out / options.runs[0].resolve().name, "goals", tables, data)
    return 0


def _read(folder: Path, name: str) -> dict[str, Any]:
    path = folder / f"{name}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: {error}; let python -m benchmarks.{name} leave it there") from error


def _of_cases(runs: Sequence[Run]) -> results.Table:
    columns = ["case", "train step", "answer to 1", "answers to 256", "peak memory", "share of the peak"]
    rows = []
    for case, goals in _case_goals().items():
        rows.append([case, *(f"{goal.cell(runs)} {goal.verdict(runs)}".rstrip() for goal in goals)])
    notes = [
        "Time and memory: ours / the best of PyTorch's ways, below 1 we take less. Share: FLOP/s of a training step of "
        "those of a large matrix product. The goal stands behind each figure, ✓ where the median keeps to it.",
    ]
    return results.Table(f"Table IX: medians of {len(runs)} separate runs (least–most)", columns, rows, notes)


def _of_the_rest(runs: Sequence[Run], machine: Mapping[str, Any]) -> results.Table:
    rows = [[goal.name, goal.cell(runs), goal.verdict(runs)] for goal in _other_goals()]
    packages, peers = machine["packages"], machine["peers"]
    notes = [
        f"{machine['cpu']}, {machine['cores']} cores, float32, Python {machine['python']}, jax {packages['jax']}, "
        f"PyTorch {peers['torch']}, on {machine['backend']}.",
    ]
    return results.Table(f"The rest: medians of {len(runs)} separate runs", ["figure", "measured", "goal"], rows, notes)


def _goals() -> list[Goal]:
    return [goal for goals in _case_goals().values() for goal in goals] + _other_goals()


def _case_goals() -> dict[str, list[Goal]]:
    """The goals of each case, a column of the table each."""
    found = {}
    for family, (steps, one, many) in _FAMILIES.items():
        for size, step in zip(("-small", "", "-large"), steps, strict=True):
            case, large = family + size, 0.80 if size == "-large" else None
            found[case] = [
                Goal(f"{case}: train step", lambda run, c=case: _case(run, c)["train"]["ratio"][0], step),
                Goal(f"{case}: answer to 1", lambda run, c=case: _case(run, c)["answers"]["1"]["ratio"][0], one),
                Goal(f"{case}: answers to 256", lambda run, c=case: _case(run, c)["answers"]["256"]["ratio"][0], many),
                Goal(f"{case}: peak memory", lambda run, c=case: _memory(_case(run, c)), 1.0),
                Goal(f"{case}: share of the peak", lambda run, c=case: _share(run, c), large, at_least=True),
            ]
    return found


def _case(run: Run, name: str) -> Any:
    return run["table_ix"]["cases"][name]


def _memory(case: Any) -> float:
    return case["memory"]["ours"]["peak"] / case["memory"]["torch"]["peak"]


def _share(run: Run, name: str) -> float:
    train = _case(run, name)["train"]
    return train["flops"] / train["seconds"]["ours"] / run["table_ix"]["peak"]["product"]


def _other_goals() -> list[Goal]:
    goals = [Goal("the first 20 losses differ by, at most", _losses_apart, 1e-3, shown="{:.0e}".format)]
    for name, count, family, cold, warm in (("mlp", 400, "DNN", 6, 12), ("cnn", 100, "CNN", 3, None)):
        ours = f"PyTorch / ours, {count} runs of a {family}"
        goals += [
            Goal(f"{ours}, with all compilation", _faster(name, count, "study", "empty"), cold, True, _TIMES),
            Goal(f"{ours}, programs kept", _faster(name, count, "study", "kept"), shown=_TIMES),
            Goal(f"{ours}, warm and bare", _faster(name, count, "program", "again"), warm, True, _TIMES),
            Goal(f"one run after the other / the runs axis, {family}", _axis(name), 2, True, _TIMES),
        ]
    for name, n, most in _SURVIVAL:
        goals.append(
            Goal(f"{name}, n = {n:,}", lambda run, key=(name, n): _statistic(run, *key), most, shown=show.seconds)
        )
    goals += [
        Goal("2,000 resamples of AUROC, Brier score and calibration, n = 1,000", _bootstrap, 0.5, shown=show.seconds),
        Goal("launch --help", _start("launch --help"), 0.3, shown=show.seconds),
        Goal("cached start to the first step", _start(_CACHED), 1.2, shown=show.seconds),
    ]
    return goals + [Goal(f"exponent of {axis}", _exponent(axis)) for axis in _AXES]


_SURVIVAL = (
    ("Harrell's C", 1_000_000, 1.0),
    ("Kaplan-Meier", 1_000_000, 0.15),
    ("Cox loss and gradient", 1_000_000, 0.4),
    ("Cox fit", 100_000, 0.5),
)

_TIMES = "{:.1f} ×".format

_CACHED = "launch to the first step, programs cached"

_AXES = ("rows, DNN", "visits, RNN", "bases, CNN", "features, DNN", "runs, DNN")


def _losses_apart(run: Run) -> float:
    return max(case["to_goal"]["difference"] for case in run["table_ix"]["cases"].values())


def _faster(name: str, count: int, way: str, key: str) -> Callable[[Run], float]:
    def measured(run: Run) -> float:
        record = run["study"][name]
        counted = {one: {int(n): of for n, of in record[one].items()} for one in ("study", "program")}
        return cost(record, "torch", count)[key] / cost(counted, way, count)[key]

    return measured


def _axis(name: str) -> Callable[[Run], float]:
    def measured(run: Run) -> float:
        (turns,) = run["study"][name]["turns"].values()
        return turns["ratio"][0]

    return measured


def _statistic(run: Run, name: str, n: int) -> float:
    """The slower of data with ties and without."""
    found = run["survival"]["statistics"]
    return max(one["seconds"]["pmjax"] for one in found if (one["name"], one["n"]) == (name, n))


def _bootstrap(run: Run) -> float:
    found = run["survival"]["bootstrap"]
    return max(one["seconds"]["pmjax"] for one in found if one["n"] == 1000 and one["name"].startswith("AUROC"))


def _start(name: str) -> Callable[[Run], float]:
    return lambda run: statistics.median(run["start"][name]["seconds"])


def _exponent(axis: str) -> Callable[[Run], float]:
    return lambda run: exponent(run["scale"][axis]["sizes"], run["scale"][axis]["seconds"])[0]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(f"benchmarks.goals: {error}")
