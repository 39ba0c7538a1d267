"""Times callables in turns within one process, so that their ratios hold on a machine whose speed drifts.

A round gives every callable one turn. The CPU time that other processes took meanwhile is read from the kernel, and a
round in which they took more than `FOREIGN` of a core is thrown away and run again: a stolen core slows whoever has it.
"""

import gc
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

FOREIGN = 0.1
"""Share of one core that other processes may take in a round."""

_PAUSE = 0.005
"""Seconds between turns, in which the spinning threads of the one before go to sleep."""

_LEAST_ROUND = 0.25
"""Seconds that a round lasts at least: the kernel counts CPU time in hundredths."""


@dataclass(frozen=True)
class Times:
    """Seconds per call.

    Attributes:
        seconds: by name, one mean a kept round, in the same order for all.
        disturbed: rounds thrown away because something else used the cores.
        foreign: the largest share of a core that others took in a kept round.
    """

    seconds: Mapping[str, np.ndarray]
    disturbed: int
    foreign: float

    def median(self, name: str) -> float:
        """Median seconds per call."""
        return float(np.median(self.seconds[name]))

    def ratio(self, name: str, against: str) -> tuple[float, float, float]:
        """Median and quartiles of seconds(name) / seconds(against), paired by round: below 1 `name` is faster."""
        low, middle, high = np.quantile(self.seconds[name] / self.seconds[against], (0.25, 0.5, 0.75))
        return float(middle), float(low), float(high)

    def fastest(self, names: list[str]) -> str:
        """The name with the least median."""
        return min(names, key=self.median)

    def trusted(self) -> bool:
        """Whether no kept round was disturbed."""
        return self.foreign <= FOREIGN


def in_turns(calls: Mapping[str, Callable[[], object]], *, rounds: int = 9, turn: float = 0.05) -> Times:
    """Times each of `calls`, which return when their work is done; compiling and first touches are not counted.

    Args:
        calls: by name.
        rounds: to keep. As many again may be thrown away; then the least disturbed are kept, and `trusted` is False.
        turn: seconds that one turn lasts at least, by calling several times.
    """
    repeats = {name: _repeats(call, max(turn, _LEAST_ROUND / len(calls))) for name, call in calls.items()}
    kept: list[tuple[float, dict[str, float]]] = []
    done, names = 0, list(calls)
    while done < 2 * rounds and sum(foreign <= FOREIGN for foreign, _ in kept) < rounds:
        seconds, foreign, wall = {}, 0.0, 0.0
        for name in names[done % len(names) :] + names[: done % len(names)]:
            time.sleep(_PAUSE)
            before, began = _cpu(), time.perf_counter()
            for _ in range(repeats[name]):
                calls[name]()
            took = time.perf_counter() - began
            others = _cpu()
            seconds[name] = took / repeats[name]
            foreign, wall = foreign + max(0.0, others - before), wall + took
        kept.append((foreign / wall, seconds))
        done += 1
    calm = [one for one in kept if one[0] <= FOREIGN]
    chosen = calm if len(calm) >= rounds else sorted(kept, key=lambda one: one[0])[:rounds]
    return Times(
        {name: np.array([seconds[name] for _, seconds in chosen]) for name in names},
        disturbed=done - len(calm),
        foreign=max(foreign for foreign, _ in chosen),
    )


def latencies(call: Callable[[], object], count: int = 1000) -> np.ndarray:
    """Seconds of each of `count` single calls, after a tenth as many to warm up."""
    for _ in range(count // 10):
        call()
    gc.collect()
    seconds = np.empty(count)
    for i in range(count):
        began = time.perf_counter()
        call()
        seconds[i] = time.perf_counter() - began
    return seconds


def once(call: Callable[[], object]) -> tuple[float, float]:
    """Seconds of a single call, and the share of a core that other processes took meanwhile."""
    before, began = _cpu(), time.perf_counter()
    call()
    took = time.perf_counter() - began
    return took, max(0.0, _cpu() - before) / max(took, 0.01)


def high_water() -> int:
    """The most bytes that this process had resident.

    Not `getrusage`'s maximum, which a child inherits from the process that started it.
    """
    if sys.platform == "linux":
        return int(re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts bytes


def _repeats(call: Callable[[], object], turn: float) -> int:
    call()
    began = time.perf_counter()
    call()
    once = time.perf_counter() - began
    if once >= turn:
        return 1
    began, count = time.perf_counter(), max(1, int(turn / 4 / max(once, 1e-7)))
    for _ in range(count):
        call()
    return max(1, round(turn * count / (time.perf_counter() - began)))


def _cpu() -> float:
    """CPU seconds that the machine gave since it started to others than this process and its children."""
    machine = psutil.cpu_times()
    busy = sum(machine) - machine.idle - getattr(machine, "iowait", 0.0)
    busy -= getattr(machine, "guest", 0.0) + getattr(machine, "guest_nice", 0.0)  # counted in user already
    process = psutil.Process()
    own = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            spent = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        own += spent.user + spent.system
        if one.pid == process.pid:
            own += spent.children_user + spent.children_system
    return busy - own
