"""How fast files become cohorts, and cohorts batches: rows and bytes a second, beside the least that the task takes.

Files are written into a temporary folder with random content, and read as a study reads them: checked, hashed and
joined with their outcomes. The floor is what a user would write to get at the numbers alone.
"""

import gc
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks import measure, results, show
from benchmarks.formats import FORMATS, Case
from pmjax.cohort import Classify, Cohort, Modality, Source
from pmjax.prepare import batches
from pmjax.prepare.preparation import Preparation
from pmjax.prepare.splits import make_splits
from pmjax.train.inputs import as_float32, build_inputs, prepare, take

_BATCH = 256


def main(argv: list[str] | None = None) -> int:
    """Times every reader and the way to a batch, and writes the results."""
    flags = results.parser("input", __doc__).parse_args(argv)
    rounds = 2 if flags.quick else 5
    with tempfile.TemporaryDirectory() as folder:
        read = readers(Path(folder), 0.02 if flags.quick else 1.0, rounds)
    way = pipeline(2_000 if flags.quick else 100_000, rounds)
    results.write("input", [_readers_table(read), _pipeline_table(way)], {"readers": read, "batches": way}, flags.out)
    return 0


def readers(folder: Path, scale: float, rounds: int) -> dict[str, dict[str, Any]]:
    """Times each format at `scale` of its full size against its floor."""
    found = {}
    for write in FORMATS:
        name = write.__name__
        (folder / name).mkdir()
        for label, case in write(folder / name, scale).items():
            times = measure.in_turns({"pmjax": case.read, "floor": case.floor}, rounds=rounds)
            found[label] = _record(times, case)
            gc.collect()
    return found


def _record(times: measure.Times, case: Case) -> dict[str, Any]:
    return {
        "unit": case.unit,
        "rows": case.rows,
        "bytes": case.size,
        "floor": case.by,
        "seconds": {name: list(s) for name, s in times.seconds.items()},
        "ratio": times.ratio("pmjax", "floor"),
        "foreign": times.foreign,
    }


def pipeline(n: int, rounds: int) -> dict[str, dict[str, Any]]:
    """Times, for n rows, dealing an epoch's index table, and gathering and preparing all its batches on the device."""
    random = np.random.default_rng(0)
    shapes: dict[str, tuple[Any, tuple[int, ...]]] = {
        "table of 30 columns": ("table", (30,)),
        "series of 48 steps of 16": ("series", (48, 16)),
        "image of 32 × 32 × 3": ("image", (32, 32, 3)),
    }
    found = {}
    for name, (kind, shape) in shapes.items():
        count = max(_BATCH, n // max(1, int(np.prod(shape)) // 100))
        values = random.normal(size=(count, *shape)).astype(np.float32)
        columns = tuple(f"x{i}" for i in range(shape[-1]))
        calls = _calls(_cohort(values, Modality(kind, values, columns)))
        times = measure.in_turns(calls, rounds=rounds)
        seconds = {call: list(s) for call, s in times.seconds.items()}
        found[name] = {"rows": count, "bytes": values.nbytes, "seconds": seconds, "foreign": times.foreign}
    return found


def _cohort(values: np.ndarray, modality: Modality) -> Cohort:
    n = len(values)
    task = Classify("label", np.arange(n) % 2, ("no", "yes"))
    source = Source(title="random numbers", citation="", licence="", files={})
    return Cohort(name="random", patient=np.arange(n).astype(str), modalities={"x": modality}, task=task, source=source)


def _calls(cohort: Cohort) -> dict[str, Callable[[], Any]]:
    splits = make_splits(cohort, folds=2)
    inputs = build_inputs(cohort, ("x",), splits, Preparation(), fused=False)
    arrays = jax.device_put(as_float32(inputs.arrays))
    fitted = jax.device_put({"x": {k: v[0] for k, v in inputs.fitted["x"].items()}})
    every = np.arange(len(cohort))
    shape = batches.table_shape(np.array([len(cohort)]), _BATCH)

    def deal() -> Any:
        return batches.index_table(batches.shuffled(every, 0, 0, 0, 0), *shape)

    @jax.jit
    def all_batches(arrays: Any, fitted: Any, rows: Any) -> Any:
        def batch(total: Any, rows: Any) -> tuple[Any, None]:
            values, _ = prepare(False, fitted, take(arrays, rows))
            return total + values.sum(), None  # used, so that no batch is left out

        return jax.lax.scan(batch, 0.0, rows)[0]

    rows, host = jax.device_put(deal()[0]), np.asarray(arrays["x"].values)

    def gather() -> None:
        for step in np.asarray(rows):
            host[step]

    return {
        "deal": deal,
        "gather and prepare": lambda: jax.block_until_ready(all_batches(arrays, fitted, rows)),
        "NumPy's gather": gather,
    }


def _readers_table(found: dict[str, dict[str, Any]]) -> results.Table:
    rows = []
    for name, r in found.items():
        seconds = float(np.median(r["seconds"]["pmjax"]))
        rows.append(
            [
                name,
                f"{show.count(r['rows'])} {r['unit']}, {show.size(r['bytes'])}",
                show.seconds(seconds),
                f"{show.count(r['rows'] / seconds)}/s",
                f"{r['bytes'] / seconds / 2**20:.1f} MiB/s",
                show.ratio(r["ratio"]),
                r["floor"],
            ]
        )
    most = max(r["foreign"] for r in found.values())
    notes = [
        "Checked, hashed and joined with the outcomes, against a bare reading of the same bytes that checks nothing: "
        f"a ratio of 2 is twice its time. Other processes took at most {most:.0%} of a core in a kept round."
    ]
    columns = ["reader", "file", "time", "rows", "bytes", "time / floor", "floor"]
    return results.Table("Readers", columns, rows, notes)


def _pipeline_table(found: dict[str, dict[str, Any]]) -> results.Table:
    rows = []
    for name, r in found.items():
        deal, prepared, floor = (float(np.median(s)) for s in r["seconds"].values())
        rows.append(
            [
                name,
                show.count(r["rows"]),
                f"{show.count(r['rows'] / deal)}/s",
                f"{show.count(r['rows'] / prepared)}/s",
                f"{r['bytes'] / prepared / 2**20:.0f} MiB/s",
                f"{show.count(r['rows'] / floor)}/s",
            ]
        )
    notes = [
        f"Batches of {_BATCH}. Dealt: one epoch's index table of one run, on the host, once an epoch. Prepared: rows "
        "gathered, imputed and scaled on the device, inside one program; NumPy's gather copies rows and does no more."
    ]
    columns = ["input", "rows", "dealt", "gathered and prepared", "bytes", "NumPy's gather alone"]
    return results.Table("Batches", columns, rows, notes)


if __name__ == "__main__":
    sys.exit(main())
