"""Letters to one-hot rows and back to counts: against plain loops, hand-made values and identities."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.data.readers.alphabet import ALPHABETS, DNA, MAX_CELLS, PROTEIN, one_hot
from pmjax.data.readers.dna import kmer_counts, kmers, reverse_complement, reverse_complement_one_hot
from pmjax.errors import UserError

CODES = "ACGTURYSWKMBDHVN"
sequence = st.text(alphabet=CODES + CODES.lower(), min_size=1, max_size=30)
batch = st.lists(sequence, min_size=1, max_size=6)


def counted(letters, k, canonical=False):
    words = ["".join(w) for w in itertools.product("ACGT", repeat=k)]
    if canonical:
        words = [w for w in words if w <= reverse_complement(w)]
    row = dict.fromkeys(words, 0)
    for start in range(len(letters) - k + 1):
        word = letters[start : start + k].upper().replace("U", "T")
        if set(word) <= set("ACGT"):
            row[min(word, reverse_complement(word)) if canonical else word] += 1
    return list(row.values())


def test_one_hot_by_hand():
    values, mask = one_hot(["ACGT", "nRy"])
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values[0], np.eye(4))
    np.testing.assert_array_equal(values[1], [[0.25] * 4, [0.5, 0, 0.5, 0], [0, 0.5, 0, 0.5], [0] * 4])
    np.testing.assert_array_equal(mask, [[1, 1, 1, 1], [1, 1, 1, 0]])


def test_certain_letters_take_a_byte_each():
    values, _ = one_hot(["acgu"])
    assert values.dtype == np.uint8
    np.testing.assert_array_equal(values[0], np.eye(4))


@pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=list(ALPHABETS))
def test_rows_of_every_letter_sum_to_one_over_what_it_may_be(alphabet):
    letters = alphabet.symbols + "".join(alphabet.ambiguous)
    values, mask = one_hot([letters, letters.lower() + "A"], alphabet)
    np.testing.assert_allclose(values.sum(axis=-1), mask, rtol=1e-6)
    np.testing.assert_array_equal(values[0, : len(letters)], values[1, : len(letters)])
    for row, letter in zip(values[0], letters, strict=False):
        may_be = {alphabet.symbols[c] for c in np.flatnonzero(row)}
        assert may_be == set(alphabet.ambiguous.get(letter, letter))


@given(batch)
def test_padding_is_zero_and_the_mask_counts_the_letters(sequences):
    values, mask = one_hot(sequences)
    assert mask.sum(axis=1).tolist() == [len(s) for s in sequences]
    assert not values[~mask].any()
    np.testing.assert_allclose(values[mask].sum(axis=-1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("sequences", "alphabet", "fault"),
    [
        (["ACGT", "ACJ"], DNA, r"sequence 1, position 3: letter 'J'; dna is written in ACGT"),
        (["AC-T"], DNA, "position 3: letter '-'"),
        (["ACĞT"], DNA, "position 3: letter 'Ğ'"),
        (["MK*"], PROTEIN, r"position 3: letter '\*'"),
        (["A", ""], DNA, "sequence 1 is empty"),
    ],
)
def test_what_is_no_letter_is_named(sequences, alphabet, fault):
    with pytest.raises(UserError, match=fault):
        one_hot(sequences, alphabet)


def test_one_endless_sequence_must_not_pad_the_others():
    sequences = ["A" * (MAX_CELLS // 4000), *["A"] * 1000]
    with pytest.raises(UserError, match=r"sequence 0 has 536870 letters: 1001 sequences padded"):
        one_hot(sequences)


@given(sequence)
def test_the_other_strand_of_the_other_strand_is_the_first(letters):
    assert reverse_complement(reverse_complement(letters)) == letters.replace("U", "T").replace("u", "t")


def test_the_other_strand_by_hand():
    assert reverse_complement("AACGTRYKMBDHVNSWn") == "nWSNBDHVKMRYACGTT"


@given(batch)
def test_strings_and_one_hot_turn_to_the_same_strand(sequences):
    values, mask = one_hot(sequences)
    expected, _ = one_hot([reverse_complement(s) for s in sequences])
    np.testing.assert_array_equal(reverse_complement_one_hot(values, mask), expected)
    np.testing.assert_array_equal(reverse_complement_one_hot(reverse_complement_one_hot(values, mask), mask), values)


def test_without_a_mask_every_position_turns():
    values, _ = one_hot(["AACG"])
    np.testing.assert_array_equal(reverse_complement_one_hot(values), one_hot(["CGTT"])[0])


@given(batch, st.integers(1, 4), st.booleans())
def test_kmer_counts_equal_a_plain_loop(sequences, k, canonical):
    expected = [counted(s, k, canonical) for s in sequences]
    np.testing.assert_array_equal(kmer_counts(sequences, k, canonical), expected)
    values, mask = one_hot(sequences)
    np.testing.assert_array_equal(kmer_counts(values, k, canonical), expected)
    np.testing.assert_array_equal(kmer_counts(np.where(mask[..., None], values, 1), k, canonical, mask), expected)


@given(batch, st.integers(1, 4))
def test_canonical_counts_do_not_know_the_strand(sequences, k):
    turned = [reverse_complement(s) for s in sequences]
    np.testing.assert_array_equal(kmer_counts(sequences, k, True), kmer_counts(turned, k, True))


def test_counts_do_not_depend_on_the_chunks(monkeypatch):
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACGTN"), 50)) for _ in range(40)]
    whole = kmer_counts(sequences, 3)
    monkeypatch.setattr("pmjax.data.readers.dna._CHUNK", 150)
    np.testing.assert_array_equal(kmer_counts(sequences, 3), whole)


def test_columns_are_named_in_their_order():
    assert kmers(2)[:5] == ("AA", "AC", "AG", "AT", "CA")
    assert len(kmers(4, canonical=True)) == 136  # (256 + 16 that are their own reverse complement) / 2
    assert kmers(3)[int(np.argmax(kmer_counts(["TAG"], 3)))] == "TAG"


def test_a_word_longer_than_the_sequence_does_not_occur():
    assert kmer_counts(["AC", "A"], 3).sum() == 0


@pytest.mark.parametrize("k", [0, 11])
def test_words_of_no_or_too_many_letters_are_refused(k):
    with pytest.raises(UserError, match=f"k is {k}; k-mers have 1 to 10 letters"):
        kmer_counts(["ACGT"], k)


def test_counts_beyond_memory_are_refused():
    with pytest.raises(UserError, match="choose a smaller k"):
        kmer_counts(["A"] * 3000, 10)
