"""Sequences that are nearly the same, on either strand and at any offset, found by the k-mers that they share.

Not all pairs are compared. A row is compared with the next WINDOW rows that have one of its k-mers, along the diagonal
on which the k-mer lies in both. So a pair is missed where it shares no k-mer that was kept (at 95 % identity hardly
ever, at 90 % about 3 in 100 pairs of 60 bases and fewer of longer ones), or where an insertion or deletion puts its
halves on two diagonals, neither of which reaches the threshold.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, log2

import numpy as np

from pmjax.audit.observed import blocks, observed
from pmjax.cohort import Modality
from pmjax.types import HostArray

NEAR_IDENTITY = 0.9
"""Two sequences are near where this share of the shorter one's letters is the same in the other along a diagonal."""

WINDOW = 16
"""So a k-mer that every row has costs no more than others. The rows of a k-mer stand in the order of their least
k-mers, which brings those together that share many."""

K_BITS = 24
"""A k-mer says at least so much: 12 bases or 6 amino acids. It grows until chance pairs are few enough."""

SEEDS = 10_000_000
"""Of more k-mers, each is kept with equal chance to about so many, everywhere or nowhere: 1 GiB of memory at most."""

_CHANCE_LETTERS = 5e8
_LETTERS_AT_ONCE = 1 << 22
_GAP, _AMBIGUOUS, _UNKNOWN = 253, 254, 255


@dataclass(frozen=True)
class _Seeds:
    """K-mers by what they say, then by the least k-mer of their row: row, place and whether the strand is turned."""

    word: HostArray
    row: HostArray
    place: HostArray
    turned: HostArray


def near_pairs(modality: Modality, rows: HostArray) -> tuple[HostArray, HostArray]:
    """Find pairs among `rows` of at least NEAR_IDENTITY.

    Returns:
        (P, 2) rows, each pair once, and (P,) their identity.
    """
    codes, partner = letters(modality, rows), complement(modality.features)
    length = (codes != _UNKNOWN).sum(axis=1)
    k = _word_length(codes.shape, len(modality.features))
    seeds = _seeds(codes, k, len(modality.features), partner)
    strands = [_padded(codes)] + ([] if partner is None else [_padded(_turn(codes, partner))])
    pairs, identities = [np.empty((0, 2), int)], [np.empty(0)]
    for i, j, offset, turned in _candidates(seeds, codes.shape, k):
        for strand, padded in enumerate(strands):
            mine = np.flatnonzero(turned == strand)
            same = _matches(codes, padded, i[mine], j[mine], offset[mine])
            identity = same / np.maximum(1, np.minimum(length[i[mine]], length[j[mine]]))
            near = identity >= NEAR_IDENTITY
            pairs.append(np.column_stack([i[mine], j[mine]])[near])
            identities.append(identity[near])
    return _best(rows, np.concatenate(pairs), np.concatenate(identities))


def letters(modality: Modality, rows: HostArray) -> HostArray:
    """(n, L) uint8 number of each letter of the rows; 255 where it is ambiguous, padding, or not observed."""
    codes = np.full((len(rows), modality.values.shape[1]), _UNKNOWN, np.uint8)
    for block in blocks(modality):
        values = observed(modality, rows[block])[0].reshape(-1, *modality.values.shape[1:])
        codes[block] = np.where(values.max(axis=2, initial=0) == 1, values.argmax(axis=2), _UNKNOWN)
    return codes


def complement(features: tuple[str, ...]) -> HostArray | None:
    """(C,) the number of each letter's complement; None where the letters are not those of DNA or RNA."""
    names = [f.upper().replace("U", "T") for f in features]
    if sorted(names) != list("ACGT"):
        return None
    return np.array([names.index(dict(zip("ACGT", "TGCA", strict=True))[name]) for name in names], np.uint8)


def _turn(codes: HostArray, partner: HostArray) -> HostArray:
    """Read each row on the other strand."""
    return np.append(partner, np.full(256 - len(partner), _UNKNOWN, np.uint8))[codes[:, ::-1]]


def _word_length(shape: tuple[int, ...], letters: int) -> int:
    rows, length = shape
    count, k = min(SEEDS, rows * length), ceil(K_BITS / log2(letters))
    while count**2 / letters**k * length > _CHANCE_LETTERS:
        k += 1
    return k


