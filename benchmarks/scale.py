"""How the cost of training grows with rows, steps of a sequence, features, runs, and forced host devices.

Each line fits seconds = c · size^exponent by least squares of logarithms. An exponent below 1 at small sizes is fixed
cost that larger ones share.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks import measure, results, show
from pmjax import allocator

DEVICES = (1, 2, 4, 8)
RUNS_SHARDED, QUICK_SIZES = 16, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures every axis, prints and writes the table."""
    options = results.parser("scale", __doc__).parse_args(arguments)
    records = {}
    for name, unit, calls in axes(options.quick):
        sys.stderr.write(f"{name}\n")
        records[name] = {"unit": unit, **timed(calls, options.quick)}
    for name, record in by_devices(options.quick).items():
        records[name] = record
    results.write("scale", [table(records)], records, options.out)
    return 0


def axes(quick: bool) -> Iterator[tuple[str, str, Mapping[int, Callable[[], object]]]]:
    """Yields the name of an axis, what is timed, and a call for each size."""
    from benchmarks.cases import CASES

    dnn, rnn, cnn = (replace(CASES[name], steps=4) for name in ("dnn-small", "rnn-small", "cnn1d-small"))
    last = QUICK_SIZES if quick else None
    epoch, step = "epoch of batches of 32", "4 steps"
    yield "rows, DNN", epoch, {c.train: moving(c) for c in (replace(dnn, steps=s) for s in (16, 64, 256, 1024)[:last])}
    for name, case, sizes in (("visits, RNN", rnn, (32, 64, 128, 256)), ("bases, CNN", cnn, (125, 250, 500, 1000))):
        yield name, step, {size: moving(replace(case, shape=(size, *case.shape[1:]))) for size in sizes[:last]}
    yield "features, DNN", step, {size: moving(replace(dnn, shape=(size,))) for size in (64, 256, 1024, 4096)[:last]}
    yield "runs, DNN", step, {size: moving(dnn, runs=size) for size in (1, 4, 16, 64)[:last]}


def moving(case: Any, runs: int = 1, way: Any = "jit") -> Callable[[], object]:
    """Makes a call that trains `runs` runs of a case for an epoch, without validation, and returns when it is done."""
    import jax

    from benchmarks.cases import make_data
    from benchmarks.ours import Ours
    from pmjax.train.many import Program, RunSpec

    ours = Ours(case, make_data(case))
    program = Program(ours.program.problem, ours.program.schedule, way, runs)
    specs = program.pad([RunSpec(0, seed, ours.specs[0].setting, case.name) for seed in range(runs)])
    made, table = program.runs(specs), program.train_table(specs, 0)
    # One row to validate, of each device: the training is timed.
    validation = jax.tree.map(lambda x: x[..., :1, :1], program.validation_table(specs))
    state = [program.init(made)]

    def call() -> object:
        state[0], metrics = program.epoch(state[0], table, validation, made, program.data)
        return jax.block_until_ready(metrics)

    return call


def timed(calls: Mapping[int, Callable[[], object]], quick: bool) -> dict[str, Any]:
    """Times the calls of one axis in turns."""
    times = measure.in_turns({str(size): call for size, call in calls.items()}, rounds=1 if quick else 5, turn=0.03)
    return {
        "sizes": list(calls),
        "seconds": [times.median(str(size)) for size in calls],
        "foreign": times.foreign,
    }


def by_devices(quick: bool) -> dict[str, dict[str, Any]]:
    """Times runs sharded over the CPU cut into devices, and a batch split by pmap; a process for each number."""
    records: dict[str, dict[str, Any]] = {}
    for count in DEVICES[: QUICK_SIZES if quick else None]:
        sys.stderr.write(f"{count} forced host devices\n")
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={count}".strip()
        code = f"from benchmarks import scale; scale.report_devices({quick})"
        environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{count} devices: {done.stderr}")
        for name, one in json.loads(done.stdout).items():
            record = records.setdefault(name, {"unit": "4 steps", "sizes": [], "seconds": [], "foreign": 0.0})
            record["sizes"].append(count)
            record["seconds"] += one["seconds"]
            record["foreign"] = max(record["foreign"], one["foreign"])
    return records


def report_devices(quick: bool) -> None:
    """Prints what this process's devices take, as JSON."""
    from benchmarks.cases import CASES

    small, large = (replace(CASES[name], steps=4) for name in ("dnn-small", "dnn"))
    calls = {
        f"devices, {RUNS_SHARDED} DNNs sharded": moving(small, RUNS_SHARDED, "sharded"),
        "devices, a DNN by pmap": moving(large, 1, "pmap"),
    }
    sys.stdout.write(json.dumps({name: timed({1: call}, quick) for name, call in calls.items()}))


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> tuple[float, float]:
    """Fits seconds = c · size^exponent by least squares of logarithms; the exponent and its standard error."""
    x, y = np.log(sizes), np.log(seconds)
    x, y = x - x.mean(), y - y.mean()
    slope = float(x @ y / (x @ x))
    residual = y - slope * x
    return slope, float(np.sqrt(residual @ residual / (len(x) - 2) / (x @ x)))


def table(records: Mapping[str, Mapping[str, Any]]) -> results.Table:
    """Sizes, times and exponents."""
    rows = []
    for name, record in records.items():
        slope, error = exponent(record["sizes"], record["seconds"])
        cells = [f"{size}: {show.seconds(s)}" for size, s in zip(record["sizes"], record["seconds"], strict=True)]
        doubt = "" if record["foreign"] <= measure.FOREIGN else " (disturbed)"
        rows.append([name, record["unit"], " · ".join(cells), f"{slope:.2f} ± {error:.2f}{doubt}"])
    foreign = max(record["foreign"] for record in records.values())
    notes = [
        "Medians, compiled, in turns. Devices are cuts of one CPU: they show what the cutting costs, and gain where "
        f"one device leaves cores idle. Other processes took at most {foreign:.0%} of a core.",
    ]
    return results.Table("How cost grows", ["axis", "timed", "size: time", "exponent ± standard error"], rows, notes)


if __name__ == "__main__":
    if allocator.obstacle() is None:
        settings = {**os.environ, **allocator.SETTINGS, allocator.OFF: "1"}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], settings)
    sys.exit(main())
