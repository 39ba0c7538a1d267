"""Counting of ordered pairs in O(n log n), for many resamples at once: the work behind Harrell's C."""

import numpy as np
from jaxtyping import Bool, Float, Int

_PAIRS_AT_ONCE = 4_000_000


def pairs_in_order(
    rank: Int[np.ndarray, " M"],
    source: Bool[np.ndarray, " M"],
    drawn: Float[np.ndarray, "S M"],
    target: Float[np.ndarray, "S M"],
) -> Float[np.ndarray, " S"]:
    """Sum drawn_i · target_j · ([rank_j < rank_i] + ½ [rank_j = rank_i]) over sources i and all j behind i.

    The M items are halved again and again. Pairs across two halves are counted for all sources at once by running
    sums in order of rank, pairs within the last blocks one by one, as a matrix product. Halving costs about as much
    as 32 pairs an item for one resample, and as 512 for many, which a product serves together.

    Args:
        rank: 0 … of each item, ties equal.
        source: items that may be i.
        drawn: weight of an item as i, 0 where it is no source.
        target: weight of an item as j.
    """
    S, M = drawn.shape
    largest = 32 if S < 32 else 512
    levels = int(np.ceil(np.log2(max(M / largest, 1))))
    size = -(-M // 2**levels)
    padded = np.pad(rank, (0, size * 2**levels - M), constant_values=M).astype(np.int32)
    wide = [np.pad(weights, ((0, 0), (0, len(padded) - M))) for weights in (drawn, target)]
    total = _within_blocks(padded.reshape(-1, size), *wide)
    if levels:
        is_source = np.pad(source, (0, len(padded) - M))
        orders = _by_rank(padded, is_source)
        total += sum(_across_halves(order, levels, is_source, *wide) for order in orders) / len(orders)
    return total


def _by_rank(rank: np.ndarray, source: np.ndarray) -> list[np.ndarray]:
    """Order items by rank, the earlier first; where a source has an equal behind it, a second time, the later first.

    What a source finds below itself is counted in both: an equal once.
    """
    position = np.arange(len(rank))
    key = rank.astype(np.int64) * len(rank)
    order = np.sort(key + position) % len(rank)
    ties = (rank[order[1:]] == rank[order[:-1]]) & source[order[:-1]]
    if not ties.any():
        return [order.astype(np.int32)]
    later_first = len(rank) - 1 - np.sort(key + position[::-1]) % len(rank)
    return [order.astype(np.int32), later_first.astype(np.int32)]


def _within_blocks(rank: np.ndarray, drawn: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Count the pairs within each block of `rank` (m, b)."""
    m, b = rank.shape
    total = np.zeros(len(drawn))
    behind = np.triu(np.ones((b, b), np.float32), 1)
    step = max(1, _PAIRS_AT_ONCE // max(1, b * b))
    for at in range(0, m, step):
        r = rank[at : at + step]
        before, after = r[:, :, None], r[:, None, :]
        pairs = ((after < before).astype(np.float32) + (after <= before)) * behind
        columns = slice(at * b, (at + len(r)) * b)
        i, j = (w[:, columns].reshape(-1, len(r), b).swapaxes(0, 1) for w in (drawn, target))
        total += np.einsum("msb,msb->s", i @ pairs, j, dtype=np.float64)
    return total / 2


def _across_halves(
    order: np.ndarray, levels: int, source: np.ndarray, drawn: np.ndarray, target: np.ndarray
) -> np.ndarray:
    """Count the pairs whose items lie in the first and the second half of a block, on every level.

    `order` lists items by rank; halving keeps that order within each half.
    """
    total = np.zeros(len(drawn))
    for level in range(levels):
        blocks = order.reshape(2**level, -1)
        m, size = blocks.shape
        second = blocks >= (np.arange(m) * size + size // 2)[:, None]
        firsts, seconds = blocks[~second], blocks[second]
        below = np.zeros((len(target), len(seconds) + 1), target.dtype)
        np.cumsum(target[:, seconds], axis=1, out=below[:, 1:])
        which = np.flatnonzero(source[firsts])
        before = np.flatnonzero(~second)[which] - which  # seconds that come before it, those of earlier blocks too
        opens = which // (size // 2) * (size // 2)
        counted = below[:, before] - below[:, opens]
        total += np.einsum("sl,sl->s", drawn[:, firsts[which]], counted, dtype=np.float64)
        order = np.stack([firsts.reshape(m, -1), seconds.reshape(m, -1)], axis=1)
    return total
