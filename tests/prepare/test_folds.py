"""Folds are held, row by row, to those of scikit-learn."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold, StratifiedShuffleSplit

from pmjax.prepare.folds import held_out, shuffled_folds

strata = st.lists(st.integers(0, 3), min_size=8, max_size=60).map(np.array)
seeds = st.integers(0, 2**32 - 1)


def counts(stratum):
    return np.unique(stratum, return_counts=True)[1]


@given(strata, st.integers(2, 6), seeds)
def test_folds_without_strata(stratum, folds, seed):
    ours = shuffled_folds(stratum, folds, seed, stratified=False)
    for k, (_, test) in enumerate(KFold(folds, shuffle=True, random_state=seed).split(stratum)):
        np.testing.assert_array_equal(np.flatnonzero(ours == k), test)


@given(strata, st.integers(2, 6), seeds)
def test_folds_with_strata(stratum, folds, seed):
    assume(counts(stratum).min() >= folds)
    ours = shuffled_folds(stratum, folds, seed, stratified=True)
    for k, (_, test) in enumerate(StratifiedKFold(folds, shuffle=True, random_state=seed).split(stratum, stratum)):
        np.testing.assert_array_equal(np.flatnonzero(ours == k), test)


@given(strata, st.integers(1, 7), seeds)
def test_held_out_without_strata(stratum, count, seed):
    (pair,) = ShuffleSplit(1, test_size=count, random_state=seed).split(stratum)
    np.testing.assert_array_equal(np.flatnonzero(held_out(stratum, count, seed, stratified=False)), np.sort(pair[1]))


@given(strata, st.integers(1, 30), seeds)
def test_held_out_with_strata(stratum, count, seed):
    classes = len(counts(stratum))
    assume(counts(stratum).min() >= 2 and classes <= count <= len(stratum) - classes)
    (pair,) = StratifiedShuffleSplit(1, test_size=count, random_state=seed).split(stratum, stratum)
    np.testing.assert_array_equal(np.flatnonzero(held_out(stratum, count, seed, stratified=True)), np.sort(pair[1]))


@pytest.mark.parametrize("stratified", [False, True])
def test_another_seed_draws_other_rows(stratified):
    stratum = np.arange(200) % 3
    one, other = (held_out(stratum, 50, seed, stratified=stratified) for seed in (0, 1))
    assert one.sum() == other.sum() == 50
    assert (one != other).any()
