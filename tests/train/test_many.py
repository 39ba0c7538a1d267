"""Many runs equal a plain loop, jit equals pmap equals sharded, resumed equals uninterrupted."""

import dataclasses
import itertools
import math
import threading

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.cohort import Classify, Cohort, Modality, Source, Survive
from pmjax.errors import UserError
from pmjax.models import FAMILIES
from pmjax.prepare import batches, transforms
from pmjax.prepare.preparation import Preparation
from pmjax.prepare.splits import make_splits
from pmjax.train import Hooks, Plan, StoppedError, losses, model
from pmjax.train.heads import build_head
from pmjax.train.loop import train_chunk
from pmjax.train.many import Program, RunSpec, Schedule
from pmjax.train.model import CHUNKS_AT_ONCE_ON_CPU, LARGEST_CHUNK_ON_CPU, chunk_size
from pmjax.train.optim import Setting, build_optimizer

SPECS = {"cnn": {"features": (4,), "hidden": 8}, "rnn": {"hidden": 8}, "dnn": {"hidden": (8,)}}
SPECS["hybrid"] = SPECS["cnn"]
HEADS = ("classify", "cox", "hazard")
SILENT = Hooks(lambda: False, lambda *_: None)
SCHEDULE = Schedule(epochs=3, batch_size=16, patience=9, clip=1.0, warmup=0.1)


def small_cohort(head, n=48):
    rng = np.random.default_rng(0)
    values = rng.normal(5, 3, size=(n, 4, 3))
    values[rng.random(values.shape) < 0.05] = np.nan
    mask = np.arange(4) < rng.integers(1, 5, n)[:, None]
    task = Classify("t", np.arange(n) % 2, ("no", "yes"))
    if head != "classify":
        task = Survive("t", rng.integers(1, 30, n), rng.random(n) < 0.7)
    modality = Modality("series", values, ("a", "b", "c"), mask)
    return Cohort("small", np.arange(n).astype(str), {"series": modality}, task, Source("", "", ""))


def make_problem(family, head, cohort=None):
    cohort = cohort or small_cohort(head)
    splits = make_splits(cohort, folds=3, seed=0)
    plan = Plan(1, 3, 16, 9, 1.0, 0.1, False, "float32", "jit", 0, 9)
    spec = {"family": family, "input": "series", "head": head, **SPECS[family]}
    return model._problem(spec, cohort, splits, plan, Preparation(), (), 0)


def run_specs():
    rates = (1e-3, 1e-2)
    settings = [Setting(rate, 1e-2) for rate in rates]
    return [
        RunSpec(*parts, f"learning_rate={parts[2].learning_rate}")
        for parts in itertools.product(range(3), (0, 1), settings)
    ]


def train(problem, specs, folder, way="jit", hooks=SILENT, every=99, schedule=SCHEDULE):
    return train_chunk(Program(problem, schedule, way, len(specs)), specs, folder, every, hooks)


def plain_loop(problem, spec):
    """One run as anybody would write it: no runs axis, no scan, no index tables of many runs."""
    rows = np.flatnonzero(problem.train[spec.split])
    steps, _width = batches.table_shape(problem.train.sum(axis=1), SCHEDULE.batch_size)
    inputs = problem.inputs.arrays["series"]
    fitted = {k: v[spec.split] for k, v in problem.inputs.fitted["series"].items()}
    of_head = {k: jnp.asarray(v[spec.split]) for k, v in problem.head.fitted.items()}
    values, mask = jnp.asarray(transforms.apply(fitted, inputs.values, inputs.mask)), jnp.asarray(inputs.mask)
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(0), spec.seed), spec.split)
    params = problem.model.init(key, values[:1], mask[:1])
    optimizer = build_optimizer(spec.setting, steps=steps * SCHEDULE.epochs, warmup=SCHEDULE.warmup, clip=SCHEDULE.clip)
    opt_state, best = optimizer.init(params), (np.inf, params)

    def loss(params, rows):
        target = {k: jnp.asarray(v[rows]) for k, v in problem.head.target.items()}
        outputs = problem.model.apply(params, values[rows], mask[rows])
        return losses.mean(problem.head.loss(outputs, target, jnp.ones(len(rows)), of_head))

    for epoch in range(SCHEDULE.epochs):
        for batch in np.array_split(batches.shuffled(rows, 0, spec.seed, spec.split, epoch), steps):
            updates, opt_state = optimizer.update(jax.grad(loss)(params, batch), opt_state, params)
            params = optax.apply_updates(params, updates)
        validation = loss(params, np.flatnonzero(problem.validation[spec.split]))
        best = min(best, (validation, params), key=lambda pair: pair[0])
    return problem.model.apply(best[1], values, mask)


