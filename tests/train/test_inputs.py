"""Several modalities, some lacking; batches that are augmented or blended; and what does not fit is said."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pmjax.cohort import Classify, Cohort, Modality, Source, Survive
from pmjax.errors import UserError
from pmjax.prepare.preparation import Preparation
from pmjax.prepare.splits import make_splits
from pmjax.train import Hooks, Plan, check_preparation, model
from pmjax.train.loop import train_chunk
from pmjax.train.many import Program, RunSpec, Schedule
from pmjax.train.optim import Setting
from pmjax.train.step import Table, make_blended, make_epoch

N = 48
SILENT = Hooks(lambda: 0, lambda *_: None)
ENCODERS = {"genes": {"family": "dnn", "hidden": [6]}, "visits": {"family": "rnn", "hidden": 5}}
FUSION = {"family": "fusion", "input": ["genes", "visits"], "head": "classify", "hidden": 4, "encoders": ENCODERS}
DNN = {"family": "dnn", "input": "genes", "head": "classify", "hidden": (6,)}
PLAN = {
    "seeds": 1, "epochs": 3, "batch_size": 16, "patience": 9, "clip": 1.0, "warmup": 0.1, "class_weight": False,
    "precision": "float32", "parallel": "jit", "chunk": 0, "checkpoint_every": 9,
}  # fmt: skip


@pytest.fixture
def cohort():
    """Every third patient lacks the visits, whose values there are NaN."""
    rng = np.random.default_rng(0)
    present = np.arange(N) % 3 > 0
    visits = np.where(present[:, None, None], rng.normal(size=(N, 4, 2)), np.nan)
    mask = (np.arange(4) < rng.integers(1, 5, N)[:, None]) & present[:, None]
    genes = rng.normal(size=(N, 5))
    genes[0, 1] = np.nan
    modalities = {
        "genes": Modality("table", genes, tuple("abcde")),
        "visits": Modality("series", visits, ("x", "y"), mask, present),
    }
    return Cohort("made", np.arange(N), modalities, Classify("t", np.arange(N) % 2, ("no", "yes")), Source("", "", ""))


def problem_of(cohort, spec, preparation=Preparation(), **plan):  # noqa: B008  # frozen
    splits = make_splits(cohort, folds=2, seed=0)
    return model._problem(spec, cohort, splits, Plan(**{**PLAN, **plan}), preparation, (), 0)


def train(problem, folder, way="jit", runs=4):
    specs = [RunSpec(r % 2, r // 2, Setting(1e-2, 1e-2), "s") for r in range(runs)]
    schedule = Schedule(epochs=3, batch_size=16, patience=9, clip=1.0, warmup=0.1)
    return train_chunk(Program(problem, schedule, way, runs), specs, folder, 99, SILENT).outputs


@pytest.mark.parametrize("way", ["sharded", "pmap"])
def test_a_fusion_trains_the_same_on_many_devices(cohort, way, tmp_path):
    problem = problem_of(cohort, FUSION)
    np.testing.assert_allclose(train(problem, tmp_path / "a"), train(problem, tmp_path / "b", way), atol=1e-5)


def test_what_a_patient_lacks_trains_and_predicts_nothing(cohort, tmp_path):
    before = train(problem_of(cohort, FUSION), tmp_path / "a")
    visits = cohort.modalities["visits"]
    visits.values[~visits.present] = 1e3
    np.testing.assert_array_equal(train(problem_of(cohort, FUSION), tmp_path / "b"), before)
    assert np.isfinite(before).all()


def test_a_preparation_reaches_the_networks(cohort, tmp_path):
    table = cohort.modalities["genes"].values
    table[:] = np.exp(table)
    logged = Preparation(log1p=("a", "b", "c", "d", "e"), indicators=True)
    problem = problem_of(cohort, DNN, logged)
    assert problem.model.init(jax.random.key(0), jnp.zeros((1, 6)))["params"]["encoder"]["Layers_0"]["Dense_0"]
    assert np.abs(train(problem, tmp_path / "a") - train(problem_of(cohort, DNN), tmp_path / "b")).max() > 1e-3


def test_augmentation_acts_in_training_only_and_is_drawn_from_the_run_s_key(cohort, tmp_path):
    noisy = problem_of(cohort, DNN, augment=({"name": "noise", "sd": 0.5},))
    plain = problem_of(cohort, DNN)
    a, b, c = (train(p, tmp_path / str(i)) for i, p in enumerate((noisy, noisy, plain)))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 1e-3
    silent = problem_of(cohort, DNN, augment=({"name": "noise", "sd": 0.0},))
    np.testing.assert_allclose(train(silent, tmp_path / "d"), c, atol=1e-6)


def test_mixup_meets_each_target_by_its_share(cohort):
    """The loss of a blended batch is λ·ℓ(own) + (1 − λ)·ℓ(partner's), over all rows."""
    program = Program(problem_of(cohort, DNN, mixup=0.7), Schedule(1, 24, 9, 1.0, 0.0), "jit", 1)
    recipe, specs = program._recipe, [RunSpec(0, 0, Setting(0.0, 0.0), "s")]
    run = jax.tree.map(lambda x: x[0], program.runs(specs))
    state = jax.tree.map(lambda x: x[0], program.init(program.runs(specs)))
    rows = jnp.arange(24)
    table = Table(rows[None], jnp.ones((1, 24)))
    _, metrics = jax.jit(make_epoch(recipe))(state, table, table, run, program.data)
    key = jax.random.fold_in(run.key, state.step)
    outputs, targets = make_blended(recipe)(state.params, run, program.data, rows, key)
    log_p = jax.nn.log_softmax(outputs)
    (own, share), (partner, rest) = targets
    np.testing.assert_allclose(share + rest, 1, rtol=1e-6)
    assert 0 < share.min() < 0.5 < share.max() < 1
    label = program.data.target["label"]
    expected = -(share * log_p[rows, label[own]] + rest * log_p[rows, label[partner]]).mean()
    np.testing.assert_allclose(metrics["loss"], expected, rtol=1e-5)


def test_a_preparation_that_fits_no_input_is_said(cohort):
    check_preparation(cohort, ("genes", "visits"), Preparation(forward_fill=True, select=2, log1p=("a",)))
    with pytest.raises(UserError, match=r"prepare\.forward_fill fits no input of this study \(table\)"):
        check_preparation(cohort, ("genes",), Preparation(forward_fill=True))
    with pytest.raises(UserError, match=r"prepare\.log1p: 'x' is no feature of any input"):
        check_preparation(cohort, ("genes",), Preparation(log1p=("x",)))


def test_what_does_not_fit_is_said(cohort):
    with pytest.raises(UserError, match=r"16 patients lack 'visits'; use the family fusion"):
        problem_of(cohort, {"family": "rnn", "input": "visits", "head": "classify"})
    with pytest.raises(UserError, match="dnn takes one input, not genes, visits; use the family fusion"):
        problem_of(cohort, {**DNN, "input": ["genes", "visits"]})
    with pytest.raises(UserError, match=r"fusion\.encoders must name its inputs, genes, and no other"):
        problem_of(cohort, {**FUSION, "input": "genes"})
    with pytest.raises(UserError, match="no input 'scans'; it has genes, visits"):
        problem_of(cohort, {**DNN, "input": "scans"})
    with pytest.raises(UserError, match="augment: a fusion takes none"):
        problem_of(cohort, FUSION, augment=("noise",))
    with pytest.raises(UserError, match="'flip' does not fit the kind table"):
        problem_of(cohort, DNN, augment=("flip",))
    with pytest.raises(UserError, match="records no sites; drop it"):
        problem_of(cohort, DNN, Preparation(harmonise=True))
    survive = Cohort(
        "made", cohort.patient, cohort.modalities, Survive("t", np.arange(1, N + 1), np.ones(N)), cohort.source
    )
    with pytest.raises(UserError, match="mixup: it blends the rows and classes of one input"):
        problem_of(survive, {**DNN, "head": "cox"}, mixup=0.2)
