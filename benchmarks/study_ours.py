"""The runs of a study by pmjax: `python -m benchmarks.study_ours STUDY WAY COUNT FOLDER`, one process a measurement.

Leaves WAY-COUNT.npz and WAY-COUNT.json in FOLDER. Compiled programs are kept in PMJAX_CACHE, as an entry point does.
"""

import argparse
import itertools
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import scipy.special

from benchmarks import measure
from pmjax import cache, data
from pmjax.cohort import Classify, Cohort, Modality, Source
from pmjax.prepare import batches, transforms
from pmjax.prepare.preparation import Preparation
from pmjax.prepare.splits import make_splits
from pmjax.train import Hooks, Plan, pose, train_model
from pmjax.train.many import Program, RunSpec, Schedule
from pmjax.train.model import chunk_size, chunks_at_once, split_spec
from pmjax.train.optim import Setting
from pmjax.train.parallel import Parallel

WAY: Parallel = "jit"
FOLDS, DECAY, CLIP, WARMUP, BATCH, NEVER = 5, 1e-2, 1.0, 0.1, 32, 10**6
RATES = (1e-3, 3e-3, 1e-2, 3e-4)
GRIDS = {5: (1, 1), 25: (5, 1), 100: (5, 4), 400: (20, 4), 1000: (50, 4)}
"""Runs → seeds, and learning rates, of each of the five folds."""

WAYS = ("study", "program", "nudged", "loop", "turns", "hand_over")


@dataclass(frozen=True)
class Study:
    """A cohort, a network, and how long each run trains.

    Attributes:
        cohort: makes it.
        model: as `config.models` has it.
        counts: of runs; `peers` are run by PyTorch, and `loops`, one of the counts, by one program a run too.
    """

    name: str
    cohort: Callable[[], Cohort]
    model: Mapping[str, Any]
    epochs: int
    counts: Sequence[int]
    peers: int
    loops: int

    def plan(self, seeds: int) -> Plan:
        """As the shipped configs have it, but that no run stops early: all do the same steps."""
        return Plan(
            seeds=seeds,
            epochs=self.epochs,
            batch_size=BATCH,
            patience=NEVER,
            clip=CLIP,
            warmup=WARMUP,
            class_weight=False,
            precision="float32",
            parallel=WAY,
            chunk=0,
            checkpoint_every=20,
        )


def dna() -> Cohort:
    """1,000 sequences of 60 bases, half of them with a motif of eight at a random place; a twentieth lies."""
    rng = np.random.default_rng(0)
    letters, label = rng.integers(4, size=(1000, 60)), np.arange(1000) % 2
    motif, starts = rng.integers(4, size=8), rng.integers(60 - 8, size=500)
    letters[np.flatnonzero(label)[:, None], starts[:, None] + np.arange(8)] = motif
    wrong = rng.random(1000) < 0.05
    task = Classify("motif", np.where(wrong, 1 - label, label), ("no", "yes"))
    sequence = Modality("sequence", np.eye(4, dtype=np.uint8)[letters], tuple("ACGT"))
    return Cohort("dna", np.arange(1000).astype(str), {"sequence": sequence}, task, Source("drawn", "", ""))


_MLP = {"family": "dnn", "input": "table", "head": "classify", "hidden": (64, 64)}
_CNN = {"family": "cnn", "input": "sequence", "head": "classify", "features": (32,), "kernel_size": 9, "pool": 4}
STUDIES = {
    "mlp": Study("mlp", lambda: data.load("wisconsin"), _MLP, 25, (5, 100, 400, 1000), 25, 100),
    "cnn": Study("cnn", dna, _CNN, 10, (5, 25, 100), 25, 25),
}

Found = dict[str, np.ndarray]
"""What runs came to: `run` (R,) names, `loss` (R, epochs) of validation, `probability` (R, N) of the positive class by
the best epoch, NaN in rows that were not asked for."""


