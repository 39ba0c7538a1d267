"""Simulated sequences: the posterior against enumeration, and what carries the class and what does not."""

import itertools

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from pmjax.data.simulate import BLOCK, gather
from pmjax.data.simulate.genomic import (
    START,
    TRANSITION,
    Grammar,
    genomic_posterior,
    genomic_rows,
    simulate_genomic,
)
from pmjax.errors import UserError
from pmjax.evaluate.calibration import intercept, slope
from pmjax.evaluate.classification import classification
from pmjax.evaluate.intervals import interval, resamples

TINY = Grammar(6, ("AC", "G"), conservation=0.7, fidelity=0.8, gaps=((1, 2), (0, 1)))
SHORT = Grammar(length=150)


def likelihood(x, grammar):
    """P(x | class) of (N, L) letters, letter by letter, over every order, gap and place; (N, 2)."""
    total = np.zeros((len(x), 2))
    a, b = (len(motif) for motif in grammar.motifs)
    for y, canonical in itertools.product((0, 1), (True, False)):
        share = grammar.fidelity if canonical == (y == 1) else 1 - grammar.fidelity
        low, high = grammar.gaps[y]
        for gap in range(low, high + 1):
            places = x.shape[1] - a - b - gap + 1
            for left in range(places):
                starts = (left, left + a + gap) if canonical else (left + b + gap, left)
                chance = np.full(len(x), share / (high - low + 1) / places)
                for at in range(x.shape[1]):
                    drawn = START[x[:, 0]] if at == 0 else TRANSITION[x[:, at - 1], x[:, at]]
                    for start, pwm in zip(starts, grammar.pwms, strict=True):
                        if start <= at < start + len(pwm):
                            drawn = pwm[at - start][x[:, at]]
                    chance *= drawn
                total[:, y] += chance
    return total


@pytest.fixture(scope="module")
def rows():
    return gather(genomic_rows(SHORT, 0, 0, 20_000), 20_000)


def test_posterior_is_that_of_enumeration_for_every_sequence():
    every = np.array(list(itertools.product(range(4), repeat=6)), np.uint8)
    enumerated = likelihood(every, TINY)
    np.testing.assert_allclose(enumerated.sum(axis=0), 1)
    expected = enumerated / enumerated.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(genomic_posterior(every, TINY), expected, rtol=1e-12)


def test_posterior_is_that_of_enumeration_at_length_12():
    grammar = Grammar(12, ("ACG", "TT"), conservation=0.9, fidelity=0.9, gaps=((2, 4), (0, 3)))
    letters = np.random.default_rng(0).integers(0, 4, (40, 12)).astype(np.uint8)
    expected = likelihood(letters, grammar)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(genomic_posterior(letters, grammar), expected, rtol=1e-12)


def test_sequences_follow_the_law_that_the_posterior_assumes():
    n = 100_000
    drawn = gather(genomic_rows(TINY, 0, 0, n), n)
    codes = drawn["sequence"].argmax(axis=2) @ 4 ** np.arange(5, -1, -1)
    every = np.array(list(itertools.product(range(4), repeat=6)))
    expected = likelihood(every, TINY) * n / 2
    for y in (0, 1):
        counts = np.bincount(codes[drawn["label"] == y], minlength=4**6)
        chi_squared = ((counts - expected[:, y]) ** 2 / expected[:, y]).sum()
        assert abs(chi_squared - 4**6) < 5 * np.sqrt(2 * 4**6)


def test_posterior_is_calibrated(rows):
    truth, p, once = rows["label"] == 1, rows["probability"][:, 1], np.ones((1, 20_000))
    assert abs(slope(truth, p, once)[0] - 1) < 0.05
    assert abs(intercept(truth, p, once)[0]) < 0.08


def test_oracle_reaches_the_stated_ceiling():
    cohort = simulate_genomic(3_000, length=150)
    weight = np.vstack([np.ones(3_000), resamples(cohort.patient, 300, 0)])
    reached = classification(cohort.task.label, cohort.truth.probability, weight, 0.5)
    assert 0.9 < cohort.truth.ceiling["auroc"] < 0.99
    for metric, ceiling in cohort.truth.ceiling.items():
        _, low, high, _ = interval(reached[metric])
        assert low < ceiling < high, metric


