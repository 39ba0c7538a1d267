"""All runs of one model of a study: splits × seeds × settings, chunk by chunk, each chunk kept when it is done."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pandas as pd

from pmjax import models
from pmjax.cohort import Cohort
from pmjax.errors import UserError
from pmjax.prepare.augment import build_augment
from pmjax.prepare.preparation import Preparation
from pmjax.prepare.splits import Splits
from pmjax.train import heads, loop, parallel
from pmjax.train.inputs import build_inputs, sources_of
from pmjax.train.loop import ChunkResult, Hooks
from pmjax.train.many import Problem, Program, RunSpec, Schedule
from pmjax.train.optim import Setting
from pmjax.train.table import describe_setting, predictions_table

_ON_THE_AXIS = Setting._fields

LARGEST_CHUNK_ON_CPU, CHUNKS_AT_ONCE_ON_CPU = 16, 2
"""Runs of one program on a CPU where the plan names no chunk, and how many chunks train side by side, a thread each.

While one saves and sorts rows the other computes, and small networks leave the second core idle: on 2 cores, 100 runs
of a DNN took 1.1 s and take .77, of a small CNN 6.4 and 5.4.
"""


@dataclass(frozen=True)
class Plan:
    """How the models of a study train; the keys of `config.train`."""

    seeds: int
    epochs: int
    batch_size: int
    patience: int
    clip: float
    warmup: float
    class_weight: bool
    precision: str
    parallel: str
    chunk: int
    checkpoint_every: int
    augment: Sequence[str | Mapping[str, Any]] = ()
    mixup: float = 0.0

    def __post_init__(self) -> None:
        for name in ("seeds", "epochs", "batch_size", "patience", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise UserError(f"config.train.{name}: must be at least 1, got {getattr(self, name)}")
        if self.mixup < 0:
            raise UserError(f"config.train.mixup is {self.mixup}; it must be at least 0")
        if self.clip <= 0 or not 0 <= self.warmup < 1 or self.chunk < 0:
            raise UserError("config.train: clip must be above 0, warmup in [0, 1), chunk at least 0")


class Trained(NamedTuple):
    """Of one model: rows of Predictions, one line of history a run and epoch (failed_step ≥ 0 marks a failure)."""

    predictions: pd.DataFrame
    history: pd.DataFrame


def expand(grid: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Lists every combination of the values of `grid`, in its order."""
    values = [v if isinstance(v, tuple | list) else (v,) for v in grid.values()]
    if not all(values):
        raise UserError("config.grid: a key has no value to try")
    return [dict(zip(grid, combination, strict=True)) for combination in itertools.product(*values)]


