"""A study's many runs: one program, one jitted run after the other, PyTorch after one another and by joblib.

Folds × seeds × learning rates of a small network, the same initial weights and batches for all. Each measurement is a
process of its own; imports and what a study reads are not counted. Fails where the runs do not come to the same.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import measure, results, show
from pmjax import allocator

SAME, ALIKE, EARLY, TIMES = 1e-5, 1e-3, 2, 10
"""Differences that validation losses and probabilities of ours may have in the first `EARLY` epochs, and validation
losses against PyTorch in all.

Later, some trainings make much of little: once 5 of 500 runs were seen to differ by up to 8e-3, the bound for all
epochs became `TIMES` what the same runs come to from initial parameters that are one unit in the last place larger.
"""

_NAMES = {
    "study": "one program, as a study",
    "program": "one program, bare",
    "loop": "one jitted run after the other",
    "torch": "PyTorch, one after another",
    "joblib": "PyTorch by joblib",
}

_OURS = ("study", "program", "loop")
_TIMES = ("empty", "kept", "again")

Record = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures all ways, prints and writes the tables; returns the exit code."""
    options = results.parser("study", __doc__).parse_args(arguments)
    from benchmarks.study_ours import STUDIES  # JAX starts here, after the flags are read

    tables, records, unequal = [], {}, []
    for name, study in list(STUDIES.items())[: 1 if options.quick else None]:
        counts, peers, loops = ([5], 5, 5) if options.quick else (study.counts, study.peers, study.loops)
        with tempfile.TemporaryDirectory() as folder:
            record = measure_study(name, counts, peers, loops, Path(folder), rounds=1 if options.quick else 3)
            differences = compare(Path(folder))
        unequal += [f"{name}: {way}" for way, (found, allowed) in differences.items() if not found <= allowed]
        records[name] = {**record, "differences": differences}
        tables += [table(name, record, differences), axis_table(name, record)]
    results.write("study", tables, records, options.out)
    if unequal:
        sys.stderr.write(f"the runs do not come to the same: {', '.join(unequal)}\n")
    return 1 if unequal else 0


def measure_study(name: str, counts: Sequence[int], peers: int, loops: int, folder: Path, rounds: int) -> Record:
    """Runs each measurement in its process; what each left is in `folder`."""
    record: Record = {"study": {}, "program": {}, "loop": {}, "turns": {}}
    ours = [sys.executable, "-m", "benchmarks.study_ours", name]
    for count in counts:
        for way in _OURS if count <= loops else ("study",):
            one = record[way][count] = {}
            # The bare program is the study's, and that of most runs is one of fewer: they need not be compiled again.
            cache = folder / f"cache-{'loop' if way == 'loop' else 'study'}-{min(count, loops)}"
            for start in ("kept",) if way == "program" or count > loops else ("empty", "kept"):
                sys.stderr.write(f"{name} {way} {count}, cache {start}\n")
                one[start] = _child([*ours, way, str(count), str(folder)], folder / f"{way}-{count}.json", cache)
    for count in (count for count in counts if count <= min(100, loops)):
        command = [*ours, "turns", str(count), str(folder), "--rounds", str(rounds)]
        record["turns"][count] = _child(command, folder / f"turns-{count}.json", folder / "cache-turns")
    control = max(count for count in counts if count <= loops)
    _child([*ours, "nudged", str(control), str(folder)], folder / f"nudged-{control}.json", folder / "cache-nudged")
    if find_spec("torch") and find_spec("joblib"):
        record |= _peers(name, peers, folder)
    return record


def _peers(name: str, count: int, folder: Path) -> Record:
    """PyTorch's ways through `count` of the runs, in its fastest variant."""
    hand_over = [sys.executable, "-m", "benchmarks.study_ours", name, "hand_over", str(count), str(folder)]
    _child(hand_over, folder / f"hand_over-{count}.json", folder / "cache-hand-over")
    theirs = [sys.executable, "-m", "benchmarks.peer_joblib"]
    record: Record = {"variants": _child([*theirs, "choose", str(folder)], folder / "choose.json")}
    best = min(record["variants"], key=record["variants"].__getitem__)
    for way in ("torch", "joblib"):
        sys.stderr.write(f"{name} {way} {count}\n")
        record[way] = _child([*theirs, way, str(folder), "--variant", best], folder / f"{way}.json")
    return record


