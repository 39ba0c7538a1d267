"""Where a training epoch spends its time: the costliest operations of a case, by `jax.profiler`.

    python -m benchmarks.profile cnn1d rnn

Times are those of XLA's operations on all threads together, so they may add up to more than the epoch lasts.
"""

import argparse
import collections
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import jax

from benchmarks import show
from benchmarks.cases import CASES, make_data
from benchmarks.measure import once
from benchmarks.ours import Ours


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the costs of each case."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("cases", nargs="*", default=list(CASES), help="default: all")
    parser.add_argument("--top", type=int, default=3, help="operations of a case")
    chosen = parser.parse_args(arguments)
    for name in chosen.cases:
        ours = Ours(CASES[name], make_data(CASES[name]))
        table = ours.table(0)
        sources = _sources(ours.program.epoch.lower(*_arguments(ours, table)).compile().as_text())
        ours.train(table)
        seconds, _ = once(lambda ours=ours, table=table: ours.train(table))
        costs = operations(lambda ours=ours, table=table: ours.train(table))
        sys.stdout.write(f"{name}: an epoch lasts {show.seconds(seconds)}\n")
        for operation, spent in costs.most_common(chosen.top):
            sys.stdout.write(f"  {show.seconds(spent):>8}  {operation}: {sources.get(operation, '')}\n")
    return 0


def operations(call: Callable[[], object]) -> collections.Counter[str]:
    """Seconds of each XLA operation in one call, loops and what only waits left out."""
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            call()
        (path,) = Path(folder).rglob("*.xplane.pb")
        data = jax.profiler.ProfileData.from_file(str(path))
        spent: collections.Counter[str] = collections.Counter()
        for line in (line for plane in data.planes for line in plane.lines if "python" not in line.name.lower()):
            for event in line.events:
                if not re.match(r"ThunkExecutor|while|call|Thread|\w+::", event.name):
                    spent[event.name] += event.duration_ns / 1e9
    return spent


def _arguments(ours: Ours, table: object) -> tuple[object, ...]:
    return ours.state, table, ours.hardly, ours.runs, ours.program.data


def _sources(module: str) -> dict[str, str]:
    """What in the program each operation came from: the tail of the name that JAX gave it.

    A fusion bears the name of its last operation; where it holds a product or a convolution, that has the time.
    """
    sources, products, computation = {}, {}, ""
    for line in module.splitlines():
        computation = opened[1] if (opened := re.match(r"(?:ENTRY )?%([\w.-]+) \(.*\{$", line)) else computation
        if not (named := re.match(r"\s+(?:ROOT )?%([\w.-]+) = (.*op_name=\"([^\"]+)\".*)", line)):
            continue
        operation, text, source = named.groups()
        if re.search(r" (?:convolution|dot)\(", text):
            products[computation] = source
        called = re.search(r"calls=%([\w.-]+)", text)
        sources[operation] = products.get(called[1], source) if called else source
    return {operation: "/".join(source.split("/")[-4:]) for operation, source in sources.items()}


if __name__ == "__main__":
    sys.exit(main())