def split_spec(spec: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Returns family and head of a model of the config, and the encoder's own keywords."""
    for key in ("family", "input", "head"):
        if key not in spec:
            raise UserError(f"config.models: a model lacks the key {key!r}")
    own = {k: v for k, v in spec.items() if k not in ("family", "input", "head")}
    return spec["family"], spec["head"], own


def train_model(
    name: str,
    spec: Mapping[str, Any],
    cohort: Cohort,
    splits: Splits,
    *,
    grid: Mapping[str, Any],
    plan: Plan,
    problems: Sequence[Problem],
    workdir: Path,
    hooks: Hooks,
) -> Trained:
    """Trains every run of the model `name`; what earlier calls in `workdir` finished is read, not done again.

    `problems` are those that `pose` made of the same spec, grid and plan.

    Learning rate and weight decay lie on the runs axis; any other key of `grid` is a keyword of the encoder and
    makes a program of its own.

    Raises:
        StoppedError: a stop was asked for; the state is saved.
    """
    parts: list[Trained] = []
    for number, (problem, (_, settings)) in enumerate(zip(problems, by_architecture(spec, grid), strict=True)):
        specs = [
            RunSpec(split, s, Setting(**{k: setting[k] for k in _ON_THE_AXIS}), describe_setting(setting))
            for setting in settings
            for split in range(len(splits.train))
            for s in range(plan.seeds)
        ]
        size = min(plan.chunk or chunk_size(len(specs), parallel.choose(plan.parallel)), len(specs))
        chunks = {f"{name}-{number}-{low // size}": specs[low : low + size] for low in range(0, len(specs), size)}
        kept = workdir / "checkpoints"
        done = {label: part for label in chunks if (part := _read_part(kept, label)) is not None}
        if len(done) < len(chunks):
            missing = {label: chunk for label, chunk in chunks.items() if label not in done}
            frames = partial(_frames, name, cohort=cohort, splits=splits, head=problem.head)
            done |= _train_chunks(problem, missing, size, plan, frames, kept, hooks)
        parts += [done[label] for label in chunks]
    return Trained(*(pd.concat(frames, ignore_index=True) for frames in zip(*parts, strict=True)))


def chunks_at_once(way: parallel.Parallel) -> int:
    """Returns how many chunks train side by side: over several devices one, whose collectives wait for no other's."""
    return CHUNKS_AT_ONCE_ON_CPU if way == "jit" and jax.default_backend() == "cpu" else 1


def chunk_size(runs: int, way: parallel.Parallel) -> int:
    """Returns how many of `runs` one program takes: all on an accelerator, on a CPU as keeps every thread busy."""
    if jax.default_backend() != "cpu":
        return runs
    rounds = math.ceil(runs / (LARGEST_CHUNK_ON_CPU * chunks_at_once(way)))
    return math.ceil(runs / (rounds * chunks_at_once(way)))


def _train_chunks(
    problem: Problem,
    chunks: Mapping[str, list[RunSpec]],
    size: int,
    plan: Plan,
    frames: Callable[[list[RunSpec], ChunkResult], Trained],
    folder: Path,
    hooks: Hooks,
) -> dict[str, Trained]:
    """Trains the chunks of one program, several at once where that pays, and keeps each in `folder` when it is done."""
    way = parallel.choose(plan.parallel)
    schedule = Schedule(plan.epochs, plan.batch_size, plan.patience, plan.clip, plan.warmup)
    program = Program(problem, schedule, way, size)

    failures: list[Exception] = []

    def stop() -> int:
        # A chunk stops when the one beside it fails, its state saved, lest the failure be told hours later.
        return hooks.stop() or len(failures)

    def train(label: str) -> Trained:
        try:
            if number := parallel.agreed(stop()):
                raise loop.StoppedError(number)
            own = hooks._replace(stop=stop)
            result = loop.train_chunk(program, chunks[label], folder / label, plan.checkpoint_every, own)
            part = frames(chunks[label], result)
            _write_part(folder, label, part)
        except Exception as error:
            failures.append(error)
            raise
        return part

    with ThreadPoolExecutor(chunks_at_once(way)) as pool:
        try:
            return dict(zip(chunks, pool.map(train, chunks), strict=True))
        except Exception:
            raise failures[0] from None


def pose(
    spec: Mapping[str, Any],
    cohort: Cohort,
    splits: Splits,
    *,
    grid: Mapping[str, Any],
    plan: Plan,
    preparation: Preparation,
    horizons: tuple[float, ...],
    seed: int,
) -> list[Problem]:
    """Fits what `train_model` is to train, one problem for each architecture of `grid`; trains nothing.

    Raises:
        UserError: the spec, the grid or the plan does not fit the families or the cohort.
    """
    parallel.choose(plan.parallel)
    return [
        _problem(keywords, cohort, splits, plan, preparation, horizons, seed)
        for keywords, _ in by_architecture(spec, grid)
    ]


def by_architecture(
    spec: Mapping[str, Any], grid: Mapping[str, Any]
) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Groups the settings of `grid` by the architecture that they ask for."""
    for key in _ON_THE_AXIS:
        if key not in grid:
            raise UserError(f"config.grid: {key} is missing; give it at least one value")
    groups: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}
    for setting in expand(grid):
        own = {k: v for k, v in setting.items() if k not in _ON_THE_AXIS}
        groups.setdefault(repr(own), ({**spec, **own}, []))[1].append(setting)
    return list(groups.values())


def _problem(
    spec: Mapping[str, Any],
    cohort: Cohort,
    splits: Splits,
    plan: Plan,
    preparation: Preparation,
    horizons: tuple[float, ...],
    seed: int,
) -> Problem:
    family, kind, keywords = split_spec(spec)
    sources = sources_of(spec, cohort, "config.models")
    fused = family == models.FUSION
    if fused and set(sources) != set(keywords.get("encoders", {})):
        raise UserError(f"config.models: fusion.encoders must name its inputs, {', '.join(sources)}, and no other")
    if (fused or kind != "classify") and plan.mixup:
        raise UserError("config.train.mixup: it blends the rows and classes of one input; set it to 0")
    if fused and plan.augment:
        raise UserError("config.train.augment: a fusion takes none; leave it out")
    if not fused and len(sources) > 1:
        raise UserError(f"config.models: {family} takes one input, not {', '.join(sources)}; use the family fusion")
    bins = {"bins": keywords.pop("bins")} if kind == "hazard" and "bins" in keywords else {}
    head = heads.build_head(kind, cohort.task, splits.train, class_weight=plan.class_weight, horizons=horizons, **bins)
    return Problem(
        model=models.build(family, head.outputs, bias=kind != "cox", precision=plan.precision, **keywords),
        head=head,
        inputs=build_inputs(cohort, sources, splits, preparation, fused=fused),
        augment=build_augment(plan.augment, cohort.modalities[sources[0]].kind) if plan.augment else None,
        mixup=plan.mixup,
        train=splits.train,
        validation=splits.validation,
        seed=seed,
    )


def _frames(
    name: str,
    specs: list[RunSpec],
    result: ChunkResult,
    *,
    cohort: Cohort,
    splits: Splits,
    head: heads.Head,
) -> Trained:
    tables, lines = [], []
    for r, spec in enumerate(specs):
        fold, inner = int(splits.fold[spec.split]), int(splits.inner[spec.split])
        keys: dict[str, Any] = {"model": name, "setting": spec.name, "fold": fold, "inner": inner, "seed": spec.seed}
        if result.failed_step[r] < 0:
            columns = head.columns(result.outputs[r], spec.split)
            for part, of_split in (("validation", splits.validation), ("test", splits.test)):
                rows = np.flatnonzero(of_split[spec.split])
                tables.append(predictions_table(cohort, columns, rows, part, **keys))
        for epoch, metrics in enumerate(result.history, start=1):
            if metrics["active"][r]:
                logged = {k: float(v[r]) for k, v in metrics.items() if k != "active"}
                lines.append({**keys, "epoch": epoch, **logged, "failed_step": int(result.failed_step[r])})
    return Trained(pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(), pd.DataFrame(lines))


def _write_part(folder: Path, label: str, part: Trained) -> None:
    if jax.process_index() != 0:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for kind, frame in zip(Trained._fields, part, strict=True):
        partial = folder / f"{label}.{kind}.partial"
        frame.to_parquet(partial, index=False)
        partial.replace(folder / f"{label}.{kind}.parquet")


def _read_part(folder: Path, label: str) -> Trained | None:
    # The history is written last, so where it stands the part is whole.
    paths = [folder / f"{label}.{kind}.parquet" for kind in Trained._fields]
    return Trained(*map(pd.read_parquet, paths)) if paths[-1].exists() else None
