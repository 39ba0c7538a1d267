"""Simulated clinical records: the filter against dense algebra, the truth against what happens, what is planted."""

import jax
import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from pmjax.data.simulate import outcome as law
from pmjax.data.simulate import visits as record
from pmjax.data.simulate.clinical import HORIZONS, simulate_clinical
from pmjax.data.simulate.kalman import filter_state
from pmjax.errors import UserError
from pmjax.evaluate.calibration import intercept, slope
from pmjax.evaluate.classification import classification
from pmjax.evaluate.intervals import interval, resamples
from pmjax.evaluate.survival import harrell_c

N = 20_000
ONCE = np.ones((1, N))


@pytest.fixture(scope="module")
def cohort():
    return simulate_clinical(N, visits=10, variables=8)


@pytest.fixture(scope="module")
def survivors():
    return simulate_clinical(N, visits=10, variables=8, outcome="survive")


def table(cohort):
    modality = cohort.modalities["table"]
    return pd.DataFrame(modality.values, columns=list(modality.features)).astype(float)


def horvitz_thompson(cohort, happened, arm):
    """Each patient's share in the mean outcome had everybody had `arm`."""
    chance = cohort.truth.propensity[:, cohort.truth.arms.index(arm)]
    return np.where(cohort.arm == arm, happened / chance, 0.0)


def error(values):
    return values.std() / np.sqrt(len(values))


def history(rng, T=5, F=3):
    gap = np.concatenate([[0], rng.exponential(20, T - 1)]).astype(np.float32)
    values, seen = rng.normal(size=(T, F)).astype(np.float32), rng.random((T, F)) < 0.6
    loading = rng.normal(size=(F, 4)).astype(np.float32)
    return values, seen, gap, loading, rng.uniform(0.5, 2, F).astype(np.float32), record.DAYS.astype(np.float32)


def test_filter_is_the_conditional_law_of_the_joint_normal():
    for seed in range(5):
        values, seen, gap, loading, noise, days = history(np.random.default_rng(seed))
        mean, cov = filter_state(*map(jax.numpy.asarray, (values, seen, gap, loading, noise, days)))
        at, which = np.nonzero(seen)
        day = np.cumsum(gap.astype(np.float64))
        # Cov(z_d(s), z_d(t)) = exp(−|s − t| / days_d), states independent.
        between = np.exp(-np.abs(day[at][:, None] - day[at])[..., None] / days)
        joint = (loading[which][:, None] * loading[which][None] * between).sum(-1) + np.diag(noise[which])
        cross = loading[which] * np.exp(-(day[-1] - day[at])[:, None] / days)
        expected = cross.T @ np.linalg.solve(joint, values[at, which])
        np.testing.assert_allclose(mean, expected, atol=1e-4)
        np.testing.assert_allclose(cov, np.eye(4) - cross.T @ np.linalg.solve(joint, cross), atol=1e-4)


