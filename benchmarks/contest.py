"""One case measured: pmjax alone, or against the best of PyTorch in turns within one process."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import psutil
from sklearn.metrics import f1_score

from benchmarks import cases, measure, memory
from benchmarks.cases import EPOCHS, Case
from benchmarks.ours import Inference, Ours
from pmjax.train.step import Table

LOSSES = 20
"""Steps from the start whose losses must be the same."""


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: that count, at most.
        seconds: that they take together, about; but three rounds at least.
        choosing: rounds that choose PyTorch's variants.
        turn: seconds at least.
        calls: single calls for percentiles.
        batch: of the answers that are compared, besides 1.
        others: batch sizes that may answer most rows a second.
    """

    rounds: int = 5
    seconds: float = 3.0
    choosing: int = 2
    turn: float = 0.03
    calls: int = 400
    batch: int = 256
    others: tuple[int, ...] = (1024,)


FULL = Effort()
QUICK = Effort(rounds=2, seconds=1.0, choosing=1, turn=0.01, calls=20, batch=32, others=(64,))

_HOPELESS, _CLOSE = 1.3, 1.1
"""A variant that takes so many times as long as another at first sight, or after a few rounds, is not tried again."""

_LARGEST = 10_000_000_000
"""Operations of the largest batch that is answered at once."""


@dataclass
class Contest:
    """A case, ours, and theirs where PyTorch takes part."""

    case: Case
    effort: Effort
    ours: Ours
    theirs: Any
    labels: np.ndarray


def run(case: Case, effort: Effort, *, torch: bool) -> dict[str, Any]:
    """Measures everything about a case: a record for the JSON, of which the tables show most."""
    started = {who: memory.start(case, who) for who in ("ours", "torch")[: 1 + torch]}
    peaks = {who: memory.peak(process) for who, process in started.items()}
    data = cases.make_data(case)
    ours = Ours(case, data)
    theirs = None
    if torch:
        from benchmarks.theirs import Theirs

        theirs = Theirs(case, ours.prepared, data.labels, ours.params)
    contest = Contest(case, effort, ours, theirs, data.labels)
    compiling = _compile_seconds(ours)
    losses = _losses(ours)
    training, best = _training(contest)
    answers = _answers(contest)
    return {
        "memory": peaks,
        "compile": compiling,
        "train": training,
        "batch": effort.batch,
        "answers": answers,
        "to_goal": _to_goal(contest, best, losses),
    }


def _compile_seconds(ours: Ours) -> float:
    """Seconds of the first epoch beyond those of the second."""
    table = ours.table(0)
    first, _ = measure.once(lambda: ours.train_and_validate(table))
    second, _ = measure.once(lambda: ours.train_and_validate(table))
    ours.restart()
    return max(0.0, first - second)