def test_fidelity_is_recovered_by_maximum_likelihood(rows):
    letters = rows["sequence"][:5_000].argmax(axis=2).astype(np.uint8)

    def log_likelihood(fidelity):
        p = genomic_posterior(letters, Grammar(length=150, fidelity=fidelity))
        return np.log(p[np.arange(5_000), rows["label"][:5_000]]).sum()

    assert max((0.84, 0.87, 0.9, 0.93, 0.96), key=log_likelihood) in (0.87, 0.9, 0.93)


def test_motifs_are_planted_where_it_is_said(rows):
    letters, starts = rows["sequence"].argmax(axis=2), rows["starts"]
    for m, motif in enumerate(SHORT.motifs):
        found = np.take_along_axis(letters, starts[:, [m]] + np.arange(10), axis=1)
        share = (found == ["ACGT".index(letter) for letter in motif]).mean()
        assert abs(share - SHORT.conservation) < 5 * np.sqrt(0.85 * 0.15 / found.size)
    gap = np.abs(starts[:, 0] - starts[:, 1]) - 10
    for y, (low, high) in enumerate(SHORT.gaps):
        assert (gap[rows["label"] == y].min(), gap[rows["label"] == y].max()) == (low, high)
    canonical = starts[:, 0] < starts[:, 1]
    assert abs((canonical == rows["label"]).mean() - SHORT.fidelity) < 5 * np.sqrt(0.09 / 20_000)


def test_composition_carries_nothing(rows):
    """A logistic regression on 3-mer counts sees no class, though the oracle's AUROC is above .9."""
    letters, label = rows["sequence"].argmax(axis=2), rows["label"]
    codes = 16 * letters[:, :-2] + 4 * letters[:, 1:-1] + letters[:, 2:]
    counts = np.array([np.bincount(code, minlength=64) for code in codes]) / 5.0
    p = cross_val_predict(LogisticRegression(max_iter=300), counts, label, method="predict_proba", cv=2)[:, 1]
    assert abs(roc_auc_score(label, p) - 0.5) < 4 / np.sqrt(12 * 5_000)
    assert roc_auc_score(label, rows["probability"][:, 1]) > 0.9


def test_rows_do_not_depend_on_how_they_are_cut():
    n = BLOCK + 30
    whole = gather(genomic_rows(SHORT, 3, 0, n), n)
    assert len({len(column) for column in whole.values()}) == 1
    for cuts in ((0, 7, n), (0, BLOCK, BLOCK + 1, n)):
        parts = [part for a, b in itertools.pairwise(cuts) for part in genomic_rows(SHORT, 3, a, b - a)]
        for name, column in gather(parts, n).items():
            np.testing.assert_array_equal(column, whole[name])


def test_the_seed_makes_the_cohort_and_first_makes_fresh_patients():
    one, same, other = (simulate_genomic(40, 100, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.modalities["sequence"].values, same.modalities["sequence"].values)
    assert (one.modalities["sequence"].values != other.modalities["sequence"].values).any()
    later = simulate_genomic(10, 100, 1, first=30)
    np.testing.assert_array_equal(later.modalities["sequence"].values, one.modalities["sequence"].values[30:])
    assert list(later.patient) == list(one.patient[30:])


def test_a_cohort_says_that_it_is_simulated_and_what_is_planted():
    cohort = simulate_genomic(20, 100)
    assert cohort.source.simulated
    assert cohort.source.title.startswith("Simulated")
    assert cohort.truth.planted == {"sequence": SHORT.motifs}
    assert cohort.modalities["sequence"].values.shape == (20, 100, 4)
    np.testing.assert_array_equal(cohort.modalities["sequence"].values.sum(axis=2), 1)


def test_certain_motifs_and_rules_leave_no_doubt():
    cohort = simulate_genomic(200, 100, conservation=1.0, fidelity=1.0, gaps=[[1, 3], [6, 9]])
    assert cohort.truth.ceiling["accuracy"] > 0.999


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"motifs": ["ACG"]}, "give two of 1 to 40 letters from ACGT"),
        ({"motifs": ["ACG", "ANN"]}, "give two of 1 to 40 letters from ACGT"),
        ({"gaps": [[5, 3], [1, 2]]}, "0 <= lowest <= highest"),
        ({"conservation": 1.5}, "must lie in 0.25 to 1"),
        ({"length": 54}, "length 54 is too short .* at least 55"),
        ({"length": 100_001}, "length 100001: at most 100,000"),
        ({"n": 0}, "n=0"),
        ({"first": -1}, "first=-1"),
        ({"seed": -1}, "seed -1"),
    ],
)
def test_what_cannot_be_is_one_line(options, message):
    with pytest.raises(UserError, match=message):
        simulate_genomic(**{"n": 10, **options})