def test_padding_and_unseen_values_do_not_reach_the_filter():
    values, seen, gap, loading, noise, days = history(np.random.default_rng(9))
    plain = filter_state(*map(jax.numpy.asarray, (values, seen, gap, loading, noise, days)))
    values = np.concatenate([np.where(seen, values, np.nan), np.full((3, 3), np.nan, np.float32)])
    seen, gap = np.concatenate([seen, np.zeros((3, 3), bool)]), np.concatenate([gap, np.zeros(3, np.float32)])
    padded = filter_state(*map(jax.numpy.asarray, (values, seen, gap, loading, noise, days)))
    for a, b in zip(plain, padded, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_chance_of_the_event_is_the_average_over_the_posterior_of_the_state():
    root = np.array([[0.8, 0, 0, 0], [-0.4, 0.5, 0, 0], [0.1, 0.2, 0.9, 0], [0.3, 0.1, 0.2, 0.7]])
    mean = np.array([0.9, -0.5, 0.3, 1.1])
    nothing = dict.fromkeys(record.Patient._fields, jax.numpy.zeros(4))
    patient = record.Patient(
        **nothing
        | {
            "static": jax.numpy.array([72.0, 1, 0, 1, 0, 0]),
            "group": jax.numpy.int32(1),
            "mean": jax.numpy.asarray(mean, np.float32),
            "cov": jax.numpy.asarray(root @ root.T, np.float32),
        }
    )
    exact = law.diagnose(jax.random.key(3), patient, jax.numpy.bool_(True)).probability
    states = mean + np.random.default_rng(0).normal(size=(100_000, 4)) @ root.T
    eta = jax.vmap(lambda state: law.predictor(patient, state))(jax.numpy.asarray(states, np.float32))
    np.testing.assert_allclose(exact, norm.cdf(eta).mean(axis=0), atol=5e-3)


def test_truth_is_calibrated_for_all_and_in_every_group(cohort):
    happened, p = cohort.task.label == 1, cohort.truth.probability[:, 1].astype(float)
    assert abs(slope(happened, p, ONCE)[0] - 1) < 0.05
    assert abs(intercept(happened, p, ONCE)[0]) < 0.06
    for column in (*cohort.groups, "arm"):
        level = cohort.arm if column == "arm" else cohort.groups[column].to_numpy()
        for name in np.unique(level):
            rows = level == name
            assert abs((happened - p)[rows].mean()) < 4 * error((happened - p)[rows]), name


def test_oracle_reaches_the_ceiling_and_no_model_of_the_table_exceeds_it(cohort):
    weight = np.vstack([np.ones(N), resamples(cohort.patient, 100, 0)])
    reached = classification(cohort.task.label, cohort.truth.probability.astype(float), weight, 0.5)
    ceiling = cohort.truth.ceiling
    assert 0.72 < ceiling["auroc"] < 0.92  # shorter records than the default's tell less
    for metric, value in ceiling.items():
        _, low, high, _ = interval(reached[metric])
        assert low < value < high, metric
    inputs, label, half = table(cohort).fillna(0).to_numpy(), cohort.task.label, np.arange(N) < N // 2
    model = LogisticRegression(max_iter=2000).fit(inputs[half], label[half])
    auroc = roc_auc_score(label[~half], model.predict_proba(inputs[~half])[:, 1])
    assert 0.7 < auroc < ceiling["auroc"] + 3 * reached["auroc"][1:].std()


def test_survival_oracle_reaches_the_ceiling(survivors):
    rows = survivors.take(np.arange(4_000))
    task, risk = rows.task, rows.truth.log_hazard.astype(float)
    weight = np.vstack([np.ones(4_000), resamples(rows.patient, 50, 0)])
    reached = harrell_c(np.zeros(4_000), task.time, task.event, risk, np.zeros(4_000, int), weight)
    _, low, high, _ = interval(reached)
    assert low < survivors.truth.ceiling["harrell_c"] < high
    assert 0.72 < survivors.truth.ceiling["harrell_c"] < 0.8


def test_cox_of_the_true_log_hazard_has_coefficient_one(survivors):
    task = survivors.task
    frame = pd.DataFrame({"eta": survivors.truth.log_hazard.astype(float), "time": task.time, "event": task.event})
    low, high = CoxPHFitter(alpha=0.01).fit(frame, "time", "event").confidence_intervals_.loc["eta"]
    assert low < 1 < high
    assert high - low < 0.1


def test_true_survival_is_calibrated(survivors):
    task, risk = survivors.task, 1 - survivors.truth.survival[HORIZONS[0]].astype(float)
    happened = task.event & (task.time <= HORIZONS[0])  # nobody's follow-up ends before
    assert task.time[~task.event].min() >= HORIZONS[0]
    assert abs(slope(happened, risk, ONCE)[0] - 1) < 0.05
    assert abs((happened - risk).mean()) < 4 * error(happened - risk)
    followed = task.event | (task.time > HORIZONS[1])
    chance = np.minimum(1, (law.LAST_END - np.minimum(task.time, HORIZONS[1])) / (law.LAST_END - law.FIRST_END))
    happened = np.where(followed & (task.time <= HORIZONS[1]), 1 / chance, 0.0)  # inverse probability of censoring
    gap = happened - (1 - survivors.truth.survival[HORIZONS[1]].astype(float))
    assert abs(gap.mean()) < 4 * error(gap)


@pytest.mark.parametrize("which", ["cohort", "survivors"])
def test_effect_is_confounded_and_weighting_by_the_true_propensity_recovers_it(which, request):
    cohort = request.getfixturevalue(which)
    task = cohort.task
    happened = task.label if which == "cohort" else task.event & (task.time <= HORIZONS[0])
    true = (cohort.truth.outcomes[:, 1] - cohort.truth.outcomes[:, 0]).astype(float)
    drug, standard = (horvitz_thompson(cohort, happened, arm) for arm in ("drug", "standard"))
    assert abs((drug - standard - true).mean()) < 3 * error(drug - standard - true)
    naive = happened[cohort.arm == "drug"].mean() - happened[cohort.arm == "standard"].mean()
    assert true.mean() < -0.06
    assert naive > true.mean() + 0.06  # the drug looks useless because the ill get it


def test_propensity_is_calibrated_and_its_rule_is_recovered(cohort):
    drug, p = cohort.arm == "drug", cohort.truth.propensity[:, 1].astype(float)
    np.testing.assert_allclose(cohort.truth.propensity.sum(axis=1), 1, atol=1e-6)
    assert abs(slope(drug, p, ONCE)[0] - 1) < 0.05
    inputs = table(cohort)
    inputs["age"] = (inputs["age"] - record.MEAN_AGE) / record.SD_AGE
    model = LogisticRegression(C=np.inf).fit(inputs[["severity", "age", record.ETHNICITIES[1]]], drug)
    np.testing.assert_allclose(model.coef_[0], [1.2, 0.3, -0.8], atol=0.12)


def test_groups_are_of_table_v_and_differ_in_prevalence_as_planted(cohort):
    ethnicity = cohort.groups["ethnicity"].to_numpy()
    share = [(ethnicity == group).mean() for group in record.ETHNICITIES]
    np.testing.assert_allclose(share, np.array([300, 200, 150, 100]) / 750, atol=0.015)
    untreated = horvitz_thompson(cohort, cohort.task.label, "standard")
    spread = np.sqrt(1 + np.square(law.STATE).sum() + law.AGE**2)
    for group, shift in zip(record.ETHNICITIES, law.PREVALENCE, strict=True):
        rows = ethnicity == group
        expected = np.mean([norm.cdf((law.INTERCEPT + shift + female) / spread) for female in (0, law.FEMALE)])
        assert abs(untreated[rows].mean() - expected) < 4 * error(untreated[rows]), group
        assert abs(cohort.truth.outcomes[rows, 0].mean() - expected) < 0.02, group


def test_measurement_differs_between_groups_as_planted(cohort):
    series, ethnicity = cohort.modalities["series"], cohort.groups["ethnicity"].to_numpy()
    first = np.where(series.mask, series.values[:, :, 0], np.nan)[:, 0]  # one visit each: independent rows
    biased, others = (first[(ethnicity == record.ETHNICITIES[1]) == is_it] for is_it in (True, False))
    gap = np.nanmean(biased) - np.nanmean(others)
    assert abs(gap - record.BIAS) < 4 * 2.3 / np.sqrt(np.isfinite(biased).sum())
    np.testing.assert_allclose(np.nanvar(biased) - np.nanvar(others), record.BIAS_NOISE**2 - 1, atol=0.5)
    visits = series.mask.sum(axis=1)
    assert visits[ethnicity == "Hispanic"].mean() < visits[ethnicity != "Hispanic"].mean() - 1


def test_visits_lie_in_order_and_nothing_comes_after_time_zero(cohort):
    series, names = cohort.modalities["series"], cohort.modalities["series"].features
    real, count = series.mask, series.mask.sum(axis=1)
    assert (real == (np.arange(10) < count[:, None])).all()
    assert set(count) == set(range(1, 11))
    day, gap, drug = (series.values[:, :, names.index(n)] for n in ("day", "days since the last visit", "drug"))
    np.testing.assert_allclose(np.where(real, np.diff(day, axis=1, prepend=0), 0), gap, atol=1e-2)
    assert (gap >= 0).all()
    assert (drug.sum(axis=1) == (cohort.arm == "drug")).all()
    assert (drug[np.arange(N), count - 1] == (cohort.arm == "drug")).all()
    assert (series.values[~real] == 0).all()
    assert (cohort.recorded["series"] <= cohort.outcome_at).all()
    np.testing.assert_allclose(cohort.recorded["series"], day.max(axis=1))


def test_table_sums_the_series_up(cohort):
    series, frame = cohort.modalities["series"], table(cohort)
    for i, name in enumerate(("v01", "v06")):
        values = pd.DataFrame(np.where(series.mask, series.values[:, :, 5 * i], np.nan))
        np.testing.assert_allclose(frame[f"last {name}"], values.ffill(axis=1).iloc[:, -1])
        np.testing.assert_allclose(frame[f"mean {name}"], values.mean(axis=1), atol=1e-5)
    carry = frame[[f"last v{i:02d}" for i in range(1, 5)]]
    np.testing.assert_allclose(frame["severity"], carry.mean(axis=1).fillna(0), atol=1e-5)


@pytest.mark.parametrize("which", ["cohort", "survivors"])
def test_a_patient_is_the_same_whatever_the_chunk(which, request):
    whole = request.getfixturevalue(which).take(np.arange(450, 1150))
    part = simulate_clinical(700, visits=10, variables=8, first=450, outcome=whole.task.kind)
    assert (whole.patient == part.patient).all()
    assert (whole.task.stratum == part.task.stratum).all()
    for name, modality in part.modalities.items():
        np.testing.assert_array_equal(whole.modalities[name].values, modality.values)
    np.testing.assert_array_equal(whole.truth.outcomes, part.truth.outcomes)
    np.testing.assert_array_equal(whole.outcome_at, part.outcome_at)
    assert (whole.groups == part.groups).all(axis=None)


def test_a_seed_repeats_its_patients_and_another_draws_others():
    one, again, other = (simulate_clinical(50, visits=10, variables=8, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.modalities["series"].values, again.modalities["series"].values)
    assert not np.array_equal(one.groups["age"], other.groups["age"])
    assert one.source.simulated
    assert "Simulated" in one.source.title


@pytest.mark.parametrize(
    ("options", "message"),
    [({"outcome": "regress"}, "use classify or survive"), ({"variables": 3}, "at least 4"), ({"n": 0}, "at least 1")],
)
def test_what_cannot_be_simulated_is_refused(options, message):
    with pytest.raises(UserError, match=message):
        simulate_clinical(**options)
