"""Alphabets of DNA and protein: letters to one-hot rows, ambiguous letters to shares of one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pmjax.errors import UserError
from pmjax.types import HostArray

MAX_CELLS = 1 << 31
"""Values that one encoded cohort may have: one endless record must not pad all others to its length."""


@dataclass(frozen=True)
class Alphabet:
    """The letters of a kind of sequence.

    Attributes:
        name: as in configs.
        symbols: the letters that have a column each, in order.
        ambiguous: every other letter that is read → the symbols that it may stand for.
    """

    name: str
    symbols: str
    ambiguous: Mapping[str, str]

    @cached_property
    def table(self) -> HostArray:
        """(256, C) float32: the row of each byte, uniform over what it may be; 0 for bytes that are no letter."""
        table = np.zeros((256, len(self.symbols)), np.float32)
        for letter, meanings in {**{s: s for s in self.symbols}, **self.ambiguous}.items():
            row = [(symbol in meanings) / len(meanings) for symbol in self.symbols]
            table[[ord(letter), ord(letter.lower())]] = row
        return table

    @cached_property
    def codes(self) -> HostArray:
        """(256,) int8: the column of each byte; −1 for ambiguous letters and for bytes that are no letter."""
        return np.where(self.table.max(axis=1) == 1, self.table.argmax(axis=1), -1).astype(np.int8)

    @cached_property
    def letters(self) -> bytes:
        """Every byte that is read, of either case."""
        return bytes(np.flatnonzero(self.table.any(axis=1)).tolist())

    def strange(self, sequence: str) -> str:
        """Returns the first character of `sequence` that is not read, or an empty string."""
        if not sequence.encode("latin-1", "replace").translate(None, self.letters):
            return ""
        return next(c for c in sequence if ord(c) > 255 or ord(c) not in self.letters)

    def advice(self) -> str:
        """Say which letters are read, for an error."""
        return f"{self.name} is written in {self.symbols} and {''.join(self.ambiguous)}"


# Johnson, Nucleic Acids Res 38 (2010) e23: the IUPAC codes. U, of RNA, is T.
DNA = Alphabet(
    "dna",
    "ACGT",
    dict(
        zip("URYSWKMBDHVN", ["T", "AG", "CT", "CG", "AT", "GT", "AC", "CGT", "AGT", "ACT", "ACG", "ACGT"], strict=True)
    ),
)
_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
# Selenocysteine (U) and pyrrolysine (O) are none of the twenty: they are read as unknown, like X.
PROTEIN = Alphabet("protein", _ACIDS, {"B": "DN", "J": "IL", "Z": "EQ", "X": _ACIDS, "U": _ACIDS, "O": _ACIDS})
ALPHABETS: Mapping[str, Alphabet] = {"dna": DNA, "protein": PROTEIN}


def padded_bytes(sequences: Sequence[str]) -> HostArray:
    """Lay sequences out as (N, L) uint8, 0 after the end of each; L is the longest.

    A character outside Latin-1 becomes "?", which is no letter of any alphabet.
    """
    lengths = _lengths(sequences)
    grid = np.zeros((len(sequences), int(lengths.max(initial=0))), np.uint8)
    grid[_real(lengths, grid.shape[1])] = np.frombuffer("".join(sequences).encode("latin-1", "replace"), np.uint8)
    return grid


def one_hot(sequences: Sequence[str], alphabet: Alphabet = DNA) -> tuple[HostArray, HostArray]:
    """Encode sequences of any case, padded to the longest.

    Returns:
        Values (N, L, C), rows of real positions sum to 1: uint8 where every letter is certain, else float32 with an
        ambiguous letter spread evenly over what it may be (N is ¼ each); padding is 0. Mask (N, L), True where real.

    Raises:
        UserError: a letter outside the alphabet, an empty sequence, or a longest that pads the rest beyond memory.
    """
    lengths = _lengths(sequences)
    if not lengths.all():
        raise UserError(f"sequence {int(np.argmin(lengths))} is empty; drop it")
    cells = len(sequences) * int(lengths.max(initial=0)) * len(alphabet.symbols)
    if cells > MAX_CELLS:
        raise UserError(
            f"sequence {int(lengths.argmax())} has {lengths.max()} letters: {len(sequences)} sequences padded to that "
            f"are {cells} values, more than {MAX_CELLS}; cut or drop it"
        )
    grid = padded_bytes(sequences)
    mask = _real(lengths, grid.shape[1])
    legal = alphabet.table.max(axis=1) > 0
    illegal = mask & ~legal[grid]
    if illegal.any():
        row, column = np.argwhere(illegal)[0]
        raise UserError(
            f"sequence {row}, position {column + 1}: letter {sequences[row][column]!r}; {alphabet.advice()}"
        )
    certain = not np.any(mask & (alphabet.codes[grid] < 0))
    return alphabet.table.astype(np.uint8 if certain else np.float32)[grid], mask


def _lengths(sequences: Iterable[str]) -> HostArray:
    return np.fromiter(map(len, sequences), np.int64)


def _real(lengths: HostArray, width: int) -> HostArray:
    return np.arange(width) < lengths[:, None]