def _child(command: list[str], left: Path, cache: Path | None = None) -> Record:
    """Runs a measurement under the allocator that the entry point sets, and reads what it left."""
    own = {} if cache is None else {"PMJAX_CACHE": str(cache), "JAX_COMPILATION_CACHE_DIR": str(cache)}
    settings = {} if allocator.obstacle() else allocator.SETTINGS
    done = subprocess.run(command, env={**os.environ, **settings, **own}, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
    return json.loads(left.read_text())


def compare(folder: Path) -> dict[str, tuple[float, float]]:
    """The largest difference of each way from the study, over all runs and epochs, and the one allowed."""
    found = {path.stem: dict(np.load(path)) for path in sorted(folder.glob("*.npz"))}
    counts = {int(stem.split("-")[1]) for stem in found if stem.startswith("study-")}
    reference = found.pop(f"study-{max(counts)}")
    control = [found.pop(stem) for stem in list(found) if stem.startswith("nudged-")]
    amplified = max((TIMES * difference(reference, one, ("loss", "probability")) for one in control), default=0)
    differences = {}
    for stem, other in found.items():
        if stem in ("torch", "joblib"):
            differences[stem] = difference(reference, other, ("loss",)), ALIKE
            continue
        early = [{**one, "loss": one["loss"][:, :EARLY]} for one in (reference, other)]
        differences[f"{stem} early"] = difference(*early, ("loss",)), SAME
        differences[stem] = difference(reference, other, ("loss", "probability")), max(SAME, amplified)
    return differences


def difference(reference: Any, other: Any, names: Sequence[str]) -> float:
    """The largest difference of the runs that both have; NaN where there is none, or one has a value and one has not.

    Rows without a probability in one of them (a study predicts what it tests) are not compared.
    """
    _, here, there = np.intersect1d(reference["run"], other["run"], return_indices=True)
    if len(here) < len(other["run"]):
        return float("nan")
    largest = 0.0
    for name in names:
        ours, theirs = reference[name][here], other[name][there]
        apart = np.abs(ours - theirs)
        compared = apart if name == "loss" else apart[~np.isnan(ours) & ~np.isnan(theirs)]
        largest = float(np.maximum(largest, compared.max(initial=0.0)))
    return largest


def cost(record: Record, way: str, count: int) -> dict[str, Any]:
    """Seconds of `count` runs with an empty cache, with a kept one, and again, and from how many it was scaled."""
    if way in _OURS:
        starts = record[way].get(count, {})
        firsts = {start: one["first"] for start, one in starts.items()}
        shared = set.intersection(*(set(one) for one in starts.values())) if starts else set()
        more = {key: min(one[key] for one in starts.values()) for key in ("again", "peak") if key in shared}
        return firsts | more
    one = record[way]
    done = len(one["arrived"])
    again = one["again"] * count / done
    # Beyond the runs that were run, each takes as long as it takes once all is warm.
    first = one["arrived"][count - 1] if count <= done else one["arrived"][-1] + one["again"] * (count - done) / done
    return {"empty": first, "kept": first, "again": again, "peak": one["peak"], "scaled": count > done and done}


def table(name: str, record: Record, differences: dict[str, tuple[float, float]]) -> results.Table:
    """All ways and counts of a study."""
    columns = ["runs", "way", "first, empty cache", "first, kept cache", "again", "peak memory"]
    columns += ["PyTorch / this: first", "kept", "again"]
    rows = []
    for count in record["study"]:
        costs = {way: cost(record, way, count) for way in _NAMES if way in record}
        for way, one in costs.items():
            if one:
                rows.append([str(count), _NAMES[way], *_cells(one), *_against(one, costs.get("torch"))])
    apart = ", ".join(f"{way} {found:.0e} (≤ {allowed:.0e})" for way, (found, allowed) in differences.items())
    foreign = max(one["foreign"] for one in _measured(record))
    variant = record.get("torch", {}).get("variant", "not installed")
    notes = [
        "First: with all compilation, from an empty cache or with the programs that an earlier process kept. Again: "
        "once more in the same process (the faster of two). Peak resident "
        f"memory: all processes, imports included. PyTorch ({variant}: its fastest of six ways) has its batches "
        "ready-made; ours draw theirs, and a study also checkpoints and leaves predictions and history as tables.",
        f"Largest difference from the study of most runs, over all runs and epochs, or the first {EARLY} (early), and "
        f"the one allowed: {apart}.",
        f"Other processes took at most {foreign:.0%} of a core in a measurement.",
    ]
    return results.Table(f"Study {name}: seconds of all runs", columns, rows, notes)


def _cells(one: dict[str, Any]) -> list[str]:
    scaled = f" (scaled from {one['scaled']})" if one.get("scaled") else ""
    return [*(show.seconds(one[k]) + scaled if k in one else "" for k in _TIMES), show.size(one["peak"])]


def _against(one: dict[str, Any], torch: dict[str, Any] | None) -> list[str]:
    return [f"{torch[k] / one[k]:.1f}" if torch and k in one else "" for k in _TIMES]


def _measured(record: Record) -> list[Record]:
    """Every measurement that says what else used the cores."""
    own = [start for way in _OURS for one in record[way].values() for start in one.values()]
    return own + [record[way] for way in ("torch", "joblib") if way in record]


def axis_table(name: str, record: Record) -> results.Table:
    """The runs axis against one jitted run after the other, warm and in turns."""
    columns = ["runs", "one program", "one after the other", "ratio", "others' share of a core"]
    rows = [
        [
            str(count),
            *(show.seconds(turns["seconds"][way]) for way in ("program", "loop")),
            show.ratio(turns["ratio"]),
            f"{turns['foreign']:.0%}",
        ]
        for count, turns in record["turns"].items()
    ]
    trusted = all(turns["foreign"] <= measure.FOREIGN for turns in record["turns"].values())
    note = "In turns in one process, compiled, without checkpoints and tables; above 1 the runs axis is faster."
    title = f"Study {name}: the runs axis, warm" + ("" if trusted else " (disturbed: not to be believed)")
    return results.Table(title, columns, rows, [note])


if __name__ == "__main__":
    sys.exit(main())
