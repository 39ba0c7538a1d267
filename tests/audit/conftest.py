"""A small honest cohort into which each test plants its fault."""

import numpy as np
import pytest

from pmjax.cohort import Classify, Cohort, Modality, Source
from pmjax.prepare.splits import Splits


@pytest.fixture
def values():
    """(120, 3) noise."""
    return np.random.default_rng(0).normal(size=(120, 3))


@pytest.fixture
def label():
    """(120,) two classes, unrelated to `values`."""
    return np.random.default_rng(1).integers(0, 2, 120)


@pytest.fixture
def cohort(label):
    """Makes a cohort of the given table (and other modalities)."""

    def make(values, **change):
        table = Modality("table", values, tuple(f"f{i}" for i in range(values.shape[1])))
        given = {
            "name": "made",
            "patient": np.array([f"p{i:03}" for i in range(len(values))]),
            "modalities": {"table": table},
            "task": Classify("t", label, ("no", "yes")),
            "source": Source("made", "none", "none"),
        }
        return Cohort(**{**given, **change})

    return make


@pytest.fixture
def fixed():
    """Makes one split of given rows: training, validation and test."""

    def make(train, validation, test, n=120):
        rows = [np.isin(np.arange(n), list(part))[None] for part in (train, validation, test)]
        return Splits(*rows, fold=np.array([0]), inner=np.array([0]), scheme="made")

    return make