class Ours:
    """`count` runs of a study."""

    def __init__(self, study: Study, count: int) -> None:
        seeds, rates = GRIDS[count]
        self.study, self.plan = study, study.plan(seeds)
        self.cohort = study.cohort()
        self.splits = make_splits(self.cohort, folds=FOLDS, seed=0)
        self.grid = {"learning_rate": RATES[:rates], "weight_decay": (DECAY,)}
        self.specs = [
            RunSpec(split, seed, Setting(rate, DECAY), f"learning_rate={rate:g} weight_decay={DECAY:g}")
            for rate, split, seed in itertools.product(RATES[:rates], range(FOLDS), range(seeds))
        ]
        shared: dict[str, Any] = {"preparation": Preparation(), "horizons": (), "seed": 0}
        self.problems = pose(study.model, self.cohort, self.splits, grid=self.grid, plan=self.plan, **shared)

    def names(self) -> list[str]:
        """Each run's name, in the order in which a study trains them."""
        return [_name(spec.name, self.splits.fold[spec.split], spec.seed) for spec in self.specs]

    def program(self, size: int | None = None) -> Program:
        """A program of `size` runs, by default as many as a study's holds."""
        plan = self.plan
        schedule = Schedule(plan.epochs, plan.batch_size, plan.patience, plan.clip, plan.warmup)
        return Program(self.problems[0], schedule, WAY, size or chunk_size(len(self.specs), WAY))

    def by_study(self) -> Found:
        """As a study does it, to Predictions and history, with checkpoints and its own chunks."""
        hooks = Hooks(lambda: 0, lambda *_: None)
        with tempfile.TemporaryDirectory() as folder:
            trained = train_model(
                self.study.name,
                self.study.model,
                self.cohort,
                self.splits,
                grid=self.grid,
                plan=self.plan,
                problems=self.problems,
                workdir=Path(folder),
                hooks=hooks,
            )
        return self._found(trained.predictions, trained.history)

    def _found(self, predictions: Any, history: Any) -> Found:
        """Lays out the tables of `train_model` run by run."""
        number = {name: r for r, name in enumerate(self.names())}
        loss = np.full((len(number), self.plan.epochs), np.nan)
        probability = np.full((len(number), len(self.cohort)), np.nan)
        keys = ["setting", "fold", "seed"]
        for key, lines in history.groupby(keys):
            loss[number[_name(*key)], lines["epoch"] - 1] = lines["validation_loss"]
        for key, rows in predictions[predictions["part"] == "test"].groupby(keys):
            probability[number[_name(*key)], rows["row"]] = rows["probability_1"]
        return {"run": np.array(self.names()), "loss": loss, "probability": probability}

    def by_program(self, program: Program, *, nudged: bool = False) -> Found:
        """Through one program, and nothing else: no checkpoint, no table, no log.

        Chunks of several runs go side by side as those of a study do, single runs one after the other. `nudged` runs
        start from parameters one unit in the last place larger, which shows what training makes of rounding.
        """
        lows = range(0, len(self.specs), program.size)
        with ThreadPoolExecutor(1 if program.size == 1 else chunks_at_once(WAY)) as pool:
            parts = list(pool.map(lambda i: self._chunk(program, self.specs[i : i + program.size], nudged), lows))
        loss, outputs = (np.concatenate(p) for p in zip(*parts, strict=True))
        probability = scipy.special.softmax(outputs.astype(np.float64), axis=-1)[..., 1]
        return {"run": np.array(self.names()), "loss": loss, "probability": probability}

    def _chunk(self, program: Program, specs: list[RunSpec], nudged: bool) -> tuple[np.ndarray, np.ndarray]:
        count, specs = len(specs), program.pad(specs)
        runs, validation = program.runs(specs), program.validation_table(specs)
        state, losses = program.init(runs), []
        if nudged:
            state = state._replace(params=jax.tree.map(lambda x: np.nextafter(x, np.float32(np.inf)), state.params))
        for epoch in range(self.plan.epochs):
            state, metrics = program.epoch(state, program.train_table(specs, epoch), validation, runs, program.data)
            losses.append(metrics["validation_loss"])
        loss = np.stack(program.place.fetch(losses), axis=1)
        return loss[:count], program.outputs(state.best_params, runs)[:count]

    def hand_over(self, folder: Path) -> None:
        """Writes all that PyTorch needs to train the same runs: rows as prepared, initial weights, order of rows."""
        problem, program = self.problems[0], self.program()
        family, _, keywords = split_spec(self.study.model)
        (source, arrays), *_ = problem.inputs.arrays.items()
        fitted = [{k: v[s] for k, v in problem.inputs.fitted[source].items()} for s in range(FOLDS)]
        values = [np.asarray(transforms.apply(own, arrays.values), np.float32) for own in fitted]
        params = [
            jax.tree.map(lambda x, r=r: np.asarray(x[r]), chunk)
            for i in range(0, len(self.specs), program.size)
            for chunk in [program.init(program.runs(program.pad(self.specs[i : i + program.size]))).params]
            for r in range(min(program.size, len(self.specs) - i))
        ]
        settings = {
            "family": family,
            "keywords": keywords,
            "outputs": problem.head.outputs,
            "steps": program.train_shape[0],
            "warmup": WARMUP,
            "clip": CLIP,
            "runs": [
                {"name": name, "split": spec.split, "rate": spec.setting.learning_rate, "decay": DECAY}
                for name, spec in zip(self.names(), self.specs, strict=True)
            ],
        }
        handed = folder / "handed"
        handed.mkdir()
        (handed / "study.json").write_text(json.dumps(settings))
        runs = {str(r): self._run(spec, own) for r, (spec, own) in enumerate(zip(self.specs, params, strict=True))}
        tree = {"values": dict(enumerate(values)), "labels": problem.head.target["label"], "arrays": runs}
        leaves, _ = jax.tree.flatten_with_path(tree)
        names = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in leaves]
        np.savez(handed / "arrays.npz", **dict(zip(names, (leaf for _, leaf in leaves), strict=True)))

    def _run(self, spec: RunSpec, params: Any) -> dict[str, Any]:
        problem = self.problems[0]
        rows = np.flatnonzero(problem.train[spec.split])
        orders = [batches.shuffled(rows, problem.seed, spec.seed, spec.split, e) for e in range(self.plan.epochs)]
        validation = np.flatnonzero(problem.validation[spec.split])
        return {"params": params, "train": np.stack(orders), "validation": validation}