def _losses(ours: Ours) -> np.ndarray:
    """The first losses of ours, step by step."""
    steps = ours.program.train_shape[0]
    tables = [ours.table(epoch) for epoch in range(-(-LOSSES // steps))]
    losses = ours.losses(Table(*(np.concatenate(parts, axis=1)[:, :LOSSES] for parts in zip(*tables, strict=True))))
    ours.restart()
    return losses


def _training(contest: Contest) -> tuple[dict[str, Any], Any]:
    """Times training steps; also returns PyTorch's training in its best variant."""
    case, ours, theirs = contest.case, contest.ours, contest.theirs
    steps = cases.timed_steps(case)
    table = jax.tree.map(lambda x: np.asarray(x)[:, :steps], ours.table(0))
    calls: dict[str, Callable[[], object]] = {"ours": lambda: ours.train(table)}
    record: dict[str, Any] = {}
    trainings = {}
    if theirs is not None:
        batches = theirs.batches(np.asarray(table.rows)[0])
        trainings = {str(variant): theirs.training(variant) for variant in theirs.training_variants()}
        few = batches[: max(1, steps // 4)]
        tried = {name: lambda t=training: t.epoch(few) for name, training in trainings.items()}
        names, record["variants"] = _choose(tried, contest.effort, len(few))
        for name in names:
            trainings[name].restart(theirs.params)
            calls[name] = lambda t=trainings[name]: t.epoch(batches)
    ours.restart()
    record |= _compared(_race(calls, contest.effort), steps) | {
        "busy": {name: _busy(call) for name, call in calls.items()}
    }
    record["flops"] = cases.train_flops(case)
    return record, trainings.get(record.get("best"))


def _answers(contest: Contest) -> dict[int, dict[str, Any]]:
    """Times answers to one row, to a batch, and to batches of other sizes by the variant that was best there."""
    effort = contest.effort
    variants = [] if contest.theirs is None else contest.theirs.inference_variants()
    answers = {batch: _inference(contest, batch, variants) for batch in (1, effort.batch)}
    best = [variant for variant in variants if str(variant) == answers[effort.batch]["best"]]
    for batch in effort.others:
        if batch * cases.forward_flops(contest.case) <= _LARGEST:
            answers[batch] = _inference(contest, batch, best)
    return answers


def _inference(contest: Contest, batch: int, variants: list[Any]) -> dict[str, Any]:
    """Times answers to `batch` rows at once."""
    ours, theirs, effort = contest.ours, contest.theirs, contest.effort
    rows = np.arange(batch) % contest.case.rows
    ask, values = Inference(ours), jax.device_put(ours.prepared[rows])
    calls: dict[str, Callable[[], object]] = {"ours": lambda: ask(values)}
    record: dict[str, Any] = {}
    if variants:
        tried = theirs.asking(variants, rows)
        names, record["variants"] = _choose(tried, effort, 1)
        calls |= {name: tried[name] for name in names}
    record |= _compared(_race(calls, effort), 1)
    if batch == 1:
        asked = {"ours": calls["ours"]} | ({"torch": calls[record["best"]]} if variants else {})
        record["latency"] = {who: _percentiles(call, effort.calls) for who, call in asked.items()}
    return record


def _choose(calls: dict[str, Callable[[], object]], effort: Effort, per: int) -> tuple[list[str], dict[str, float]]:
    """The fastest of PyTorch's variants, with the next where it is close, and the seconds of all."""
    if len(calls) == 1:
        return list(calls), {}
    seconds = {name: _warm_seconds(call) / per for name, call in calls.items()}
    hopeful = [name for name in calls if seconds[name] <= _HOPELESS * min(seconds.values())]
    times = measure.in_turns({name: calls[name] for name in hopeful}, rounds=effort.choosing, turn=effort.turn / 2)
    seconds |= {name: times.median(name) / per for name in hopeful}
    first, *others = sorted(hopeful, key=seconds.__getitem__)
    return [first, *(name for name in others[:1] if seconds[name] <= _CLOSE * seconds[first])], seconds


def _race(calls: dict[str, Callable[[], object]], effort: Effort) -> measure.Times:
    """Times the calls in as many rounds as the effort allows."""
    one_round = len(calls) * max(effort.turn, _warm_seconds(calls["ours"]))
    rounds = max(3, min(effort.rounds, int(effort.seconds / one_round)))
    return measure.in_turns(calls, rounds=min(rounds, effort.rounds), turn=effort.turn)


def _warm_seconds(call: Callable[[], object]) -> float:
    call()
    return measure.once(call)[0]


def _compared(times: measure.Times, per: int) -> dict[str, Any]:
    """Seconds of ours and of the fastest other, and their ratio."""
    record: dict[str, Any] = {"seconds": {name: times.median(name) / per for name in times.seconds}}
    record |= {"foreign": times.foreign, "disturbed": times.disturbed, "trusted": times.trusted()}
    others = [name for name in times.seconds if name != "ours"]
    if others:
        record["best"] = times.fastest(others)
        record["ratio"] = times.ratio("ours", record["best"])
    return record


def _percentiles(call: Callable[[], object], count: int) -> dict[str, float]:
    seconds = measure.latencies(call, count)
    return {f"p{q}": float(np.quantile(seconds, q / 100)) for q in (50, 95, 99)}


def _busy(call: Callable[[], object], least: float = 0.3) -> float:
    """The share of the device that `call`, again and again, keeps busy: of all cores, or of the GPU by NVML."""
    if jax.default_backend() == "gpu":
        return _busy_gpu(call, least)
    process, began = psutil.Process(), time.perf_counter()
    before = process.cpu_times()
    while time.perf_counter() - began < least:
        call()
    after, wall = process.cpu_times(), time.perf_counter() - began
    return (after.user + after.system - before.user - before.system) / wall / len(os.sched_getaffinity(0))


def _busy_gpu(call: Callable[[], object], least: float) -> float:
    import pynvml

    pynvml.nvmlInit()
    handle, shares, began = pynvml.nvmlDeviceGetHandleByIndex(0), [], time.perf_counter()
    while time.perf_counter() - began < 3 * least:  # NVML's own window is up to a second
        call()
        shares.append(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100)
    return float(np.median(shares))


def _to_goal(contest: Contest, training: Any, losses: np.ndarray) -> dict[str, Any]:
    """Trains both to the case's validation loss; compares their first losses on the way, and their F1 on test rows."""
    case, ours, theirs = contest.case, contest.ours, contest.theirs
    test = slice(case.rows - case.held_out, None)
    ours.train_and_validate(ours.table(0))  # it is compiled

    def epoch_of_ours(epoch: int) -> float:
        return ours.train_and_validate(ours.table(epoch))

    record: dict[str, Any] = {"ours": _reach(case.goal, ours.restart, epoch_of_ours)}
    record["ours"]["f1"] = _f1(contest.labels[test], ours.predicted()[test])
    if theirs is None:
        return record
    tables = [theirs.batches(np.asarray(ours.table(epoch).rows)[0]) for epoch in range(EPOCHS)]
    validation = list(
        theirs.batches(np.arange(case.train, case.train + case.held_out)[None])[0].split(ours.program.block)
    )
    seen: list[np.ndarray] = []

    def restart() -> None:
        training.restart(theirs.params)
        seen.clear()

    def epoch_of_theirs(epoch: int) -> float:
        seen.append(training.epoch(tables[epoch]))
        return training.validate(validation)

    record["torch"] = _reach(case.goal, restart, epoch_of_theirs)
    outputs = training.outputs(theirs.batches(np.arange(case.rows)[test][None]))
    record["torch"]["f1"] = _f1(contest.labels[test], outputs.argmax(dim=1).cpu().numpy())
    while len(seen) * case.steps < LOSSES:
        seen.append(training.epoch(tables[len(seen)]))
    first = np.concatenate(seen)[:LOSSES]
    record["losses"] = {"ours": losses.tolist(), "torch": first.tolist()}
    record["difference"] = float(np.max(np.abs(losses / first - 1)))
    return record


def _reach(goal: float, restart: Callable[[], None], epoch: Callable[[int], float]) -> dict[str, Any]:
    """Trains from the start until the validation loss is `goal`; again where something else took the cores."""
    tries = []
    for _ in range(2):
        restart()
        reached: list[float] = []

        def train(reached: list[float] = reached) -> None:
            while len(reached) < EPOCHS and (not reached or reached[-1] > goal):
                reached.append(epoch(len(reached)))

        seconds, foreign = measure.once(train)
        tries.append({"seconds": seconds, "foreign": foreign, "epochs": len(reached), "loss": reached[-1]})
        if foreign <= measure.FOREIGN:
            break
    best = min(tries, key=lambda one: one["foreign"])
    return best | {"reached": best["loss"] <= goal}


def _f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    return float(f1_score(labels, predicted, average="macro"))