@pytest.mark.parametrize(("family", "head"), [("dnn", "classify"), ("rnn", "cox"), ("cnn", "hazard")])
def test_many_runs_are_a_plain_loop(family, head, tmp_path):
    problem, specs = make_problem(family, head), run_specs()
    many = train(problem, specs, tmp_path / "many")
    for r in (0, 11):
        ours, expected = many.outputs[r], plain_loop(problem, specs[r])
        if head == "cox":
            ours, expected = ours - ours.mean(), expected - expected.mean()
        np.testing.assert_allclose(ours, expected, atol=2e-5)


def test_one_run_and_a_short_chunk_are_the_same_code(tmp_path):
    problem, specs = make_problem("hybrid", "classify"), run_specs()
    many = train(problem, specs, tmp_path / "many")
    one = train(problem, specs[5:6], tmp_path / "one")
    np.testing.assert_allclose(many.outputs[5], one.outputs[0], atol=1e-5)
    short = train_chunk(Program(problem, SCHEDULE, "jit", 12), specs[5:7], tmp_path / "short", 99, SILENT)
    np.testing.assert_allclose(many.outputs[5:7], short.outputs, atol=1e-5)


def test_runs_over_images_come_one_after_the_other_and_are_the_same(tmp_path):
    rng = np.random.default_rng(0)
    images = Modality("image", rng.normal(size=(48, 6, 6, 1)), ("grey",))
    cohort = dataclasses.replace(small_cohort("classify"), modalities={"series": images})
    problem, specs = make_problem("cnn", "classify", cohort), run_specs()
    program = Program(problem, SCHEDULE, "jit", 12)
    runs, validation = program.runs(specs), program.validation_table(specs)
    lowered = program.epoch.lower(program.init(runs), program.train_table(specs, 0), validation, runs, program.data)
    # A loop over runs around those over steps and over validation batches.
    assert lowered.as_text().count("stablehlo.while") == 3
    many = train_chunk(program, specs, tmp_path / "many", 99, SILENT)
    for r in (0, 11):
        one = train(problem, specs[r : r + 1], tmp_path / str(r))
        np.testing.assert_allclose(many.outputs[r], one.outputs[0], atol=1e-5)


def what_counts(result, head):
    """Outputs; of a Cox head less their mean over patients, since its loss does not see a shift of all risks."""
    return result.outputs - result.outputs.mean(axis=1, keepdims=True) if head == "cox" else result.outputs


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("family", FAMILIES)
def test_jit_is_pmap_is_sharded(family, head, tmp_path):
    """On 8 forced host devices: runs × data mesh 4 × 2 for 4 runs, and data alone under pmap."""
    assert jax.device_count() == 8
    problem, specs = make_problem(family, head), run_specs()[:4]
    jit, pmap, sharded = (train(problem, specs, tmp_path / way, way) for way in ("jit", "pmap", "sharded"))
    for other in (pmap, sharded):
        np.testing.assert_allclose(what_counts(jit, head), what_counts(other, head), atol=2e-5)
        for a, b in zip(jit.history, other.history, strict=True):
            for name in a:
                np.testing.assert_allclose(a[name], b[name], rtol=1e-4, atol=1e-5)


def test_one_run_over_eight_devices_shards_the_data(tmp_path):
    problem, specs = make_problem("dnn", "cox"), run_specs()[:1]
    jit, sharded = (train(problem, specs, tmp_path / way, way) for way in ("jit", "sharded"))
    np.testing.assert_allclose(what_counts(jit, "cox"), what_counts(sharded, "cox"), atol=2e-5)


def test_resumed_is_uninterrupted_bit_for_bit(tmp_path):
    problem, specs = make_problem("hybrid", "classify"), run_specs()
    whole = train(problem, specs, tmp_path / "whole")
    polls = itertools.count()
    with pytest.raises(StoppedError):
        train(problem, specs, tmp_path / "cut", hooks=SILENT._replace(stop=lambda: next(polls) == 1))
    resumed = train(problem, specs, tmp_path / "cut")
    np.testing.assert_array_equal(whole.outputs, resumed.outputs)
    assert len(whole.history) == len(resumed.history) == SCHEDULE.epochs
    for a, b in zip(whole.history, resumed.history, strict=True):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_a_run_that_stops_early_no_longer_moves(tmp_path):
    problem, specs = make_problem("dnn", "classify"), run_specs()
    patient = Schedule(epochs=30, batch_size=16, patience=2, clip=1.0, warmup=0.1)
    result = train(problem, specs, tmp_path, schedule=patient)
    active = np.stack([m["active"] for m in result.history])
    stopped = active.sum(axis=0)
    assert stopped.min() < stopped.max()
    for r, epochs in enumerate(stopped):
        validation = np.array([m["validation_loss"][r] for m in result.history[:epochs]])
        assert epochs == min(30, validation.argmin() + 1 + 2)
        rows = problem.validation[specs[r].split]
        of_head = {k: jnp.asarray(v[specs[r].split]) for k, v in problem.head.fitted.items()}
        target = {k: jnp.asarray(v[rows]) for k, v in problem.head.target.items()}
        loss = losses.mean(
            problem.head.loss(jnp.asarray(result.outputs[r][rows]), target, jnp.ones(int(rows.sum())), of_head)
        )
        np.testing.assert_allclose(loss, validation.min(), rtol=1e-4)


