"""Noisy copies of tables, series and images are found as all pairs would find them; what is alike by chance is not."""

from dataclasses import replace

import numpy as np
import pytest

from pmjax.audit.near import NEAR_DISTANCE, _all_pairs, _tree_pairs, close_pairs, near_duplicates
from pmjax.cohort import Modality, Survive

SHAPES = {"table": (12,), "series": (8, 3), "image": (6, 6, 1)}


@pytest.fixture
def parts(fixed):
    return fixed(range(40), range(40, 80), range(80, 120))


def noise(kind, n=120, seed=0):
    shape = SHAPES[kind]
    scale = np.logspace(-3, 4, shape[-1])  # units differ
    values = np.random.default_rng(seed).normal(size=(n, *shape)) * scale + 5 * scale
    return Modality(kind, values, tuple(f"f{i}" for i in range(shape[-1]))), scale


@pytest.mark.parametrize("kind", SHAPES)
def test_a_copy_with_a_little_noise_blocks_and_its_clean_twin_is_silent(cohort, values, parts, kind):
    modality, scale = noise(kind)
    made = cohort(values, modalities={kind: modality})
    assert near_duplicates(made, parts) == []
    jitter = 0.01 * np.random.default_rng(1).normal(size=(3, *SHAPES[kind])) * scale
    modality.values[[100, 101, 50]] = modality.values[[0, 1, 2]] + jitter
    (finding,) = near_duplicates(made, parts)
    assert finding.severity == "blocking"
    assert finding.rows == ("p000", "p001", "p002", "p050", "p100", "p101")
    assert finding.message.startswith(f"{kind}: 2 of 40 test rows are nearly equal to training rows")


@pytest.mark.parametrize("kind", SHAPES)
def test_pairs_are_those_of_comparing_all(kind):
    draw = np.random.default_rng(2)
    modality, scale = noise(kind, n=400)
    # Copies at distances on both sides of the threshold; one step or column in nine is a gap.
    spread = draw.uniform(0, 2 * NEAR_DISTANCE, (200, *(1,) * len(SHAPES[kind])))
    modality.values[200:] = modality.values[:200] + spread * draw.normal(size=(200, *SHAPES[kind])) * scale
    gaps = np.repeat(draw.random((200, 1)) < 0.3, 2, axis=1).T.ravel()
    modality.values[(gaps, 0, 0, 0) if kind == "image" else (gaps, ..., 0)] = np.nan
    values = modality.values.reshape(400, -1, len(scale))
    z = ((values - np.nanmean(values, axis=(0, 1))) / np.nanstd(values, axis=(0, 1))).reshape(400, -1)
    apart = np.abs(z[:, None] - z)
    gap = np.isnan(z)
    apart[gap[:, None] != gap] = 1.0
    apart = np.nanmax(apart, axis=2) if kind == "table" else np.sqrt(np.nanmean(apart**2, axis=2))
    expected = {(i, j) for i, j in np.argwhere(apart <= NEAR_DISTANCE).tolist() if i < j}
    assert 50 < len(expected) < 150
    assert set(map(tuple, close_pairs(modality, np.arange(400)).tolist())) == expected


@pytest.mark.parametrize("n", [2, 3, 4, 60, 600])
@pytest.mark.parametrize("reach", [0.1, 1.0, 5.0])
def test_all_distances_and_the_tree_find_the_same_neighbours(n, reach):
    points = np.random.default_rng(n).normal(size=(n, 8)).astype(np.float32)
    points[n // 2 :] = points[: n - n // 2] + 0.02
    by_tree, by_all = (set(map(tuple, find(points, reach).tolist())) for find in (_tree_pairs, _all_pairs))
    assert by_tree == by_all
    assert len(by_tree) >= 2 * (n // 2)


def test_two_columns_are_too_few_to_call_rows_near(cohort, parts):
    pair = np.random.default_rng(0).normal(size=(120, 2))
    pair[100] = pair[0] + 0.01
    assert near_duplicates(cohort(pair), parts) == []


def test_mostly_empty_series_are_near_by_chance(cohort, values, parts):
    steps = np.full((120, 10, 3), np.nan)
    steps[:, :7] = np.random.default_rng(0).integers(0, 4, (120, 1, 1)) + np.zeros((120, 7, 3))
    steps[:, 0, 0] += 1e-6 * np.arange(120)
    made = cohort(values, modalities={"series": Modality("series", steps, ("a", "b", "c"))})
    assert near_duplicates(made, parts) == []


def test_a_gap_tells_two_rows_apart(cohort, parts):
    modality, _ = noise("table")
    modality.values[100] = modality.values[0] * 1.0001
    assert near_duplicates(cohort(modality.values), parts)[0].rows == ("p000", "p100")
    modality.values[100, 5] = np.nan
    assert near_duplicates(cohort(modality.values), parts) == []


def test_what_a_patient_lacks_is_not_compared(cohort, values, parts):
    modality, _ = noise("table")
    modality.values[100] = modality.values[0] * 1.0001
    absent = replace(modality, present=np.arange(120) != 100)
    assert near_duplicates(cohort(values, modalities={"table": absent}), parts) == []


def test_repeats_of_a_patient_are_not_compared(cohort, label, parts):
    modality, _ = noise("table")
    modality.values[100] = modality.values[0] * 1.0001
    patient = np.where(np.arange(120) == 100, 0, np.arange(120))
    made = cohort(modality.values, patient=patient, sample=np.arange(120).astype(str))
    assert near_duplicates(made, parts) == []


def test_near_rows_with_other_times_are_a_warning(cohort, parts):
    modality, _ = noise("table")
    time = np.random.default_rng(1).exponential(size=120) + 0.1
    modality.values[100:103] = modality.values[:3] * 1.0001
    (finding,) = near_duplicates(cohort(modality.values, task=Survive("t", time, np.ones(120))), parts)
    assert finding.severity == "warning"
    assert finding.message.endswith("; their outcomes differ, so they may be different patients")
    time[100:103] = time[:3]
    (finding,) = near_duplicates(cohort(modality.values, task=Survive("t", time, np.ones(120))), parts)
    assert finding.severity == "blocking"
