"""Simulated proteins: the posterior against dense orthant probabilities, and the law of what is planted and missing."""

import itertools

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.linear_model import LogisticRegression

from pmjax.data.simulate import BLOCK, gather, keys
from pmjax.data.simulate.ceiling import classification_ceiling
from pmjax.data.simulate.proteomic import (
    LIMIT,
    NOISE,
    class_log_likelihood,
    draw_assay,
    proteomic_posterior,
    proteomic_rows,
    simulate_proteomic,
)
from pmjax.errors import UserError
from pmjax.evaluate.calibration import intercept, slope
from pmjax.evaluate.classification import classification
from pmjax.evaluate.intervals import interval, resamples


def assay_of(features, factors=2, markers=10, effect=0.6):
    return draw_assay(keys(0)[0], features, 3, factors, markers, effect)


@pytest.fixture(scope="module")
def assay():
    return assay_of(60)


@pytest.fixture(scope="module")
def rows(assay):
    return gather(proteomic_rows(assay, 0, 0, 20_000), 20_000)


def dense_log_odds(x, batch, assay):
    """log P(x | 1) − log P(x | 0): the recorded by their joint density, the missing by the orthant given those."""
    seen = ~np.isnan(x)
    log_likelihood = []
    for y in (0, 1):
        scale = assay.scale[batch]
        mean = assay.shift[batch] + scale * (assay.abundance + y * assay.effect)
        covariance = np.outer(scale, scale) * (assay.loadings @ assay.loadings.T + NOISE**2 * np.eye(len(x)))
        total = multivariate_normal.logpdf(x[seen], mean[seen], covariance[np.ix_(seen, seen)]) if seen.any() else 0.0
        if not seen.all():
            gain = covariance[np.ix_(~seen, seen)] @ np.linalg.inv(covariance[np.ix_(seen, seen)])
            centre = mean[~seen] + gain @ (x[seen] - mean[seen])
            spread = covariance[np.ix_(~seen, ~seen)] - gain @ covariance[np.ix_(seen, ~seen)]
            limit = np.full((~seen).sum(), LIMIT)
            total += multivariate_normal.logcdf(limit, centre, spread, abseps=1e-6, releps=1e-5, maxpts=100_000)
        log_likelihood.append(total)
    return log_likelihood[1] - log_likelihood[0]


@pytest.mark.parametrize("factors", [1, 2])
def test_posterior_is_that_of_dense_orthant_probabilities(factors):
    assay = assay_of(5, factors, markers=3, effect=1.0)
    assay = assay._replace(abundance=LIMIT + np.array([-0.5, 0.0, 0.3, 0.8, 2.0]), loadings=2 * assay.loadings)
    drawn = gather(proteomic_rows(assay, 0, 0, 20), 20)
    patterns = {tuple(np.isnan(x)) for x in drawn["values"]}
    assert len(patterns) > 6
    found = np.diff(class_log_likelihood(drawn["values"], drawn["batch"], assay, nodes=24), axis=1)[:, 0]
    expected = [dense_log_odds(x, b, assay) for x, b in zip(drawn["values"].astype(float), drawn["batch"], strict=True)]
    np.testing.assert_allclose(found, expected, atol=2e-4)


@pytest.mark.parametrize(("features", "error"), [(500, 1e-7), (60, 1e-5)])
def test_quadrature_has_converged(features, error):
    assay = assay_of(features)
    drawn = gather(proteomic_rows(assay, 0, 0, 100), 100)
    fine = proteomic_posterior(drawn["values"], drawn["batch"], assay, nodes=14)
    np.testing.assert_allclose(drawn["probability"], fine, atol=error)


def test_posterior_is_calibrated(rows):
    truth, p, once = rows["label"] == 1, rows["probability"][:, 1], np.ones((1, 20_000))
    assert abs(slope(truth, p, once)[0] - 1) < 0.05
    assert abs(intercept(truth, p, once)[0]) < 0.08


def test_oracle_reaches_the_stated_ceiling():
    cohort = simulate_proteomic(2_000, 60)
    weight = np.vstack([np.ones(2_000), resamples(cohort.patient, 300, 0)])
    reached = classification(cohort.task.label, cohort.truth.probability, weight, 0.5)
    assert 0.85 < cohort.truth.ceiling["auroc"] < 0.97
    for metric, ceiling in cohort.truth.ceiling.items():
        _, low, high, _ = interval(reached[metric])
        assert low < ceiling < high, metric


def test_what_is_missing_adds_to_the_oracle(rows, assay):
    """Below the limit is knowledge: without it, on the recorded values alone, the log-loss is worse."""
    always = ~np.isnan(rows["values"]).any(axis=0)
    fewer = type(assay)(*(a[always] for a in assay[:3]), assay.shift[:, always], assay.scale[:, always])
    p = proteomic_posterior(rows["values"][:, always], rows["batch"], fewer)
    log_loss = [-np.log(q[np.arange(20_000), rows["label"]]).mean() for q in (rows["probability"], p)]
    assert log_loss[1] > log_loss[0] + 0.02


