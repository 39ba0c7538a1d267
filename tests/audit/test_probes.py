"""Fits that look at rows or outcomes outside training are caught; those of the code base are not."""

from dataclasses import replace

import numpy as np
import pytest

from pmjax.audit.probes import fit_on_test, selection_sees_labels
from pmjax.cohort import Classify, Modality, Survive
from pmjax.prepare import transforms
from pmjax.prepare.splits import make_splits


def sees_every_row(modality, train, **keywords):
    return transforms.fit(modality, np.ones_like(train), **keywords)


def sees_one_more_row(modality, train, **keywords):
    more = train.copy()
    more[np.argmin(train)] = True
    return transforms.fit(modality, more, **keywords)


def sees_every_label(modality, train, *, task, **keywords):
    params = transforms.fit(modality, train, task=task, **keywords)
    outcome = task.label if task.kind == "classify" else task.time
    rows = np.nan_to_num(modality.values.reshape(len(train), -1))
    return {**params, "selected": np.argsort(-np.abs(np.cov(rows.T, outcome)[-1, :-1]))[:2]}


@pytest.fixture
def mixed(cohort, values):
    """A table with gaps, an irregular series, an image in bytes and a sequence, at two sites."""
    draw = np.random.default_rng(0)
    values[::9, 1] = np.nan
    steps = draw.normal(size=(120, 4, 2))
    mask = np.arange(4) < draw.integers(1, 5, 120)[:, None]
    present = np.arange(120) % 5 > 0
    modalities = {
        "table": Modality("table", values, ("a", "b", "c")),
        "series": Modality("series", steps, ("a", "b"), mask, present=present),
        "image": Modality("image", draw.integers(0, 256, (120, 3, 3, 1)).astype(np.uint8), ("grey",)),
        "dna": Modality("sequence", np.eye(4, dtype=np.uint8)[draw.integers(0, 4, (120, 5))], tuple("ACGT")),
    }
    return cohort(values, modalities=modalities, site=np.where(np.arange(120) % 2, "x", "y"))


@pytest.mark.parametrize("kind", ["classify", "survive"])
def test_own_transforms_see_training_rows_alone(mixed, label, kind):
    if kind == "survive":
        mixed = replace(mixed, task=Survive("t", np.random.default_rng(0).exponential(size=120) + 0.1, label))
    splits = make_splits(mixed)
    assert fit_on_test(mixed, splits) == []
    assert selection_sees_labels(mixed, splits) == []


@pytest.mark.parametrize("leak", [sees_every_row, sees_one_more_row])
def test_a_fit_on_other_rows_blocks_and_names_what_it_fitted(mixed, leak):
    splits = make_splits(mixed)
    found = fit_on_test(mixed, splits, leak)
    assert {f.severity for f in found} == {"blocking"}
    assert [f.message.split(":")[0] for f in found] == ["table", "series", "image"]  # sequences are not fitted
    assert "mean" in found[0].message
    assert found[0].message.endswith("changes with the values of rows outside training")


@pytest.mark.parametrize("kind", ["classify", "survive"])
def test_a_selection_that_reads_test_labels_blocks(cohort, values, label, kind):
    wide = np.concatenate([values, np.random.default_rng(5).normal(size=(120, 20))], axis=1)
    time = np.random.default_rng(0).exponential(size=120) + 0.1
    made = cohort(wide, task=Classify("t", label, ("no", "yes")) if kind == "classify" else Survive("t", time, label))
    (finding,) = selection_sees_labels(made, make_splits(made), sees_every_label)
    assert finding.severity == "blocking"
    assert finding.message == "table: fitted selected changes with the outcomes of rows outside training"
    assert selection_sees_labels(made, make_splits(made)) == []
