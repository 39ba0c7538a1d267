"""Resamples draw whole patients; the interval covers, leaves the undefined out and says so."""

import numpy as np
import pytest

from pmjax.evaluate.classification import auroc
from pmjax.evaluate.intervals import interval, resamples


def test_rows_of_a_patient_stay_together():
    patient = np.array(["b", "a", "b", "c", "a", "b"])
    counts = resamples(patient, 200, seed=0)
    assert counts.shape == (200, 6)
    for name in "abc":
        own = counts[:, patient == name]
        assert (own == own[:, :1]).all()
    first = [int(np.flatnonzero(patient == name)[0]) for name in "abc"]
    assert (counts[:, first].sum(axis=1) == 3).all()
    assert counts[:, first].std() > 0


def test_resamples_follow_the_seed_alone():
    patient = np.arange(20).astype(str)
    np.testing.assert_array_equal(resamples(patient, 50, 1), resamples(patient, 50, 1))
    assert (resamples(patient, 50, 1) != resamples(patient, 50, 2)).any()


def test_resamples_are_the_same_in_blocks(monkeypatch):
    patient = np.arange(20).astype(str)
    whole = resamples(patient, 50, 1)
    monkeypatch.setattr("pmjax.evaluate.intervals._DRAWS_AT_ONCE", 70)
    np.testing.assert_array_equal(resamples(patient, 50, 1), whole)


def test_interval_covers_the_true_auroc():
    """Two normals one apart: AUROC is Φ(1/√2) = 0.760250. 300 studies; 95 % ± 3.5 binomial standard errors."""
    rng = np.random.default_rng(0)
    covered = 0
    for study in range(300):
        truth = np.arange(120) < 60
        score = rng.normal(size=120) + truth
        counts = np.concatenate([np.ones((1, 120)), resamples(np.arange(120).astype(str), 300, study)])
        _, low, high, _ = interval(auroc(truth, score, counts))
        covered += low <= 0.760250 <= high
    assert 0.906 <= covered / 300 <= 0.994


def test_undefined_resamples_are_left_out_and_counted():
    values = np.concatenate([[0.5], np.linspace(0, 1, 95), np.full(5, np.nan)])
    estimate, low, high, method = interval(values)
    assert (estimate, low, high) == (0.5, pytest.approx(0.025), pytest.approx(0.975))
    assert "100 resamples, 5 undefined" in method


def test_too_few_defined_resamples_give_no_interval():
    estimate, low, high, method = interval(np.concatenate([[0.5], np.ones(50), np.full(50, np.nan)]))
    assert (estimate, low, high) == (0.5, None, None)
    assert "50 of 100" in method


def test_an_undefined_estimate_is_none_with_its_reason():
    estimate, low, high, method = interval(np.array([np.nan, 1.0, 1.0]))
    assert (estimate, low, high) == (None, None, None)
    assert "undefined" in method