def test_planted_effects_are_recovered_by_least_squares(rows, assay):
    """Where nothing is missing, batch undone, the difference of means is δ, within its error, for every protein."""
    always = np.flatnonzero(~np.isnan(rows["values"]).any(axis=0))
    label, batch = rows["label"], rows["batch"]
    level = (rows["values"][:, always] - assay.shift[batch][:, always]) / assay.scale[batch][:, always]
    difference = level[label == 1].mean(axis=0) - level[label == 0].mean(axis=0)
    error = level.std(axis=0) * np.sqrt(4 / 20_000)
    z = (difference - assay.effect[always]) / error
    assert np.abs(z).max() < 4
    assert 0 < np.count_nonzero(assay.effect[always]) < len(always)
    np.testing.assert_array_equal(np.abs(difference) > 0.3, assay.effect[always] != 0)


def test_a_lower_marker_is_missing_more_often(rows, assay):
    gone = np.isnan(rows["values"])
    more = gone[rows["label"] == 1].mean(axis=0) - gone[rows["label"] == 0].mean(axis=0)
    near = (assay.effect != 0) & (gone.mean(axis=0) > 0.1)
    assert near.sum() >= 4
    np.testing.assert_array_equal(np.sign(more[near]), -np.sign(assay.effect[near]))
    assert (rows["values"][~gone] >= LIMIT).all()


def test_logistic_regression_on_the_log_odds_has_coefficient_one(rows, assay):
    log_odds = np.diff(class_log_likelihood(rows["values"], rows["batch"], assay), axis=1)
    fitted = LogisticRegression(C=np.inf).fit(log_odds, rows["label"])
    assert abs(fitted.coef_[0, 0] - 1) < 0.05
    assert abs(fitted.intercept_[0]) < 0.08


def test_a_trained_model_learns_but_does_not_pass_the_ceiling(rows):
    gone = np.isnan(rows["values"])
    table = np.hstack([np.where(gone, LIMIT, rows["values"]) - LIMIT, gone, rows["batch"][:, None] == np.arange(3)])
    fitted = LogisticRegression(max_iter=2_000).fit(table[:10_000], rows["label"][:10_000])
    label = rows["label"][10_000:]
    weight = np.vstack([np.ones(10_000), resamples(np.arange(10_000).astype(str), 100, 0)])
    p = fitted.predict_proba(table[10_000:])
    ceiling = classification_ceiling(rows["probability"][10_000:])
    reached = classification(label, p, weight, 0.5)
    for metric, best in (("accuracy", max), ("auroc", max), ("log_loss", min), ("brier", min)):
        estimate, low, high, _ = interval(reached[metric])
        bound = low if best is max else high
        assert best(bound, ceiling[metric]) == ceiling[metric], metric
        assert estimate == pytest.approx(ceiling[metric], abs=0.1), metric


def test_rows_do_not_depend_on_how_they_are_cut(assay):
    n = BLOCK + 30
    whole = gather(proteomic_rows(assay, 3, 0, n), n)
    parts = [part for a, b in itertools.pairwise((0, 7, BLOCK, n)) for part in proteomic_rows(assay, 3, a, b - a)]
    for name, column in gather(parts, n).items():
        np.testing.assert_array_equal(column, whole[name])


def test_the_seed_makes_the_cohort_and_first_makes_fresh_patients():
    one, same, other = (simulate_proteomic(40, 30, seed) for seed in (1, 1, 2))
    values = [c.modalities["table"].values for c in (one, same, other)]
    np.testing.assert_array_equal(values[0], values[1])
    assert one.truth.planted != other.truth.planted
    later = simulate_proteomic(10, 30, 1, first=30)
    np.testing.assert_array_equal(later.modalities["table"].values, values[0][30:])
    assert later.truth.planted == one.truth.planted
    assert list(later.patient) == list(one.patient[30:])


def test_a_cohort_says_that_it_is_simulated_and_what_is_planted():
    cohort = simulate_proteomic(50, 40, batches=4, markers=6)
    assert cohort.source.simulated
    assert cohort.source.title.startswith("Simulated")
    assert len(cohort.truth.planted["table"]) == 6
    assert set(cohort.truth.planted["table"]) <= set(cohort.modalities["table"].features)
    assert set(cohort.site) == {f"batch {b}" for b in range(1, 5)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"markers": 31}, "markers=31 must be 1 to features=30"),
        ({"batches": 0}, "batches=0 at least 1"),
        ({"effect": -0.5}, "effect=-0.5 above 0"),
        ({"factors": 4}, "factors=4: use 1 to 3"),
        ({"n": 0}, "n=0"),
    ],
)
def test_what_cannot_be_is_one_line(options, message):
    with pytest.raises(UserError, match=message):
        simulate_proteomic(**{"n": 10, "features": 30, **options})
