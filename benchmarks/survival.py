"""Survival statistics against lifelines, scikit-survival and torchsurv: seconds a call, and how far they differ.

All tools see the same simulated rows: ten covariates, exponential survival, about half censored at random or by the end
of the study; `tied` counts time in weeks and rounds risks to a tenth. A peer is left out where its last size says that
the next would take more than `LIMIT` seconds, and where all its pairs would not fit into memory.
"""

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import measure, results, show, survival_bootstraps
from benchmarks.survival_bootstraps import BOOTSTRAPS, Bootstrap
from benchmarks.survival_statistics import SIZES, STATISTICS, Call, Statistic, simulate
from pmjax.evaluate.intervals import resamples
from pmjax.evaluate.pool import Pool, Replicate

TOOLS = ("pmjax", "lifelines", "scikit-survival", "torchsurv")
LIMIT = 6.0
RESAMPLES = 2_000
_BY_PEERS = 10
_QUICK = 0.3
_AGAIN = 1.0


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the suite, writes what it found, and exits with an error where tools disagree."""
    options = results.parser("survival", __doc__).parse_args(argv)
    sizes = SIZES[:1] if options.quick else SIZES
    warnings.filterwarnings("ignore", "Ties in `time` detected")  # torchsurv says so at every call
    cells = [cell for tied in (False, True) for one in STATISTICS for cell in compare(one, sizes, tied, options.quick)]
    drawn = [resample(one, n, options.quick) for one in BOOTSTRAPS for n in sizes[:2]]
    tables = [_table(cells, tied) for tied in (False, True)] + [_bootstrap_table(drawn)]
    results.write("survival", tables, {"statistics": cells, "bootstrap": drawn}, options.out)
    apart = [cell for cell in (*cells, *drawn) if not cell["agrees"]]
    if apart:
        raise SystemExit(f"survival: tools disagree: {', '.join(_place(cell) for cell in apart)}")


def compare(statistic: Statistic, sizes: Sequence[int], tied: bool, quick: bool) -> list[dict[str, Any]]:
    """Times a statistic by all tools at growing sizes, and compares their answers."""
    found: list[dict[str, Any]] = []
    for n in sizes:
        rows = simulate(n, tied)
        calls, reasons = {}, {}
        for tool in TOOLS:
            reason = _reason(statistic, tool, n, found)
            try:
                if not reason:
                    calls[tool] = statistic.calls[tool](rows)
            except ImportError:
                reason = "not installed"
            if reason:
                reasons[tool] = reason
        answers: dict[str, np.ndarray] = {}
        seconds, foreign = _clock(calls, answers, quick)
        ours = answers["pmjax"]
        peers = {tool: answer for tool, answer in answers.items() if tool != "pmjax"}
        apart = {tool: float(np.abs(answer - ours).max() / np.abs(ours).max()) for tool, answer in peers.items()}
        agrees = all(difference <= statistic.tolerance[tool] for tool, difference in apart.items())
        found.append(
            {"name": statistic.name, "n": n, "tied": tied, "seconds": seconds, "foreign": foreign, "left_out": reasons}
            | {"difference": apart, "agrees": agrees}
        )
    return found


def _reason(statistic: Statistic, tool: str, n: int, found: list[dict[str, Any]]) -> str:
    """Why a tool is left out at n rows; empty where it runs."""
    if tool not in statistic.calls:
        return "has none"
    if n > statistic.largest.get(tool, n):
        return "all pairs in memory"
    if any(tool in cell["left_out"] for cell in found):
        return "slower still"
    past = [(cell["n"], cell["seconds"][tool]) for cell in found]
    if past:
        (size, last), growth = past[-1], 1.0
        if len(past) > 1:
            growth = max(1.0, np.log(last / past[-2][1]) / np.log(size / past[-2][0]))
        expected = last * (n / size) ** growth
        if expected > LIMIT:
            return f"about {show.seconds(expected)}"
    return ""


def _clock(calls: Mapping[str, Call], answers: dict[str, np.ndarray], quick: bool) -> tuple[dict[str, float], float]:
    """Seconds by tool, and the largest share of a core that others took: quick calls in turns, slow ones once."""
    seconds, foreign = {}, 0.0

    def keep(tool: str) -> None:
        answers[tool] = calls[tool]()

    for tool in calls:
        seconds[tool], others = measure.once(partial(keep, tool))
        if seconds[tool] >= _QUICK:
            seconds[tool], others = measure.once(calls[tool]) if seconds[tool] < _AGAIN else (seconds[tool], others)
            foreign = max(foreign, others)
    short = {tool: call for tool, call in calls.items() if seconds[tool] < _QUICK}
    if short:
        times = measure.in_turns(short, rounds=1 if quick else 3, turn=0.02)
        foreign = max(foreign, times.foreign)
        seconds |= {tool: times.median(tool) for tool in short}
    return seconds, foreign


def resample(bootstrap: Bootstrap, n: int, quick: bool) -> dict[str, Any]:
    """Times all resamples at once, drawn beforehand, against a few by the peer one after the other."""
    columns = survival_bootstraps.columns(simulate(n, tied=False))
    counts = resamples(np.arange(n).astype(str), RESAMPLES, seed=0)
    pool = Pool("", "", pd.DataFrame(), {"model": (Replicate(np.arange(n), columns),)}, counts)
    first = [np.repeat(np.arange(n), count) for count in counts[: 2 if quick else _BY_PEERS]]
    theirs: list[Sequence[float]] = []

    def ours() -> dict[str, np.ndarray]:
        return pool.measure("model", bootstrap.metrics)

    def peer() -> None:
        theirs[:] = [bootstrap.peer({k: v[rows] for k, v in columns.items()}) for rows in first]

    values = np.stack(list(ours().values()), axis=1)
    times = measure.in_turns({"pmjax": ours}, rounds=1 if quick else 3)
    cell = {"name": bootstrap.name, "n": n, "tied": False, "by": bootstrap.by, "agrees": True, "difference": {}}
    cell |= {"seconds": {"pmjax": times.median("pmjax")}, "foreign": times.foreign}
    try:
        peer()
    except ImportError:
        return cell
    took, foreign = measure.once(peer)
    worst = float(np.abs(np.array(theirs) - values[: len(first)]).max())
    cell["seconds"] |= {"peer": took * RESAMPLES / len(first)}
    return cell | {
        "foreign": max(foreign, times.foreign),
        "difference": {bootstrap.by: worst},
        "agrees": worst <= bootstrap.tolerance,
    }


def _table(cells: Sequence[dict[str, Any]], tied: bool) -> results.Table:
    rows = []
    for cell in (cell for cell in cells if cell["tied"] == tied):
        shown = [show.seconds(cell["seconds"][t]) if t in cell["seconds"] else "–" for t in TOOLS]
        reasons = (f"{t}: {why}" for t, why in cell["left_out"].items() if why != "has none")
        rows.append([cell["name"], show.count(cell["n"]), *shown, _difference(cell), "; ".join(reasons)])
    disturbed = sum(cell["foreign"] > measure.FOREIGN for cell in cells)
    notes = [one.note for one in STATISTICS]
    notes.append(
        f"Inputs are brought into each tool's form before; float64, but torchsurv takes float32 for sums. "
        f"Cells in which others took a tenth of a core or more: {disturbed}."
    )
    title = "Survival statistics, " + ("time in weeks and risks of one decimal" if tied else "no ties")
    columns = ["", "n", *TOOLS, "differs from pmjax by", "left out"]
    return results.Table(title, columns, rows, notes if tied else notes[-1:])


def _bootstrap_table(cells: Sequence[dict[str, Any]]) -> results.Table:
    rows = []
    for cell in cells:
        ours, peer = (cell["seconds"].get(who) for who in ("pmjax", "peer"))
        times = [show.seconds(ours), "–", "–"] if peer is None else [show.seconds(ours), show.seconds(peer)]
        times += [] if peer is None else [f"{peer / ours:.0f} ×"]
        rows.append([cell["name"], show.count(cell["n"]), *times, cell["by"], _difference(cell)])
    note = f"The peer's loop ran over {_BY_PEERS} of them, and its time is that of {RESAMPLES:,}."
    columns = ["", "n", "pmjax", "a loop over a peer", "", "the peer", "differs by at most"]
    return results.Table(f"Bootstrap: {RESAMPLES:,} resamples of patients", columns, rows, [note])


def _difference(cell: Mapping[str, Any]) -> str:
    return ", ".join(f"{tool} {apart:.0e}" for tool, apart in cell["difference"].items()) or "–"


def _place(cell: Mapping[str, Any]) -> str:
    return f"{cell['name']} at n = {show.count(cell['n'])}{', tied' * cell['tied']} ({_difference(cell)})"


if __name__ == "__main__":
    main()