def test_a_run_that_fails_is_named_and_the_others_are_kept(tmp_path):
    problem, specs = make_problem("dnn", "classify"), run_specs()
    wild = [s._replace(setting=Setting(1e30, 1e-2)) if r == 3 else s for r, s in enumerate(specs)]
    result = train(problem, wild, tmp_path / "wild")
    calm = train(problem, specs, tmp_path / "calm")
    assert result.failed_step[3] >= 0
    others = np.arange(12) != 3
    assert (result.failed_step[others] == -1).all()
    np.testing.assert_array_equal(result.outputs[others], calm.outputs[others])


def test_breslow_survival_is_that_of_lifelines():
    """A Cox head's survival at horizons, for the risks of lifelines' own fit."""
    from lifelines import CoxPHFitter
    from lifelines.datasets import load_rossi

    frame = load_rossi()
    fit = CoxPHFitter().fit(frame, "week", "arrest")
    task = Survive("t", frame["week"].to_numpy(), frame["arrest"].to_numpy())
    x = frame.drop(columns=["week", "arrest"])
    risk = (x - x.mean()).to_numpy() @ fit.params_.to_numpy()
    head = build_head("cox", task, np.ones((1, len(frame)), bool), horizons=(10.0, 30.0))
    columns = head.columns(risk[:, None], 0)
    expected = fit.predict_survival_function(frame, times=[10.0, 30.0]).to_numpy()
    np.testing.assert_allclose(columns["survival_10"], expected[0], atol=2e-6)
    np.testing.assert_allclose(columns["survival_30"], expected[1], atol=2e-6)


def test_saturated_hazard_head_is_the_life_table():
    """With one logit a bin for all, the likelihood's optimum is events over rows at risk; survival their product."""
    rng = np.random.default_rng(0)
    time, event = rng.integers(1, 50, 400).astype(float), rng.random(400) < 0.6
    task = Survive("t", time, event)
    head = build_head("hazard", task, np.ones((1, 400), bool), bins=6, horizons=(20.0,))
    fitted, target = {k: jnp.asarray(v[0]) for k, v in head.fitted.items()}, head.target

    def loss(logits):
        return losses.mean(head.loss(jnp.tile(logits[None], (400, 1)), target, jnp.ones(400), fitted))

    logits = jnp.zeros(6)
    for _ in range(300):
        logits -= 5 * jax.grad(loss)(logits)
    edges = np.concatenate([[0], head.fitted["edges"][0]])
    bins = list(itertools.pairwise(edges))
    exposed = [sum((time > a) & ((time >= b) | (event & (time <= b)))) for a, b in bins]
    fails = [sum(event & (time > a) & (time <= b)) for a, b in bins]
    np.testing.assert_allclose(jax.nn.sigmoid(logits + fitted["table"]), np.divide(fails, exposed), atol=1e-3)
    columns = head.columns(np.tile(logits, (400, 1)), 0)
    assert ((columns["survival_20"] > 0) & (columns["survival_20"] < 1)).all()


@given(runs=st.integers(1, 5000))
def test_a_cpu_takes_the_fewest_rounds_of_chunks_side_by_side(runs):
    size = chunk_size(runs, "jit")
    assert size <= LARGEST_CHUNK_ON_CPU
    rounds = math.ceil(math.ceil(runs / size) / CHUNKS_AT_ONCE_ON_CPU)
    assert rounds == math.ceil(runs / (LARGEST_CHUNK_ON_CPU * CHUNKS_AT_ONCE_ON_CPU))


def test_a_chunk_stops_when_the_one_beside_it_fails(tmp_path):
    problem, specs, reached = make_problem("dnn", "classify"), run_specs()[:2], [0]
    plan = Plan(1, 5000, 16, 9999, 1.0, 0.1, False, "float32", "jit", 0, 9999)

    def log(runs, epoch, _):
        if runs == specs[1:]:
            raise UserError("the disk is full")
        reached[0] = epoch

    chunks = {"dnn-0-0": specs[:1], "dnn-0-1": specs[1:]}
    with pytest.raises(UserError, match="the disk is full"):
        model._train_chunks(problem, chunks, 1, plan, pytest.fail, tmp_path, Hooks(lambda: 0, log))
    assert reached[0] < 5000
    assert [path.name for path in (tmp_path / "dnn-0-0").iterdir()] == [str(reached[0])], "its state is saved"


def test_chunks_that_start_at_once_do_not_wait_for_each_other():
    """Two initialisations of an RNN at once took all of XLA's threads, and each waited for more."""
    program, specs = Program(make_problem("rnn", "classify"), SCHEDULE, "jit", 12), run_specs()
    runs = program.runs(specs)

    def start():
        for _ in range(50):
            jax.block_until_ready(program.init(runs))

    threads = [threading.Thread(target=start, daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=100)
    assert not any(thread.is_alive() for thread in threads)
