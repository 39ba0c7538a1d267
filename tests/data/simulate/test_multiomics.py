"""Simulated multi-omics: the posterior against dense normals, absences of both kinds, and what is planted."""

import itertools

import jax
import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import f_oneway, multivariate_normal
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from pmjax.data.simulate import keys
from pmjax.data.simulate import multiomics as omics
from pmjax.data.simulate import views as law
from pmjax.errors import UserError
from pmjax.evaluate.calibration import intercept, slope
from pmjax.evaluate.classification import classification
from pmjax.evaluate.intervals import interval, resamples

N = 20_000
SIZES = {"mrna": 20, "mirna": 15, "protein": 10}
MEANS = np.asarray(law.centres(), np.float64)


@pytest.fixture(scope="module")
def cohort():
    return omics.simulate_multiomics(N, **SIZES)


@pytest.fixture(scope="module")
def how():
    population, _ = keys(0)
    drawn = law.loadings(population, tuple((SIZES | {"clinical": omics.MARKERS}).items()))
    return {name: np.asarray(matrix, np.float64) for name, matrix in drawn.items()}


def dense_log_likelihood(view, matrix):
    """log p(view | class), (K,), by the joint normal of the features."""
    cov = matrix @ matrix.T + law.NOISE * np.eye(len(matrix))
    return np.array([multivariate_normal.logpdf(view, matrix @ centre, cov) for centre in MEANS])


def absent(cohort):
    return np.column_stack([~cohort.modalities[name].observed for name in omics.OMICS])


def markers(cohort):
    return cohort.modalities["clinical"].values[:, len(omics.CLINICAL) :].astype(np.float64)


def test_likelihood_of_any_views_is_that_of_the_joint_normal():
    rng = np.random.default_rng(0)
    matrix = {name: rng.normal(size=(f, law.STATES)) for name, f in (("a", 3), ("b", 2), ("c", 4))}
    view = {name: 2 * rng.normal(size=len(m)) for name, m in matrix.items()}
    single = [jax.tree.map(lambda x: jax.numpy.asarray(x, np.float32), part) for part in (view, matrix)]
    for pattern in itertools.product((True, False), repeat=3):
        there = list(itertools.compress("abc", pattern))
        seen = dict(zip("abc", map(jax.numpy.bool_, pattern), strict=True))
        exact = law.class_log_likelihood(single[0], seen, single[1])
        if there:
            dense = dense_log_likelihood(
                np.concatenate([view[n] for n in there]), np.concatenate([matrix[n] for n in there])
            )
        else:
            dense = np.zeros(3)
        np.testing.assert_allclose(exact - exact[0], dense - dense[0], atol=1e-4)


def test_posterior_is_bayes_rule_over_views_and_absences(cohort, how):
    for row in range(60):
        there = [n for n in omics.OMICS if cohort.modalities[n].observed[row]]
        view = np.concatenate([cohort.modalities[n].values[row] for n in there] + [markers(cohort)[row]])
        log_p = np.log(law.PRIOR) + dense_log_likelihood(view, np.concatenate([how[n] for n in (*there, "clinical")]))
        gone = absent(cohort)[row]
        if cohort.site[row] == "B":
            chance = np.array(omics.ABSENT_BY_CLASS)
            log_p += np.log(np.where(gone, chance, 1 - chance)).sum(axis=1)
        np.testing.assert_allclose(cohort.truth.probability[row], softmax(log_p), atol=1e-4)


def test_truth_is_calibrated_in_every_class_and_site(cohort):
    for k, site in itertools.product(range(3), "AB"):
        rows = cohort.site == site
        happened, p = cohort.task.label[rows] == k, cohort.truth.probability[rows, k].astype(float)
        assert abs(slope(happened, p, np.ones((1, rows.sum())))[0] - 1) < 0.075
        assert abs(intercept(happened, p, np.ones((1, rows.sum())))[0]) < 0.12
    happened = (cohort.task.label[:, None] == np.arange(3)).ravel()
    assert abs(slope(happened, cohort.truth.probability.astype(float).ravel(), np.ones((1, 3 * N)))[0] - 1) < 0.05


