"""Concordant and comparable pairs of rows, of which Harrell's C is the ratio, of many resamples in O(n log n)."""

import numpy as np
from jaxtyping import Bool, Float, Int

_PAIRS_AT_ONCE = 4_000_000


def concordance(
    start: Float[np.ndarray, " N"],
    time: Float[np.ndarray, " N"],
    event: Bool[np.ndarray, " N"],
    risk: Float[np.ndarray, " N"],
    weight: Float[np.ndarray, "S N"],
) -> tuple[Float[np.ndarray, " S"], Float[np.ndarray, " S"]]:
    """Count concordant and comparable pairs of one fold.

    Whoever leaves after row i failed was at risk then, except where it also entered afterwards: late entries stand in
    line behind the failures that they missed, with weight −1.
    """
    row, entry, moment, rank = _line(start, time, event, risk)
    source = moment % 2 == 0
    dtype = np.float32 if weight.sum(axis=1).max() < 2**22 else np.float64  # float32 is exact below 2**24
    drawn: np.ndarray = weight[:, row].astype(dtype)
    target = np.where(entry, -drawn, drawn)
    drawn *= source
    failing = drawn[:, source]
    ended = np.searchsorted(moment, moment[source], side="right") - 1
    gone = np.cumsum(target, axis=1)
    comparable = np.einsum("se,se->s", failing, gone[:, -1:] - gone[:, ended], dtype=np.float64)
    concordant = pairs_in_order(rank, source, drawn, target) - _together(moment[source], rank[source], failing) / 2
    return concordant, comparable


def _line(
    start: Float[np.ndarray, " N"],
    time: Float[np.ndarray, " N"],
    event: Bool[np.ndarray, " N"],
    risk: Float[np.ndarray, " N"],
) -> tuple[np.ndarray, ...]:
    """Line up rows as they leave and, where they miss a failure, as they enter.

    Returns:
        Of each place in line: row; whether it enters; moment, which is even at a failure, odd at what comes behind
        those of the same time; and rank of its risk. Rows that fail together stand by risk, so that none is behind one
        of a larger risk.
    """
    late = np.flatnonzero(start >= time[event].min())
    row = np.concatenate([np.arange(len(time)), late])
    at, risk = np.concatenate([time, start[late]]), risk[row]
    fails = np.concatenate([event, np.zeros(len(late), bool)])
    by_time, by_risk = np.argsort(at), np.argsort(risk)
    moment = np.empty(len(row), np.int64)
    moment[by_time] = 2 * _levels(at[by_time]) + ~fails[by_time]
    line, place = np.divmod(np.sort(moment[by_risk] * len(row) + np.arange(len(row))), len(row))
    order = by_risk[place]
    return row[order], order >= len(time), line, _levels(risk[by_risk])[place]


def _together(moment: np.ndarray, rank: np.ndarray, drawn: np.ndarray) -> Float[np.ndarray, " S"]:
    """Count the pairs that fail together with the same risk."""
    first = np.flatnonzero((np.diff(moment, prepend=-1) != 0) | (np.diff(rank, prepend=-1) != 0))
    if len(first) == len(rank):
        return np.zeros(len(drawn))
    groups = np.add.reduceat(drawn, first, axis=1)
    together, alone = (np.einsum("sg,sg->s", w, w, dtype=np.float64) for w in (groups, drawn))
    return (together - alone) / 2


def _levels(ordered: np.ndarray) -> Int[np.ndarray, " N"]:
    """Number the distinct values of an array in order."""
    return np.cumsum(np.concatenate([[0], ordered[1:] != ordered[:-1]]))


def pairs_in_order(
    rank: Int[np.ndarray, " M"],
    source: Bool[np.ndarray, " M"],
    drawn: Float[np.ndarray, "S M"],
    target: Float[np.ndarray, "S M"],
) -> Float[np.ndarray, " S"]:
    """Sum drawn_i · target_j · ([rank_j < rank_i] + ½ [rank_j = rank_i]) over sources i and all j behind i.

    The M items are halved again and again. Pairs across two halves are counted for all sources at once by running
    sums in order of rank, pairs within the last blocks one by one, as a matrix product. Measured, blocks of 16 to 128
    items are equally fast for one resample, and of 128 to 512 for many, which a product serves together.

    Args:
        rank: 0 … of each item, ties equal.
        source: items that may be i.
        drawn: weight of an item as i, 0 where it is no source.
        target: weight of an item as j.
    """
    S, M = drawn.shape
    largest = 32 if S < 32 else 256
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
