"""Mutated, shifted and turned copies of sequences are found at their identity; unrelated ones are not."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.audit.near import near_duplicates
from pmjax.audit.sequences import NEAR_IDENTITY, complement, letters, near_pairs
from pmjax.cohort import Modality

DNA = tuple("ACGT")


def one_hot(codes, features=DNA, mask=None):
    return Modality("sequence", (codes[..., None] == np.arange(len(features))).astype(np.uint8), features, mask)


def mutated(codes, changes, draw, alphabet=4):
    """Changes exactly so many letters of each row."""
    out = codes.copy()
    for row in out:
        at = draw.choice(len(row), changes, replace=False)
        row[at] = (row[at] + draw.integers(1, alphabet, changes)) % alphabet
    return out


def turned(codes):
    return 3 - codes[:, ::-1]


def found(modality):
    pairs, identity = near_pairs(modality, np.arange(len(modality.values)))
    return dict(zip(map(tuple, pairs.tolist()), identity, strict=True))


@pytest.mark.parametrize("strand", ["same", "other"])
@pytest.mark.parametrize(
    ("length", "changes", "recall"), [(60, 3, 0.995), (100, 5, 0.999), (250, 25, 0.999), (60, 6, 0.95)]
)
def test_copies_are_found_at_their_identity_and_nothing_else(length, changes, recall, strand):
    draw = np.random.default_rng(0)
    codes = draw.integers(0, 4, (2000, length))
    copies = mutated(codes[:1000], changes, draw)
    codes[1000:] = turned(copies) if strand == "other" else copies
    pairs = found(one_hot(codes))
    right = {(i, i + 1000) for i in range(1000)}
    assert set(pairs) <= right
    assert len(pairs) >= recall * 1000
    assert np.allclose(list(pairs.values()), 1 - changes / length)


@pytest.mark.parametrize("shift", [-7, -1, 1, 7])
def test_a_shifted_copy_is_near_while_it_covers_enough(shift):
    draw = np.random.default_rng(0)
    long = draw.integers(0, 4, (200, 114))
    codes = np.concatenate([long[:, 7:107], long[:, 7 + shift : 107 + shift]])
    assert found(one_hot(codes)) == {(i, i + 200): pytest.approx(1 - abs(shift) / 100) for i in range(200)}


def test_a_short_sequence_inside_a_longer_one_is_near():
    codes = np.random.default_rng(0).integers(0, 4, (20, 80))
    mask = np.ones((20, 80), bool)
    codes[10:, :50], mask[10:, 50:] = codes[:10, 20:70], False
    codes[~mask] = 9
    assert found(one_hot(codes, mask=mask)) == {(i, i + 10): 1.0 for i in range(10)}


def test_ambiguous_letters_never_match():
    codes = np.random.default_rng(0).integers(0, 4, (40, 100))
    codes[20:] = codes[:20]
    codes[:, ::30] = 9
    pairs = found(one_hot(codes))
    assert pairs == {(i, i + 20): 1.0 for i in range(20)}  # of the letters that are known
    codes[:, 40:60] = 9
    codes[20:, :39] = 9
    assert all(identity == 1 for identity in found(one_hot(codes)).values())


def test_proteins_are_compared_on_one_strand():
    draw = np.random.default_rng(0)
    features = tuple("ACDEFGHIKLMNPQRSTVWY")
    codes = draw.integers(0, 20, (400, 120))
    codes[200:] = mutated(codes[:200], 6, draw, 20)
    codes[300:] = codes[300:, ::-1]
    assert set(found(one_hot(codes, features))) == {(i, i + 200) for i in range(100)}


def test_a_repeat_that_all_rows_have_costs_no_more_and_is_not_near():
    draw = np.random.default_rng(0)
    codes = draw.integers(0, 4, (5000, 100))
    codes[:, :40] = draw.integers(0, 4, 40)
    codes[4000:] = mutated(codes[:1000], 5, draw)
    start = time.perf_counter()
    pairs = found(one_hot(codes))
    assert set(pairs) == {(i, i + 4000) for i in range(1000)}
    assert time.perf_counter() - start < 10


def test_complement_knows_the_order_of_letters():
    assert complement(tuple("ACGT")).tolist() == [3, 2, 1, 0]
    assert complement(tuple("tcag")).tolist() == [2, 3, 0, 1]
    assert complement(tuple("ACGU")).tolist() == [3, 2, 1, 0]
    assert complement(tuple("ACDE")) is None
    assert complement(tuple("ACGTN")) is None


@given(st.lists(st.text("ACGTN", min_size=1, max_size=30), min_size=2, max_size=8))
def test_any_sequences_give_pairs_that_hold_when_checked(texts):
    length = max(map(len, texts))
    codes = np.array([["ACGTN".index(c) for c in t.ljust(length, "N")] for t in texts])
    mask = np.arange(length) < np.array([len(t) for t in texts])[:, None]
    modality = one_hot(codes, mask=mask)
    known = (letters(modality, np.arange(len(texts))) != 255).sum(axis=1)
    for (i, j), identity in found(modality).items():
        best = 0
        other = np.where(codes[j] < 4, 3 - codes[j], 4)[::-1]
        for strand in (codes[j], other):
            for offset in range(-length + 1, length):
                pairs = [(a, a + offset) for a in range(length) if 0 <= a + offset < length]
                best = max(best, sum(codes[i, a] == strand[b] and codes[i, a] < 4 for a, b in pairs))
        assert NEAR_IDENTITY <= identity <= best / min(known[i], known[j])


def test_twenty_thousand_sequences_take_seconds():
    draw = np.random.default_rng(0)
    codes = draw.integers(0, 4, (20_000, 100))
    codes[-100:] = turned(mutated(codes[:100], 5, draw))
    start = time.perf_counter()
    pairs = found(one_hot(codes))
    assert set(pairs) == {(i, 19_900 + i) for i in range(100)}
    assert time.perf_counter() - start < 15  # 1 s on an idle core


def test_severity_follows_identity_and_exact_copies_are_not_told_again(cohort, values, label, fixed):
    draw = np.random.default_rng(0)
    codes = draw.integers(0, 4, (120, 100))
    codes[80] = codes[0]
    codes[81:83] = turned(mutated(codes[1:3], 5, draw))
    codes[83:86] = mutated(codes[3:6], 8, draw)
    label[81:83] = 1 - label[1:3]
    made = cohort(values, modalities={"dna": one_hot(codes)})
    strong, weak = near_duplicates(made, fixed(range(40), range(40, 80), range(80, 120)))
    assert (strong.severity, weak.severity) == ("blocking", "warning")
    assert strong.rows == ("p001", "p002", "p081", "p082")
    assert strong.message == (
        "dna: 2 of 40 test rows are at least 95 % identical to training rows, 2 of them with another label"
    )
    assert weak.rows == ("p003", "p004", "p005", "p083", "p084", "p085")
    assert weak.message.startswith("dna: 3 of 40 test rows are 90 to 95 % identical to training rows")


def test_pairs_inside_one_part_are_no_finding(cohort, values, fixed):
    draw = np.random.default_rng(0)
    codes = draw.integers(0, 4, (120, 100))
    codes[1:2] = mutated(codes[:1], 2, draw)
    made = cohort(values, modalities={"dna": one_hot(codes)})
    assert near_duplicates(made, fixed(range(40), range(40, 80), range(80, 120))) == []
