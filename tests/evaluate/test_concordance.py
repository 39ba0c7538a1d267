"""Pairs counted by halving are the pairs counted one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.evaluate.concordance import pairs_in_order


def one_by_one(rank, source, drawn, target):
    M = len(rank)
    score = (rank[None, :] < rank[:, None]) + 0.5 * (rank[None, :] == rank[:, None])
    score = np.triu(score * source[:, None], 1)
    assert score.shape == (M, M)
    return np.einsum("si,ij,sj->s", drawn, score, target)


def line(seed, n, ranks, resamples):
    rng = np.random.default_rng(seed)
    rank = np.unique(rng.integers(0, ranks, n), return_inverse=True)[1]
    source = rng.random(n) < 0.5
    drawn = rng.integers(0, 4, (resamples, n)) * source
    target = rng.integers(-3, 4, (resamples, n))
    return rank, source, drawn.astype(np.float32), target.astype(np.float32)


@given(st.integers(0, 10_000), st.integers(1, 300), st.integers(1, 500))
def test_few_resamples(seed, n, ranks):
    items = line(seed, n, ranks, 2)
    np.testing.assert_array_equal(pairs_in_order(*items), one_by_one(*items))


@pytest.mark.parametrize("n", [1, 255, 256, 257, 513, 1700])
@pytest.mark.parametrize("ranks", [1, 40, 10**9])
def test_many_resamples(n, ranks):
    items = line(n, n, ranks, 33)
    np.testing.assert_array_equal(pairs_in_order(*items), one_by_one(*items))


def test_sorted_lines_have_all_pairs_or_none():
    n = 5000
    one, everyone = np.ones((1, n), np.float32), np.ones(n, bool)
    assert pairs_in_order(np.arange(n)[::-1].copy(), everyone, one, one)[0] == n * (n - 1) / 2
    assert pairs_in_order(np.arange(n), everyone, one, one)[0] == 0
    assert pairs_in_order(np.zeros(n, int), everyone, one, one)[0] == n * (n - 1) / 4