def _seeds(codes: HostArray, k: int, alphabet: int, partner: HostArray | None) -> _Seeds:
    n, places = len(codes), codes.shape[1] - k + 1
    if places < 1:
        return _Seeds(np.empty(0, np.uint64), *(np.empty(0, int) for _ in range(3)))
    share = min(1.0, SEEDS / (n * places))
    kept: list[tuple[HostArray, ...]] = []
    least = np.empty(n, np.uint64)
    step = max(1, _LETTERS_AT_ONCE // codes.shape[1])
    for low in range(0, n, step):
        block = codes[low : low + step]
        word, turned = _words(block, k, alphabet), np.zeros((len(block), places), bool)
        if partner is not None:
            other = _words(_turn(block, partner), k, alphabet)[:, ::-1]
            turned = other < word
            word = np.minimum(word, other)
        word = _mixed(word)
        word[_broken(block, k)] = np.iinfo(np.uint64).max
        least[low : low + step] = word.min(axis=1)
        row, place = np.nonzero(word < np.uint64(share * (2**64 - 2**12)))
        kept.append((word[row, place], (row + low).astype(np.int32), place.astype(np.int32), turned[row, place]))
    words, row, place, turned = (np.concatenate(column) for column in zip(*kept, strict=True))
    rank = np.argsort(np.argsort(least, kind="stable"), kind="stable")
    order = np.lexsort((rank[row], words))
    return _Seeds(words[order], row[order], place[order], turned[order])


def _words(codes: HostArray, k: int, alphabet: int) -> HostArray:
    """(n, L − k + 1) uint64, the k letters from each place on as a number; of no meaning where one is unknown."""
    bits = np.uint64(ceil(log2(alphabet)))
    words = np.zeros((len(codes), codes.shape[1] - k + 1), np.uint64)
    for i in range(k):
        words = (words << bits) | (codes[:, i : i + words.shape[1]] & np.uint8(2 ** int(bits) - 1))
    return words


def _broken(codes: HostArray, k: int) -> HostArray:
    """(n, L − k + 1) bool, where one of the k letters is unknown."""
    unknown = np.zeros((len(codes), codes.shape[1] + 1), np.int32)
    np.cumsum(codes == _UNKNOWN, axis=1, out=unknown[:, 1:])
    return unknown[:, k:] > unknown[:, :-k]


def _mixed(word: HostArray) -> HostArray:
    """Shuffle the numbers one to one (the finaliser of MurmurHash3, public domain), so that a cut is at random."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        word = (word ^ (word >> np.uint64(33))) * np.uint64(factor)
    return word ^ (word >> np.uint64(33))


def _candidates(seeds: _Seeds, shape: tuple[int, ...], k: int) -> Iterator[tuple[HostArray, ...]]:
    """Rows i < j, offset of j's letters on i's, and whether j is turned; once for each distance in the order."""
    n, length = shape
    first = np.arange(len(seeds.word))
    for distance in range(1, WINDOW + 1):
        first = first[first + distance < len(seeds.word)]
        first = first[seeds.word[first] == seeds.word[first + distance]]
        low, high = first, first + distance
        swap = seeds.row[low] > seeds.row[high]
        low, high = np.where(swap, high, low), np.where(swap, low, high)
        i, j, turned = seeds.row[low], seeds.row[high], seeds.turned[low] != seeds.turned[high]
        # A k-mer at place p of a row is at place L − k − p of the other strand.
        place = np.where(turned, length - k - seeds.place[high], seeds.place[high])
        offset = place - seeds.place[low]
        key = ((i.astype(np.int64) * n + j) * (2 * length) + offset + length) * 2 + turned
        key = np.unique(key[i != j])
        rest, turned = np.divmod(key, 2)
        rest, offset = np.divmod(rest, 2 * length)
        yield rest // n, rest % n, offset - length, turned


def _padded(codes: HostArray) -> HostArray:
    """(starts, L) view of L letters from any start; row r begins at r·2L + L, and gaps match nothing."""
    n, length = codes.shape
    flat = np.full((n + 1, 2 * length), _GAP, np.uint8)
    flat[:n, length:] = np.where(codes == _UNKNOWN, _AMBIGUOUS, codes)
    return np.lib.stride_tricks.sliding_window_view(flat.ravel(), length)


def _matches(codes: HostArray, padded: HostArray, i: HostArray, j: HostArray, offset: HostArray) -> HostArray:
    """Count the letters of row i that row j has at the same place, moved by `offset`."""
    length = codes.shape[1]
    start, same = j * (2 * length) + length + offset, np.zeros(len(i), int)
    step = max(1, _LETTERS_AT_ONCE // length)
    for low in range(0, len(i), step):
        block = slice(low, low + step)
        same[block] = (codes[i[block]] == padded[start[block]]).sum(axis=1)
    return same


def _best(rows: HostArray, pairs: HostArray, identity: HostArray) -> tuple[HostArray, HostArray]:
    order = np.lexsort((-identity, pairs[:, 1], pairs[:, 0]))
    pairs, identity = pairs[order], identity[order]
    first = np.ones(len(pairs), bool)
    first[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    return rows[pairs[first]], identity[first]
