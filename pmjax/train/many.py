"""Many runs at once: folds × seeds × settings of one architecture as one compiled program over a runs axis."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from pmjax.models import Predictor
from pmjax.prepare import batches, transforms
from pmjax.train import optim, parallel, state
from pmjax.train.heads import Head
from pmjax.train.optim import Setting
from pmjax.train.step import Data, Recipe, Run, Table, make_epoch, make_forward
from pmjax.types import HostArray


@dataclass(frozen=True)
class Problem:
    """What all runs of one architecture share.

    Attributes:
        model: encoder and head.
        head: what its outputs mean.
        values, mask: raw inputs, (N, …) and (N, T) or None.
        fitted: of the transform, (S, …), fitted on the training rows of each split.
        indicators: columns whose gaps the network is told of; see `transforms.apply`.
        train, validation: (S, N) bool.
        seed: of the study.
    """

    model: Predictor
    head: Head
    values: HostArray
    mask: HostArray | None
    fitted: Mapping[str, HostArray]
    indicators: tuple[int, ...]
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
        # Larger batches where there is no gradient; bounded, since a Cox loss takes B² pairs of rows.
        self.validation_shape = batches.table_shape(problem.validation.sum(axis=1), 1024, multiple)
        self._recipe = self._make_recipe()
        forward = make_forward(self._recipe)
        self.epoch = self.place.compile_epoch(partial(make_epoch, self._recipe))
        self._init = self.place.compile(jax.vmap(self._init_one, (0, None, None)))
        self._outputs = self.place.compile(jax.vmap(forward, (0, 0, None, None)))
        self.data = self.place.everywhere(Data(problem.values.astype(np.float32), problem.mask, problem.head.target))

    def _make_recipe(self) -> Recipe:
        schedule, steps = self.schedule, self.schedule.epochs * self.train_shape[0]
        return Recipe(
            apply=self.problem.model.apply,
            transform=self._transform,
            loss=self.problem.head.loss,
            optimizer=partial(optim.build_optimizer, steps=steps, warmup=schedule.warmup, clip=schedule.clip),
            learning_rate=lambda setting, step: optim.schedule(setting.learning_rate, steps, schedule.warmup)(step),
            patience=schedule.patience,
        )

    def _transform(self, fitted: Mapping[str, Any], values: Any, mask: Any) -> Any:
        return transforms.apply(fitted, values, mask, indicators=self.problem.indicators)

    def _init_one(self, run: Run, values: Any, mask: Any) -> state.State:
        params = self.problem.model.init(run.key, self._transform(run.transform, values, mask), mask)
        return state.create(params, self._recipe.optimizer(run.setting))

    def pad(self, specs: list[RunSpec]) -> list[RunSpec]:
        """Fills a short chunk by repeating its last run, so that every chunk has the compiled shape."""
        return specs + [specs[-1]] * (self.size - len(specs))

    def runs(self, specs: list[RunSpec]) -> Run:
        """Stacks what makes each run itself; its key depends on study seed, run seed and split alone."""
        split = np.array([s.split for s in specs])
        base = jax.random.key(self.problem.seed)
        keys = [jax.random.fold_in(jax.random.fold_in(base, s.seed), s.split) for s in specs]
        run = Run(
            key=jax.random.key_data(jnp.stack(keys)),
            setting=Setting(*(np.array(x, np.float32) for x in zip(*(s.setting for s in specs), strict=True))),
            transform={k: v[split] for k, v in self.problem.fitted.items()},
            head={k: v[split] for k, v in self.problem.head.fitted.items()},
        )
        return self.place.runs(run)

    def init(self, runs: Run) -> state.State:
        """Initial state of the runs."""
        mask = None if self.problem.mask is None else self.problem.mask[:1]
        return self._init(runs, self.problem.values[:1].astype(np.float32), mask)

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

    def outputs(self, params: Any, runs: Run, block: int = 1024) -> HostArray:
        """Outputs of the network for all rows of the cohort, (R, N, K), block by block of one compiled shape."""
        n = len(self.problem.values)
        block = min(block, n)
        parts = []
        for low in range(0, n, block):
            rows = np.minimum(np.arange(low, low + block), n - 1)
            parts.append(self.place.fetch(self._outputs(params, runs, self.data, rows)))
        return np.concatenate(parts, axis=1)[:, :n]
