"""Simulated images: the ideal observer against a dense covariance, and the law of noise and lesion."""

import itertools

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from pmjax.data.simulate import BLOCK, gather
from pmjax.data.simulate.imaging import Scene, imaging_rows, log_likelihood_ratio, simulate_imaging
from pmjax.errors import UserError
from pmjax.evaluate.calibration import intercept, slope
from pmjax.evaluate.classification import classification
from pmjax.evaluate.intervals import interval, resamples

SMALL = Scene(size=16, margin=4, stride=2)


def dense_covariance(scene):
    """K of the flattened pixels, (HW, HW), from the periodic autocovariance."""
    autocovariance = np.fft.irfft2(scene.spectrum, s=(scene.size, scene.size))
    row, column = np.divmod(np.arange(scene.size**2), scene.size)
    return autocovariance[(row[:, None] - row) % scene.size, (column[:, None] - column) % scene.size]


def lesion_at(scene, place):
    """The profile at a place, pixel by pixel from the nearest periodic distance."""
    line = np.arange(scene.size)
    off = [np.minimum(np.abs(line - p), scene.size - np.abs(line - p)) for p in place]
    return np.exp(-(off[0][:, None] ** 2 + off[1] ** 2) / (2 * scene.width**2))


@pytest.fixture(scope="module")
def rows():
    return gather(imaging_rows(SMALL, 0, 0, 20_000), 20_000)


@pytest.mark.parametrize(
    "scene",
    [
        Scene(size=6, width=1.0, contrasts=(1.0, 2.0), stride=1, margin=0),
        Scene(size=7, width=1.5, contrasts=(1.0,), stride=2, margin=1),
    ],
    ids=["even", "odd"],
)
def test_ideal_observer_is_that_of_the_dense_covariance(scene):
    image = np.random.default_rng(0).normal(0, 2, (20, scene.size, scene.size))
    flat, K = image.reshape(20, -1), dense_covariance(scene)
    terms = [
        multivariate_normal.logpdf(flat - a * lesion_at(scene, place).ravel(), cov=K)
        for place, a in itertools.product(scene.places, scene.contrasts)
    ]
    expected = logsumexp(terms, axis=0) - np.log(len(terms)) - multivariate_normal.logpdf(flat, cov=K)
    np.testing.assert_allclose(log_likelihood_ratio(image, scene), expected, rtol=1e-8, atol=1e-8)


def test_images_are_a_lesion_in_noise_of_the_stated_covariance():
    scene, n = Scene(size=6, width=1.0, stride=2, margin=1), 20_000
    drawn = gather(imaging_rows(scene, 0, 0, n), n)
    lesions = np.array([lesion_at(scene, place) for place in scene.places])
    which = (drawn["place"][:, None] == scene.places).all(axis=2).argmax(axis=1)
    noise = (drawn["image"][..., 0] - drawn["contrast"][:, None, None] * lesions[which]).reshape(n, -1)
    K = dense_covariance(scene)
    np.testing.assert_allclose(np.diag(K), 1)
    error = np.sqrt((K**2 + 1) / n)  # of a covariance of Gaussians of variance 1
    assert np.abs((noise.T @ noise / n - K) / error).max() < 4.5
    assert np.abs(noise.mean(axis=0)).max() < 4.5 / np.sqrt(n)
    assert set(drawn["contrast"][drawn["label"] == 0]) == {0.0}
    assert set(drawn["contrast"][drawn["label"] == 1]) == set(scene.contrasts)
    assert set(which) == set(range(len(scene.places)))


def test_posterior_is_calibrated(rows):
    truth, p, once = rows["label"] == 1, rows["probability"][:, 1], np.ones((1, 20_000))
    assert abs(slope(truth, p, once)[0] - 1) < 0.05
    assert abs(intercept(truth, p, once)[0]) < 0.08


def test_oracle_reaches_the_stated_ceiling():
    cohort = simulate_imaging(1_500)
    weight = np.vstack([np.ones(1_500), resamples(cohort.patient, 300, 0)])
    reached = classification(cohort.task.label, cohort.truth.probability, weight, 0.5)
    assert 0.85 < cohort.truth.ceiling["auroc"] < 0.97
    for metric, ceiling in cohort.truth.ceiling.items():
        _, low, high, _ = interval(reached[metric])
        assert low < ceiling < high, metric
    images = cohort.modalities["image"].values
    for naive in (images.mean(axis=(1, 2, 3)), images.max(axis=(1, 2, 3))):
        assert roc_auc_score(cohort.task.label, naive) < cohort.truth.ceiling["auroc"] - 0.1


def test_logistic_regression_on_the_log_odds_has_coefficient_one(rows):
    log_odds = log_likelihood_ratio(rows["image"][..., 0], SMALL)[:, None]
    fitted = LogisticRegression(C=np.inf).fit(log_odds, rows["label"])
    assert abs(fitted.coef_[0, 0] - 1) < 0.05
    assert abs(fitted.intercept_[0]) < 0.08


def test_contrast_is_recovered_by_generalised_least_squares(rows):
    whitened = np.linalg.inv(dense_covariance(SMALL))
    flat = rows["image"].reshape(20_000, -1)
    for place in SMALL.places[::5]:
        s = lesion_at(SMALL, place).ravel()
        energy = s @ whitened @ s
        here = (rows["place"] == place).all(axis=1)
        for a in (0.0, *SMALL.contrasts):
            chosen = flat[here & (rows["contrast"] == a)]
            estimate = chosen @ whitened @ s / energy
            assert abs(estimate.mean() - a) < 4 / np.sqrt(energy * len(chosen))


def test_rows_do_not_depend_on_how_they_are_cut():
    n = BLOCK + 30
    whole = gather(imaging_rows(SMALL, 3, 0, n), n)
    parts = [part for a, b in itertools.pairwise((0, 7, BLOCK, n)) for part in imaging_rows(SMALL, 3, a, b - a)]
    for name, column in gather(parts, n).items():
        np.testing.assert_array_equal(column, whole[name])


def test_the_seed_makes_the_cohort_and_first_makes_fresh_patients():
    one, same, other = (simulate_imaging(40, 32, seed).modalities["image"].values for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    np.testing.assert_array_equal(simulate_imaging(10, 32, 1, first=30).modalities["image"].values, one[30:])


def test_a_cohort_says_that_it_is_simulated_and_what_is_planted():
    cohort = simulate_imaging(20, 32)
    assert cohort.source.simulated
    assert cohort.source.title.startswith("Simulated")
    assert cohort.truth.planted == {"image": ("lesion",)}
    assert cohort.modalities["image"].values.shape == (20, 32, 32, 1)
    assert cohort.modalities["image"].values.dtype == np.float32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 16}, "margin 8 below half"),
        ({"size": 5_000}, "size 5000 must be 2 to 256"),
        ({"stride": 0}, "stride 0 at least 1"),
        ({"width": 0.0}, "width 0.0 and contrasts .* above 0"),
        ({"contrasts": []}, "contrasts .* above 0"),
        ({"n": 0}, "n=0"),
    ],
)
def test_what_cannot_be_is_one_line(options, message):
    with pytest.raises(UserError, match=message):
        simulate_imaging(**{"n": 10, "size": 32, **options})
