"""DNA as strings and as one-hot arrays: the other strand, and how often each k-mer occurs."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from pmjax.data.readers.alphabet import DNA, MAX_CELLS, padded_bytes
from pmjax.errors import UserError
from pmjax.types import HostArray

_COMPLEMENT = str.maketrans("ACGTURYSWKMBDHVNacgturyswkmbdhvn", "TGCAAYRSWMKVHDBNtgcaayrswmkvhdbn")
_CHUNK = 1 << 22
"""Windows or counters handled at a time: bounds the memory beside the counts themselves."""


def reverse_complement(sequence: str) -> str:
    """Write the other strand of a DNA string, 5' to 3'; ambiguity codes are complemented and case is kept."""
    return sequence.translate(_COMPLEMENT)[::-1]


def reverse_complement_one_hot(values: HostArray, mask: HostArray | None = None) -> HostArray:
    """Turn one-hot DNA (N, L, 4), columns ACGT, to the other strand; padding stays at the end.

    Args:
        mask: (N, L) True on the first letters of each row, as `one_hot` makes it; None means that all are real.
    """
    if mask is None:
        return values[:, ::-1, ::-1]
    position = np.arange(mask.shape[1])
    length = mask.sum(axis=1)[:, None]
    source = np.where(position < length, length - 1 - position, position)
    return np.take_along_axis(values, source[..., None], axis=1)[..., ::-1]


def kmers(k: int, canonical: bool = False) -> tuple[str, ...]:
    """Name the columns of `kmer_counts`, in alphabetical order.

    Canonical k-mers stand for themselves and their reverse complement, and are the first of the two.
    """
    words = map("".join, itertools.product("ACGT", repeat=k))
    return tuple(w for w in words if not canonical or w <= reverse_complement(w))


def kmer_counts(
    sequences: Sequence[str] | HostArray, k: int, canonical: bool = False, mask: HostArray | None = None
) -> HostArray:
    """Count the k-mers of each sequence; a window with an ambiguous letter or padding does not count.

    Args:
        sequences: N strings, or one-hot (N, L, 4) with columns ACGT.
        k: letters of a word, 1 to 10.
        canonical: count a word and its reverse complement together.
        mask: (N, L) True where a letter is real; needed only where padding is not 0.

    Returns:
        int32 (N, len(kmers(k, canonical))): 4**k columns, or about half of them where canonical.
    """
    if not 1 <= k <= 10:
        raise UserError(f"k is {k}; k-mers have 1 to 10 letters")
    codes = _codes(sequences) if mask is None else np.where(mask, _codes(sequences), np.int8(-1))
    if len(codes) * 4**k > MAX_CELLS:
        raise UserError(f"{len(codes)} sequences × {4**k} k-mers are more than {MAX_CELLS} values; choose a smaller k")
    counts = np.empty((len(codes), 4**k), np.int32)
    for rows in _chunks(len(codes), max(codes.shape[1], 4**k)):
        words, valid = _words(codes[rows], k)
        flat = (words + np.arange(len(words))[:, None] * 4**k)[valid]
        counts[rows] = np.bincount(flat, minlength=len(words) * 4**k).reshape(len(words), -1)
    return _fold_strands(counts, k) if canonical else counts


def _codes(sequences: Sequence[str] | HostArray) -> HostArray:
    """(N, L) int8: 0 to 3 for A, C, G, T; −1 for anything else."""
    if isinstance(sequences, np.ndarray):
        return np.where(sequences.max(axis=-1) == 1, sequences.argmax(axis=-1), -1).astype(np.int8)
    return DNA.codes[padded_bytes(sequences)]


def _chunks(rows: int, width: int) -> Iterator[slice]:
    step = max(1, _CHUNK // width)
    return (slice(start, start + step) for start in range(0, rows, step))


def _words(codes: HostArray, k: int) -> tuple[HostArray, HostArray]:
    """Number the k-mer that starts at each position (n, L−k+1), and say where all its letters are certain."""
    width = max(codes.shape[1] - k + 1, 0)
    words = np.zeros((len(codes), width), np.int64)
    valid = np.ones((len(codes), width), bool)
    for shift in range(k):
        letters = codes[:, shift : shift + width]
        words = words * 4 + letters
        valid &= letters >= 0
    return words, valid


def _fold_strands(counts: HostArray, k: int) -> HostArray:
    """Add each word's column to that of its reverse complement; a word that is its own counts once."""
    word = np.arange(4**k)
    digits = word[:, None] // 4 ** np.arange(k) % 4
    other = (3 - digits) @ 4 ** np.arange(k)[::-1]
    kept = word <= other
    return counts[:, kept] + np.where(word[kept] == other[kept], 0, counts[:, other[kept]]).astype(np.int32)