def _name(setting: str, fold: int, seed: int) -> str:
    return f"{setting} fold {fold} seed {seed}"


def measured(ours: Ours, way: str) -> tuple[dict[str, Any], Found]:
    """Goes a way with its compilation, and, but for a study, which would make its programs anew, again."""
    if way == "study":
        found: list[Found] = []
        first, foreign = measure.once(lambda: found.append(ours.by_study()))
        return {"first": first, "foreign": foreign}, found[0]
    made: list[Any] = []

    def go() -> None:
        if not made:
            made.append(ours.program(1 if way == "loop" else None))
        made.append(ours.by_program(made[0], nudged=way == "nudged"))

    first, foreign = measure.once(go)
    again, foreign_again = measure.once(go)
    return {"first": first, "again": again, "foreign": max(foreign, foreign_again)}, made[1]


def in_turns(ours: Ours, rounds: int) -> dict[str, Any]:
    """The program against itself with one run, warm, in turns."""
    programs = {"program": ours.program(), "loop": ours.program(1)}
    times = measure.in_turns({k: lambda p=p: ours.by_program(p) for k, p in programs.items()}, rounds=rounds)
    return {
        "seconds": {name: times.median(name) for name in programs},
        "ratio": times.ratio("loop", "program"),
        "foreign": times.foreign,
        "disturbed": times.disturbed,
    }


def main() -> None:
    """Measures one way of one study."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("study", choices=STUDIES)
    flags.add_argument("way", choices=WAYS)
    flags.add_argument("count", type=int, choices=GRIDS)
    flags.add_argument("folder", type=Path)
    flags.add_argument("--rounds", type=int, default=3)
    asked = flags.parse_args()
    cache.enable_compilation_cache()
    ours = Ours(STUDIES[asked.study], asked.count)
    stem = asked.folder / f"{asked.way}-{asked.count}"
    record: dict[str, Any] = {}
    if asked.way == "hand_over":
        ours.hand_over(asked.folder)
    elif asked.way == "turns":
        record = in_turns(ours, asked.rounds)
    else:
        record, found = measured(ours, asked.way)
        np.savez(f"{stem}.npz", **found)
    record["peak"] = measure.high_water()
    Path(f"{stem}.json").write_text(json.dumps(record))


if __name__ == "__main__":
    main()
