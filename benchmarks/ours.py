"""A benchmark's case as a study trains it, by `pmjax.train.many.Program`, and as a user asks the trained model."""

from functools import cached_property
from typing import Any

import jax
import numpy as np

from benchmarks.cases import CLIP, EPOCHS, WARMUP, WEIGHT_DECAY, Case, Data
from pmjax import models
from pmjax.cohort import Classify, Cohort, Modality, Source
from pmjax.prepare import transforms
from pmjax.prepare.preparation import Preparation
from pmjax.prepare.splits import Splits
from pmjax.train.heads import build_head
from pmjax.train.inputs import build_inputs
from pmjax.train.many import Problem, Program, RunSpec, Schedule
from pmjax.train.optim import Setting
from pmjax.train.step import Table

_NEVER = 1 << 20
"""Epochs without a better validation loss: no run stops by itself while it is timed."""


class Ours:
    """One run of a case."""

    def __init__(self, case: Case, data: Data) -> None:
        rows = np.arange(case.rows)
        train, test = rows < case.train, rows >= case.rows - case.held_out
        splits = Splits(train[None], ~(train | test)[None], test[None], np.zeros(1, int), np.zeros(1, int), "rows")
        self.cohort = _cohort(case, data)
        head = build_head("classify", self.cohort.task, splits.train)
        self.program = Program(
            Problem(
                model=models.build(case.family, head.outputs, **case.keywords),
                head=head,
                inputs=build_inputs(self.cohort, ("x",), splits, Preparation(), fused=False),
                augment=None,
                mixup=0.0,
                train=splits.train,
                validation=splits.validation,
                seed=0,
            ),
            Schedule(EPOCHS, case.batch, _NEVER, CLIP, WARMUP),
            "jit",
            1,
        )
        self.specs = [RunSpec(0, 0, Setting(case.learning_rate, WEIGHT_DECAY), case.name)]
        self.runs = self.program.runs(self.specs)
        self.validation = self.program.validation_table(self.specs)
        # One row to validate, where only the training is timed.
        self.hardly = jax.tree.map(lambda x: x[:, :1, :1], self.validation)
        self.restart()

    def restart(self) -> None:
        """Goes back to the initial weights."""
        self.state = self.program.init(self.runs)

    def table(self, epoch: int) -> Table:
        """The batches of an epoch."""
        return self.program.train_table(self.specs, epoch)

    def train(self, table: Table) -> float:
        """Moves one epoch over `table`; returns its mean loss, when it is done."""
        return self._epoch(table, self.hardly)["loss"]

    def train_and_validate(self, table: Table) -> float:
        """Moves one epoch over `table`; returns the validation loss after it."""
        return self._epoch(table, self.validation)["validation_loss"]

    def losses(self, table: Table) -> np.ndarray:
        """The loss of each step on its own, (steps,)."""
        steps = range(table.rows.shape[1])
        return np.array([self.train(jax.tree.map(lambda x, s=s: x[:, s : s + 1], table)) for s in steps])

    def _epoch(self, table: Table, validation: Table) -> dict[str, float]:
        self.state, metrics = self.program.epoch(self.state, table, validation, self.runs, self.program.data)
        return {name: float(value[0]) for name, value in self.program.place.fetch(metrics).items()}

    @property
    def params(self) -> Any:
        """Parameters of the run."""
        return jax.tree.map(lambda x: x[0], self.state.params)

    @cached_property
    def prepared(self) -> np.ndarray:
        """All rows as the network sees them, (N, …) float32."""
        fitted = {name: value[0] for name, value in self.program.problem.inputs.fitted["x"].items()}
        return np.asarray(transforms.apply(fitted, self.cohort.modalities["x"].values))

    def predicted(self) -> np.ndarray:
        """The class of every row by the best epoch's parameters, (N,)."""
        return self.program.outputs(self.state.best_params, self.runs)[0].argmax(axis=-1)


class Inference:
    """A trained model that answers: rows on the device in, a NumPy array out."""

    def __init__(self, ours: Ours) -> None:
        self._params = ours.params
        self._apply = jax.jit(ours.program.problem.model.apply)

    def __call__(self, values: jax.Array) -> np.ndarray:
        """Outputs of rows (B, …), (B, K)."""
        return np.asarray(self._apply(self._params, values))


def _cohort(case: Case, data: Data) -> Cohort:
    features = tuple(f"f{i}" for i in range(case.shape[-1]))
    task = Classify("class", data.labels, tuple(f"c{i}" for i in range(case.classes)))
    modality = Modality(case.kind, data.values, features)
    return Cohort(case.name, np.arange(case.rows).astype(str), {"x": modality}, task, Source("", "", ""))
