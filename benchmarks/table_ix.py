"""Table IX: what CNN, RNN, DNN and CNN+RNN cost at three sizes each, alone or against PyTorch (`--vs torch`).

With PyTorch it is the same architecture, the same initial weights and the same batches in the same order, in turns in
one process: the ratios hold where absolute times drift. Fails where the first 20 losses of both are not the same.
"""

import sys
from collections.abc import Sequence
from typing import Any

from benchmarks import results, show
from benchmarks.cases import CASES
from pmjax import allocator
from pmjax.errors import UserError

SAME = 1e-3
"""Relative difference that the first losses may have: rounding, and what training makes of it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures the cases asked for, prints and writes the tables; returns the exit code."""
    parser = results.parser("table_ix", __doc__)
    parser.add_argument("--vs", choices=["torch"], help="the peer")
    parser.add_argument("--cases", default=",".join(CASES), help="names with commas between them (default: all)")
    options = parser.parse_args(arguments)
    names = options.cases.split(",")
    for name in names:
        if name not in CASES:
            raise UserError(f"--cases: there is no case {name!r}; use some of {', '.join(CASES)}")
    # JAX starts here, after the flags are read.
    from benchmarks import contest, peak

    effort, against = contest.QUICK if options.quick else contest.FULL, options.vs == "torch"
    peaks, records = peak.find(torch=against), {}
    for name in names:
        sys.stderr.write(f"{name}\n")
        records[name] = contest.run(CASES[name], effort, torch=against)
    tables = [*([_against(records)] if against else []), _cost(records, peaks), _use(records)]
    results.write("table_ix", tables, {"peak": peaks, "cases": records, "vs": options.vs}, options.out)
    other = [name for name in names if against and not records[name]["to_goal"]["difference"] <= SAME]
    if other:
        sys.stderr.write(f"the first losses are not those of PyTorch: {', '.join(other)}\n")
    return 1 if other else 0


def _against(records: dict[str, Any]) -> results.Table:
    batch = next(iter(records.values()))["batch"]
    columns = ["case", "step: ours", "PyTorch", "ratio", "batch 1", f"batch {batch}", "best batch", "to the goal"]
    columns += ["memory", "losses differ by", "PyTorch's best way to train", "to answer 1", f"to answer {batch}"]
    rows = []
    for name, record in records.items():
        train, goal = record["train"], record["to_goal"]
        one, many = record["answers"][1], record["answers"][batch]
        rows.append(
            [
                name,
                *(show.seconds(train["seconds"][who]) for who in ("ours", train["best"])),
                *(show.ratio(part["ratio"]) for part in (train, one, many)),
                f"{_fastest(record, ours=False)[1] / _fastest(record, ours=True)[1]:.2f}",
                f"{goal['ours']['seconds'] / goal['torch']['seconds']:.2f}",
                f"{record['memory']['ours']['peak'] / record['memory']['torch']['peak']:.2f}",
                f"{goal['difference']:.0e}",
                *(part["best"] for part in (train, one, many)),
            ]
        )
    title = "Ours / the best of PyTorch: time and peak memory, below 1 we take less"
    notes = [
        "Median of paired rounds with quartiles; the same initial weights and batches. Of PyTorch the fastest of "
        "plain, foreach and fused AdamW, one and two threads, channels-last (images) and `torch.compile` (CNN and DNN: "
        "all answers, and training at the middle size).",
        "`losses differ by`: the largest relative difference of the first 20 training losses.",
        _foreign(records),
    ]
    return results.Table(title, columns, rows, notes)


def _cost(records: dict[str, Any], peaks: dict[str, float]) -> results.Table:
    columns = ["case", "train step", "rows/s", "p50", "p95", "p99", "answers/s (batch)", "compile", "memory", "busy"]
    columns += ["FLOP/s", "of the peak"]
    rows = []
    for name, record in records.items():
        train, latency = record["train"], record["answers"][1]["latency"]["ours"]
        step, (batch, rate) = train["seconds"]["ours"], _fastest(record, ours=True)
        rows.append(
            [
                name,
                show.seconds(step),
                show.count(CASES[name].batch / step),
                *(show.seconds(latency[q]) for q in ("p50", "p95", "p99")),
                f"{show.count(rate)} ({batch})",
                show.seconds(record["compile"]),
                show.size(record["memory"]["ours"]["peak"]),
                f"{train['busy']['ours']:.0%}",
                show.count(train["flops"] / step),
                f"{train['flops'] / step / peaks['product']:.0%}",
            ]
        )
    notes = [
        f"The peak of this run: {show.count(peaks['product'])}FLOP/s of a float32 matrix product of 2048, "
        f"{show.count(peaks['copy'])}B/s read and written by a copy. FLOP counted: products of the way forward and of "
        "both gradients, but for that of the inputs. p50 to p99: one row in, its answer out. `busy`: of all cores, or "
        "of the GPU by NVML, while training. Memory: the whole process, imports included.",
        _foreign(records),
    ]
    return results.Table("What ours costs", columns, rows, notes)


def _use(records: dict[str, Any]) -> results.Table:
    against = all("torch" in record["to_goal"] for record in records.values())
    columns = ["case", "model", "rows and batch", "goal", *(f"{who}: time (epochs), F1" for who in _who(against))]
    rows = []
    for name, record in records.items():
        case = CASES[name]
        model = f"{case.family} of {'×'.join(map(str, case.shape))}: " + ", ".join(
            f"{key} {value}" for key, value in case.keywords.items()
        )
        reached = [record["to_goal"][who] for who in ("ours", "torch")[: 1 + against]]
        rows.append([name, model, f"{case.train}, {case.batch}", f"{case.goal:g}", *map(_reached, reached)])
    note = "Seconds from the initial weights to a validation loss of `goal`, compiled; macro F1 on test rows then."
    return results.Table("Training to a stated validation loss", columns, rows, [note])


def _who(against: bool) -> list[str]:
    return ["ours", "PyTorch"] if against else ["ours"]


def _reached(goal: dict[str, Any]) -> str:
    missed = "" if goal["reached"] else "not reached in "
    return f"{missed}{show.seconds(goal['seconds'])} ({goal['epochs']}), {goal['f1']:.3f}"


def _fastest(record: dict[str, Any], *, ours: bool) -> tuple[int, float]:
    """The batch size at which ours, or the fastest of theirs, answers most rows a second, and how many."""
    rates = {
        batch: batch / min(seconds for who, seconds in part["seconds"].items() if (who == "ours") == ours)
        for batch, part in record["answers"].items()
    }
    batch = max(rates, key=rates.__getitem__)
    return batch, rates[batch]


def _foreign(records: dict[str, Any]) -> str:
    """What else used the cores, over all comparisons."""
    parts = [(name, part) for name, r in records.items() for part in (r["train"], *r["answers"].values())]
    doubtful = sorted({name for name, part in parts if not part["trusted"]})
    return (
        f"Other processes took at most {max(p['foreign'] for _, p in parts):.0%} of a core in a kept round; "
        f"{sum(p['disturbed'] for _, p in parts)} rounds were thrown away"
        + (f"; not to be believed: {', '.join(doubtful)}." if doubtful else ".")
    )


if __name__ == "__main__":
    allocator.restart("benchmarks.table_ix")  # both sides run as pmjax.launch does
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(f"table_ix: {error}")
