"""Evidence of whole studies: pooling, pairing, subgroups, what is undefined, and arguments that do not fit."""

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_lung
from sklearn.metrics import brier_score_loss, roc_auc_score

from pmjax.errors import UserError
from pmjax.evaluate import build_pool, calibration_curve, evaluate
from pmjax.evaluate.benefit import decision_curve
from pmjax.evaluate.survival import harrell_c

OPTIONS = {
    "baselines": ("logistic",), "resamples": 200, "threshold": 0.5, "horizons": (), "groups": (), "seed": 0,
}  # fmt: skip
LUNG = OPTIONS | {"baselines": ("cox",), "horizons": (365.0,), "groups": ("sex",)}


def predict(score, truth, model, seed, folds=5, repeats=1):
    """Validation and test rows of one model and seed; `score(fold)` gives the outputs of every row."""
    n = len(next(iter(truth.values())))
    frames = []
    for fold in range(folds * repeats):
        for part, shift in (("test", 0), ("validation", 1)):
            keep = (np.arange(n) + fold // folds + shift) % folds == fold % folds
            frame = pd.DataFrame({
                "cohort": "c", "task": "t", "model": model, "setting": "a", "fold": fold, "inner": 0, "seed": seed,
                "part": part, "row": np.arange(n), "patient": np.arange(n).astype(str), "site": "",
                **truth, **score(fold),
            })  # fmt: skip
            frames.append(frame[keep])
    return pd.concat(frames, ignore_index=True)


def classified(n=150, seeds=2, repeats=1, models=("cnn", "logistic"), permute=False):
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    label = (rng.random(n) < 1 / (1 + np.exp(-2 * x))).astype(int)
    if permute:
        label = rng.permutation(label)

    def score(fold):
        p = 1 / (1 + np.exp(-2 * x + rng.normal(size=n)))
        return {"probability_0": 1 - p, "probability_1": p}

    frames = [predict(score, {"label": label}, m, s, repeats=repeats) for m in models for s in range(seeds)]
    patients = pd.DataFrame({
        "row": np.arange(n), "patient": np.arange(n).astype(str), "sex": np.where(np.arange(n) % 3, "f", "m"),
    })  # fmt: skip
    return pd.concat(frames, ignore_index=True), patients


@pytest.fixture
def lung():
    frame = load_lung()
    rng = np.random.default_rng(0)
    hazard = (frame["age"] / 20 - frame["sex"]).to_numpy()

    def score(fold):
        risk = hazard + 0.3 * rng.normal(size=len(frame)) + 10 * fold
        return {"risk": risk, "survival_365.0": np.exp(-0.9 * np.exp(hazard - hazard.mean()))}

    truth = {"start": 0.0, "time": frame["time"].to_numpy(float), "event": (frame["status"] == 1).to_numpy()}
    truth["start"] = np.zeros(len(frame))
    frames = [predict(score, truth, model, 0) for model in ("dnn", "cox")]
    patients = pd.DataFrame({"row": np.arange(len(frame)), "sex": frame["sex"].astype(str)})
    return pd.concat(frames, ignore_index=True), patients


def find(evidence, **wanted):
    found = [e for e in evidence if all(getattr(e, k) == v for k, v in wanted.items())]
    assert len(found) == 1, (wanted, len(found))
    return found[0]


@pytest.mark.parametrize("repeats", [1, 2])
def test_estimate_is_the_mean_over_replicates_of_pooled_folds(repeats):
    predictions, patients = classified(repeats=repeats)
    line = find(evaluate(predictions, patients, **OPTIONS), model="cnn", metric="auroc", group="all")
    test = predictions[(predictions["model"] == "cnn") & (predictions["part"] == "test")]
    pooled = test.groupby([test["fold"] // 5, "seed"])
    expected = [roc_auc_score(rows["label"], rows["probability_1"]) for _, rows in pooled]
    assert len(expected) == 2 * repeats
    assert line.estimate == pytest.approx(np.mean(expected), abs=1e-12)
    assert line.low < line.estimate < line.high
    assert (line.n, line.events) == (150, int(test.drop_duplicates("row")["label"].sum()))
    assert f"mean of {2 * repeats} replicates" in line.method


def test_the_same_arguments_give_the_same_evidence_in_any_row_order():
    predictions, patients = classified()
    first = evaluate(predictions, patients, **OPTIONS)
    assert evaluate(predictions, patients, **OPTIONS) == first
    shuffled = predictions.groupby("model", sort=False, group_keys=False).sample(frac=1, random_state=0)
    for one, other in zip(first, evaluate(shuffled, patients, **OPTIONS), strict=True):
        assert (one.model, one.metric, one.method) == (other.model, other.metric, other.method)
        assert one.estimate == pytest.approx(other.estimate, abs=1e-9)
        assert one.low == pytest.approx(other.low, abs=1e-9)


def test_differences_are_paired():
    predictions, patients = classified(seeds=1)
    twin = predictions[predictions["model"] == "logistic"].assign(model="twin")
    evidence = evaluate(pd.concat([predictions, twin]), patients, **OPTIONS)
    same = find(evidence, model="twin − logistic", metric="auroc_difference")
    assert (same.estimate, same.low, same.high) == (0, 0, 0)
    cnn, logistic = (find(evidence, model=m, metric="brier", group="all") for m in ("cnn", "logistic"))
    paired = find(evidence, model="cnn − logistic", metric="brier_difference")
    assert paired.estimate == pytest.approx(cnn.estimate - logistic.estimate)
    # Errors of two models on one patient go together, so the paired interval is the narrower.
    assert paired.high - paired.low < np.hypot(cnn.high - cnn.low, logistic.high - logistic.low)


def test_permuted_labels_leave_auroc_at_one_half():
    predictions, patients = classified(permute=True)
    line = find(evaluate(predictions, patients, **OPTIONS), model="cnn", metric="auroc", group="all")
    assert line.low < 0.5 < line.high


def test_subgroups_agree_with_their_own_rows():
    predictions, patients = classified(seeds=1)
    evidence = evaluate(predictions, patients, **OPTIONS | {"groups": ("sex",)})
    test = predictions[(predictions["model"] == "cnn") & (predictions["part"] == "test")].merge(
        patients[["row", "sex"]], on="row"
    )
    expected = {s: brier_score_loss(r["label"], r["probability_1"]) for s, r in test.groupby("sex")}
    for sex, n in (("f", 100), ("m", 50)):
        line = find(evidence, model="cnn", group=f"sex={sex}", metric="brier")
        assert line.estimate == pytest.approx(expected[sex], abs=1e-12)
        assert (line.n, line.events) == (n, int(test["label"][test["sex"] == sex].sum()))
    rest = find(evidence, model="cnn", group="sex=m", metric="brier_difference_to_rest")
    assert rest.estimate == pytest.approx(expected["m"] - expected["f"], abs=1e-12)
    assert rest.low < rest.estimate < rest.high


def test_a_level_with_one_class_is_none_with_a_reason():
    predictions, patients = classified(seeds=1)
    patients["sex"] = "f"
    healthy = predictions.loc[(predictions["label"] == 0), "row"].unique()[:3]
    patients.loc[healthy, "sex"] = "m"
    evidence = evaluate(predictions, patients, **OPTIONS | {"groups": ("sex",)})
    line = find(evidence, model="cnn", group="sex=m", metric="auroc")
    assert (line.estimate, line.low, line.high, line.n, line.events) == (None, None, None, 3, 0)
    assert "undefined" in line.method


def test_more_than_two_classes():
    rng = np.random.default_rng(0)
    probability = rng.dirichlet([1, 1, 1], 90)
    label = np.array([rng.choice(3, p=p) for p in probability])
    outputs = {f"probability_{k}": probability[:, k] for k in range(3)}
    frames = [predict(lambda fold: outputs, {"label": label}, m, 0) for m in ("cnn", "logistic")]
    evidence = evaluate(pd.concat(frames), pd.DataFrame({"row": np.arange(90)}), **OPTIONS)
    line = find(evidence, model="cnn", metric="auroc")
    assert line.estimate == pytest.approx(roc_auc_score(label, probability, multi_class="ovr"), abs=1e-12)
    assert "mean over classes" in line.method
    assert not [e for e in evidence if "net_benefit" in e.metric]


def test_c_compares_within_folds_only(lung):
    predictions, patients = lung
    line = find(evaluate(predictions, patients, **LUNG), model="dnn", metric="harrell_c", group="all")
    test = predictions[(predictions["model"] == "dnn") & (predictions["part"] == "test")]
    columns = [test[c].to_numpy() for c in ("start", "time", "event", "risk", "fold")]
    one = np.ones((1, len(test)))
    assert line.estimate == pytest.approx(harrell_c(*columns, one)[0], abs=1e-12)
    assert abs(line.estimate - harrell_c(*columns[:4], 0 * columns[4], one)[0]) > 0.01


def test_survival_evidence_holds_what_was_observed(lung):
    evidence = evaluate(*lung, **LUNG)
    observed = {(e.group, e.metric): e for e in evidence if e.model == "kaplan-meier"}
    assert observed["all", "median_survival"].estimate == 310
    assert observed["all", "survival@365"].estimate == pytest.approx(0.409242, abs=1e-6)
    assert observed["sex", "logrank_p"].estimate == pytest.approx(0.00131116, abs=1e-8)
    assert "chi-squared 10.326742" in observed["sex", "logrank_p"].method
    assert observed["sex=1", "survival@365"].n == 138
    assert find(evidence, model="dnn − cox", metric="brier@365_difference").estimate == pytest.approx(0, abs=1e-12)


def test_late_entry_leaves_out_what_needs_time_zero(lung):
    predictions, patients = lung
    late = predictions.assign(start=np.where(predictions["row"] == 0, 1.0, 0.0))
    evidence = evaluate(late, patients, **LUNG)
    assert {e.metric for e in evidence if e.model == "dnn" and e.group == "all"} == {"harrell_c"}
    line = find(evidence, model="kaplan-meier", metric="logrank_p")
    assert line.estimate is None
    assert "enter after time 0" in line.method


def test_curves_of_figures(lung):
    predictions, _ = classified()
    judged = build_pool(predictions, 100, seed=0)
    curve = calibration_curve(judged, bins=5)
    assert len(curve) == 2 * 5
    assert (curve["low"] <= curve["observed"]).all()
    assert (curve["observed"] <= curve["high"]).all()
    mean = curve.groupby("model")["observed"].mean()
    assert mean["cnn"] == pytest.approx(judged.truth["label"].mean())
    decisions = decision_curve(judged, (0.2, 0.4))
    assert decisions["model"].unique().tolist() == ["cnn", "logistic", "treat-all"]
    survival = calibration_curve(build_pool(lung[0], 100, seed=0), bins=3, horizon=365.0)
    assert survival.groupby("model")["predicted"].apply(lambda p: p.is_monotonic_increasing).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": ("race",)}, "no column 'race'; there is sex"),
        ({"baselines": ("cox",)}, "no model 'cox'"),
        ({"threshold": 1.0}, "evaluate.threshold is 1.0"),
        ({"resamples": 0}, "evaluate.resamples is 0"),
        ({"horizons": (5.0,)}, "has no times"),
    ],
)
def test_arguments_that_do_not_fit(change, message):
    predictions, patients = classified()
    with pytest.raises(UserError, match=message):
        evaluate(predictions, patients, **OPTIONS | change)


@pytest.mark.parametrize("horizon", [0.0, -1.0, 1022.0, 5000.0])
def test_horizons_beyond_follow_up(lung, horizon):
    with pytest.raises(UserError, match=r"evaluate\.horizons"):
        evaluate(*lung, **LUNG | {"horizons": (horizon,)})


def test_rows_that_do_not_fit():
    predictions, patients = classified()
    with pytest.raises(UserError, match="one at a time"):
        evaluate(pd.concat([predictions, predictions.assign(task="u")]), patients, **OPTIONS)
    with pytest.raises(UserError, match="no row of part 'test'"):
        evaluate(predictions[predictions["part"] != "test"], patients, **OPTIONS)
    with pytest.raises(UserError, match="is there twice"):
        evaluate(pd.concat([predictions, predictions[predictions["part"] == "test"]]), patients, **OPTIONS)
    with pytest.raises(UserError, match="patients lack row 149"):
        evaluate(predictions, patients[:-1], **OPTIONS | {"groups": ("sex",)})
    two = predictions.assign(label=np.where(predictions["model"] == "cnn", 0, predictions["label"]))
    with pytest.raises(UserError, match="two different label"):
        evaluate(two, patients, **OPTIONS)
