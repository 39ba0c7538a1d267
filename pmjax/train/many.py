"""Many runs at once: folds × seeds × settings of one architecture as one compiled program over a runs axis."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array

from pmjax.models import Predictor
from pmjax.prepare import batches
from pmjax.prepare.augment import Augment
from pmjax.train import optim, parallel, state
from pmjax.train.heads import Head
from pmjax.train.inputs import Input, Inputs, as_float32, prepare, take
from pmjax.train.optim import Setting
from pmjax.train.step import Data, Recipe, Run, Table, make_epoch, make_forward
from pmjax.types import HostArray

_NUMBERS_AT_ONCE = 1 << 23
"""Inputs of all runs in one block without a gradient: 32 MiB, and some fifty times that inside a convolution."""


@dataclass(frozen=True)
class Problem:
    """What all runs of one architecture share.

    Attributes:
        model: encoder and head.
        head: what its outputs mean.
        inputs: raw, of N rows, and what prepares them.
        augment, mixup: what changes training batches; see `step.Recipe`.
        train, validation: (S, N) bool.
        seed: of the study.
    """

    model: Predictor
    head: Head
    inputs: Inputs
    augment: Augment | None
    mixup: float
    train: HostArray
    validation: HostArray
    seed: int


@dataclass(frozen=True)
class Schedule:
    """How long and how hard a run trains."""

    epochs: int
    batch_size: int
    patience: int
    clip: float
    warmup: float


class RunSpec(NamedTuple):
    """One run: which split, which seed, which learning rate and weight decay, and the name of its setting."""

    split: int
    seed: int
    setting: Setting
    name: str


class Program:
    """The compiled functions for chunks of `size` runs, and the placement of their arguments."""

    def __init__(self, problem: Problem, schedule: Schedule, way: parallel.Parallel, size: int) -> None:
        self.problem, self.schedule = problem, schedule
        self.size = parallel.padded(size, parallel.run_multiple(way, size))
        self.place = parallel.Placement(way, self.size)
        multiple = parallel.batch_multiple(way, self.size)
        self.train_shape = batches.table_shape(problem.train.sum(axis=1), schedule.batch_size, multiple)
        # Larger batches where there is no gradient; bounded, since a Cox loss takes B² pairs of rows, and since
        # convolutions hold many numbers for each of an input.
        self.block = int(np.clip(_NUMBERS_AT_ONCE // (problem.inputs.size * self.size), 32, 1024))
        self.validation_shape = batches.table_shape(problem.validation.sum(axis=1), self.block, multiple)
        self._recipe = self._make_recipe()
        # Measured on 2 cores: images 1.5 × faster one run after the other, all else as fast or faster side by side.
        images = any(i.values.ndim == 4 for i in problem.inputs.arrays.values())
        self.epoch = self.place.compile_epoch(partial(make_epoch, self._recipe), alone=images or self.size == 1)
        self._init = self.place.compile(jax.vmap(self._init_one, (0, None)), once=True)
        self._outputs = self.place.compile_outputs(make_forward(self._recipe))
        self.data = self.place.everywhere(Data(as_float32(problem.inputs.arrays), problem.head.target))

    def _make_recipe(self) -> Recipe:
        schedule, steps = self.schedule, self.schedule.epochs * self.train_shape[0]
        return Recipe(
            apply=self.problem.model.apply,
            prepare=partial(prepare, self.problem.inputs.fused),
            augment=self.problem.augment,
            mixup=self.problem.mixup,
            loss=self.problem.head.loss,
            optimizer=partial(optim.build_optimizer, steps=steps, warmup=schedule.warmup, clip=schedule.clip),
            learning_rate=lambda setting, step: optim.schedule(setting.learning_rate, steps, schedule.warmup)(step),
            patience=schedule.patience,
        )

    def _init_one(self, run: Run, first: Mapping[str, Input]) -> state.State:
        params = self.problem.model.init(run.key, *self._recipe.prepare(run.transform, first))
        return state.create(params, self._recipe.optimizer(run.setting))

    def pad(self, specs: list[RunSpec]) -> list[RunSpec]:
        """Fills a short chunk by repeating its last run, so that every chunk has the compiled shape."""
        return specs + [specs[-1]] * (self.size - len(specs))

    def runs(self, specs: list[RunSpec]) -> Run:
        """Stacks what makes each run itself; its key depends on study seed, run seed and split alone."""
        split, seed = np.array([s.split for s in specs]), np.array([s.seed for s in specs])
        run = Run(
            key=_keys(jax.random.key(self.problem.seed), seed, split),
            setting=Setting(*(np.array(x, np.float32) for x in zip(*(s.setting for s in specs), strict=True))),
            transform=jax.tree.map(lambda v: v[split], dict(self.problem.inputs.fitted)),
            head={k: v[split] for k, v in self.problem.head.fitted.items()},
        )
        return self.place.runs(run)

    def init(self, runs: Run) -> state.State:
        """Initial state of the runs."""
        return self._init(runs, as_float32(take(self.problem.inputs.arrays, slice(0, 1))))

    def train_table(self, specs: list[RunSpec], epoch: int) -> Table:
        """Every training row of each run once, in an order of that run and epoch."""
        tables = []
        for spec in specs:
            rows = np.flatnonzero(self.problem.train[spec.split])
            order = batches.shuffled(rows, self.problem.seed, spec.seed, spec.split, epoch)
            tables.append(batches.index_table(order, *self.train_shape))
        return self.place.tables(Table(*batches.stack_tables(tables)))

    def validation_table(self, specs: list[RunSpec]) -> Table:
        """Every validation row of each run once."""
        rows = [np.flatnonzero(self.problem.validation[spec.split]) for spec in specs]
        return self.place.tables(
            Table(*batches.stack_tables([batches.index_table(r, *self.validation_shape) for r in rows]))
        )

    def outputs(self, params: Any, runs: Run) -> HostArray:
        """Outputs of the network for all rows of the cohort, (R, N, K), block by block of one compiled shape."""
        n = len(self.problem.inputs)
        block = min(self.block, n)
        parts = []
        for low in range(0, n, block):
            rows = np.minimum(np.arange(low, low + block), n - 1)
            parts.append(self.place.fetch(self._outputs(params, runs, self.data, rows)))
        return np.concatenate(parts, axis=1)[:, :n]


@jax.jit
def _keys(base: Array, seed: Array, split: Array) -> Array:
    """Key data (R, 2) of runs; a key each by hand took a millisecond."""
    return jax.vmap(lambda a, b: jax.random.key_data(jax.random.fold_in(jax.random.fold_in(base, a), b)))(seed, split)