def test_oracle_reaches_the_ceiling_and_no_fitted_model_exceeds_it(cohort):
    label, p = cohort.task.label, cohort.truth.probability.astype(float)
    weight = np.vstack([np.ones(N), resamples(cohort.patient, 100, 0)])
    reached = classification(label, p, weight, 0.5)
    for metric, value in cohort.truth.ceiling.items():
        _, low, high, _ = interval(reached[metric])
        assert low < value < high, metric
    half = np.arange(N) < N // 2
    filled = [np.nan_to_num(m.values) for m in cohort.modalities.values()]
    inputs = np.column_stack([*filled, absent(cohort)])
    model = LogisticRegression(max_iter=2000).fit(inputs[half], label[half])
    auroc = roc_auc_score(label[~half], model.predict_proba(inputs[~half]), multi_class="ovr")
    assert 0.6 < auroc < cohort.truth.ceiling["auroc"] + 3 * reached["auroc"][1:].std()


def test_site_a_loses_assays_at_random_given_the_marker(cohort):
    rows = cohort.site == "A"
    marker, subtype = markers(cohort)[rows, 0], np.eye(3)[cohort.task.label[rows]][:, 1:]
    for i, gone in enumerate(absent(cohort)[rows].T):
        model = LogisticRegression(C=np.inf).fit(np.column_stack([marker, subtype]), gone)
        assert abs(model.intercept_[0] - omics.ABSENT_AT_ZERO[i]) < 0.3
        assert abs(model.coef_[0, 0] - omics.ABSENT_PER_UNIT) < 0.08
        assert np.abs(model.coef_[0, 1:]).max() < 0.3  # the class adds nothing


def test_site_b_loses_samples_by_class(cohort):
    for k, chance in enumerate(omics.ABSENT_BY_CLASS):
        rows = (cohort.site == "B") & (cohort.task.label == k)
        np.testing.assert_allclose(absent(cohort)[rows].mean(axis=0), chance, atol=5 * 0.5 / np.sqrt(rows.sum()))


def test_absence_itself_tells_at_site_b(cohort):
    chance = np.array(omics.ABSENT_BY_CLASS)
    told = np.where(absent(cohort)[:, None], chance, 1 - chance).prod(axis=2)
    told[cohort.site == "A"] = 1
    ignoring = cohort.truth.probability / told  # what a posterior would be that looked at values alone
    ignoring /= ignoring.sum(axis=1, keepdims=True)
    own = np.arange(N), cohort.task.label
    gain = np.log(cohort.truth.probability[own]) - np.log(ignoring[own])
    assert np.abs(gain[cohort.site == "A"]).max() < 1e-6
    gain = gain[cohort.site == "B"]
    assert gain.mean() > 5 * gain.std() / np.sqrt(len(gain))


def test_planted_features_differ_between_classes_and_no_others(cohort):
    for name, planted in cohort.truth.planted.items():
        modality = cohort.modalities[name]
        strong = {}
        for feature in modality.features[len(omics.CLINICAL) if name == "clinical" else 0 :]:
            values = modality.values[:, modality.features.index(feature)]
            # At site A, where absence is at random given what is not the class, and all that is there otherwise.
            rows = modality.observed & (cohort.site == "A")
            strong[feature] = f_oneway(*(values[rows & (cohort.task.label == k)] for k in range(3))).statistic
        ranked = sorted(strong, key=strong.get, reverse=True)
        assert set(ranked[: len(planted)]) == set(planted), name


def test_absent_assays_hold_no_values_and_the_clinical_view_is_always_there(cohort):
    for name in omics.OMICS:
        modality = cohort.modalities[name]
        assert 0.05 < (~modality.observed).mean() < 0.5
        assert (np.isnan(modality.values) == ~modality.observed[:, None]).all()
    assert np.isfinite(cohort.modalities["clinical"].values).all()
    assert ((cohort.modalities["clinical"].values[:, 2] == 1) == (cohort.site == "B")).all()


def test_a_patient_is_the_same_whatever_the_chunk(cohort):
    part, whole = omics.simulate_multiomics(700, **SIZES, first=450), cohort.take(np.arange(450, 1150))
    assert (part.patient == whole.patient).all()
    assert (part.task.label == whole.task.label).all()
    np.testing.assert_array_equal(part.truth.probability, whole.truth.probability)
    for name, modality in part.modalities.items():
        np.testing.assert_array_equal(modality.values, whole.modalities[name].values)
        assert (modality.observed == whole.modalities[name].observed).all()


def test_a_seed_repeats_its_patients_and_another_draws_others():
    one, again, other = (omics.simulate_multiomics(50, **SIZES, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.truth.probability, again.truth.probability)
    assert not np.array_equal(one.truth.probability, other.truth.probability)
    assert one.source.simulated
    assert "Simulated" in one.source.title


def test_an_assay_without_features_is_refused():
    with pytest.raises(UserError, match="at least 1 feature"):
        omics.simulate_multiomics(10, mirna=0)
