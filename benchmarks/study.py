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

SAME, ALIKE, EARLY = 1e-5, 1e-3, 2
"""Differences that validation losses and probabilities of ours may have in the first `EARLY` epochs, and validation
losses against PyTorch in all.

Later, some trainings make much of little: once 5 of 500 runs were seen to differ by up to 8e-3, the bound for all
epochs became that no larger share of runs differs by more than `SAME`, beyond three standard errors, than of those
which start from parameters one unit in the last place larger.
"""

COLD = 400
"""Runs of the largest study that starts without compiled programs; a larger one has the same."""

_NAMES = {
    "study": "one program, as a study",
    "program": "one program, bare",
    "loop": "one jitted run after the other",
    "torch": "PyTorch, one after another",
    "joblib": "PyTorch by joblib",
}

_PEERS = ("torch", "joblib")
_OURS = ("study", "program", "loop")
_TIMES = ("empty", "kept", "again")

Record = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures all ways, prints and writes the tables; returns the exit code."""
    options = results.parser("study", __doc__).parse_args(arguments)
    from benchmarks.study_ours import STUDIES  # JAX starts here, after the flags are read

    tables, records, wrong = [], {}, []
    for name, study in list(STUDIES.items())[: 1 if options.quick else None]:
        counts, peers, loops = ([5], 5, 5) if options.quick else (study.counts, study.peers, study.loops)
        with tempfile.TemporaryDirectory() as folder:
            record = measure_study(name, counts, peers, loops, Path(folder), rounds=1 if options.quick else 3)
            differences = compare(Path(folder))
        wrong += [f"{name}: {way}" for way in unequal(differences)]
        records[name] = {**record, "differences": differences}
        tables += [table(name, record, differences), axis_table(name, record)]
    results.write("study", tables, records, options.out)
    if wrong:
        sys.stderr.write(f"the runs do not come to the same: {', '.join(wrong)}\n")
    return 1 if wrong else 0


def measure_study(name: str, counts: Sequence[int], peers: int, loops: int, folder: Path, rounds: int) -> Record:
    """Runs each measurement in its process; what each left is in `folder`."""
    record: Record = {"study": {}, "program": {}, "loop": {}, "turns": {}}
    ours = [sys.executable, "-m", "benchmarks.study_ours", name]
    for count in counts:
        for way in ("study",) if count > COLD else _OURS if count == loops else ("study", "program"):
            one = record[way][count] = {}
            # The bare program is the study's, and that of most runs is one of fewer: they need not be compiled again.
            cache = folder / f"cache-{'loop' if way == 'loop' else 'study'}-{min(count, COLD)}"
            for start in ("kept",) if way == "program" or count > COLD else ("empty", "kept"):
                sys.stderr.write(f"{name} {way} {count}, cache {start}\n")
                one[start] = _child([*ours, way, str(count), str(folder)], folder / f"{way}-{count}.json", cache)
    command = [*ours, "turns", str(loops), str(folder), "--rounds", str(rounds)]
    record["turns"][loops] = _child(command, folder / f"turns-{loops}.json", folder / "cache-turns")
    _child([*ours, "nudged", str(loops), str(folder)], folder / f"nudged-{loops}.json", folder / "cache-nudged")
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
    for way in _PEERS:
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


def compare(folder: Path) -> dict[str, dict[str, float]]:
    """How each way differs from the study of most runs: at most, in early epochs, and in which share of the runs."""
    found = {path.stem: dict(np.load(path)) for path in sorted(folder.glob("*.npz"))}
    counts = {int(stem.split("-")[1]) for stem in found if stem.startswith("study-")}
    reference = found.pop(f"study-{max(counts)}")
    differences = {}
    for stem, other in found.items():
        names = ("loss",) if stem in _PEERS else ("loss", "probability")
        early = [{**one, "loss": one["loss"][:, :EARLY]} for one in (reference, other)]
        apart = difference(reference, other, names)
        differences[stem] = {
            "most": float(np.max(apart)),
            "early": float(np.max(difference(*early, ("loss",)))),
            "share": float(np.mean(~(apart <= SAME))),
            "runs": len(apart),
        }
    return differences


def unequal(differences: dict[str, dict[str, float]]) -> list[str]:
    """Names the ways whose runs do not come to the same as the study's."""
    controls = [one for way, one in differences.items() if way.startswith("nudged")]
    allowed = max((c["share"] + 3 * np.sqrt(c["share"] * (1 - c["share"]) / c["runs"]) for c in controls), default=0)
    peers = [way for way in _PEERS if way in differences and not differences[way]["most"] <= ALIKE]
    own = [way for way in differences if way not in _PEERS and not way.startswith("nudged")]
    return peers + [w for w in own if not (differences[w]["early"] <= SAME and differences[w]["share"] <= allowed)]


def difference(reference: Any, other: Any, names: Sequence[str]) -> np.ndarray:
    """The largest difference of each run of `other`; NaN where the reference lacks it, or just one has a value.

    Rows without a probability in one of them (a study predicts what it tests) are not compared.
    """
    _, here, there = np.intersect1d(reference["run"], other["run"], return_indices=True)
    largest = np.full(len(other["run"]), np.nan)
    largest[there] = 0
    for name in names:
        ours, theirs = reference[name][here], other[name][there]
        untold = np.isnan(ours) | np.isnan(theirs) if name != "loss" else np.zeros(ours.shape, bool)
        apart = np.where(untold, 0, np.abs(ours - theirs))
        largest[there] = np.maximum(largest[there], apart.max(axis=1))
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


def table(name: str, record: Record, differences: dict[str, dict[str, float]]) -> results.Table:
    """All ways and counts of a study."""
    columns = ["runs", "way", "first, empty cache", "first, kept cache", "again", "peak memory"]
    columns += ["PyTorch / this: first", "kept", "again"]
    rows = []
    for count in record["study"]:
        costs = {way: cost(record, way, count) for way in _NAMES if way in record}
        for way, one in costs.items():
            if one:
                rows.append([str(count), _NAMES[way], *_cells(one), *_against(one, costs.get("torch"))])
    apart = ", ".join(
        f"{way} {one['early']:.0e}, {one['most']:.0e}, {one['share']:.1%}" for way, one in differences.items()
    )
    foreign = max(one["foreign"] for one in _measured(record))
    variant = record.get("torch", {}).get("variant", "not installed")
    notes = [
        "First: with all compilation, from an empty cache or with the programs that an earlier process kept. Again: "
        "once more in the same process (the faster of two). Peak resident "
        f"memory: all processes, imports included. PyTorch ({variant}: its fastest of six ways) has its batches "
        "ready-made; ours draw theirs, and a study also checkpoints and leaves predictions and history as tables.",
        f"Differences from the study of most runs: the largest in the first {EARLY} epochs, the largest in all, the "
        f"share of runs beyond {SAME:.0e}: {apart}. Nudged: from parameters one unit in the last place larger.",
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
    return own + [record[way] for way in _PEERS if way in record]


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
