"""BreastMNIST against its file and the stated baseline."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pmjax.data.public.imaging import breastmnist


@pytest.fixture
def cohort(data_folder):
    return breastmnist()


def test_malignant_is_the_positive_class_of_the_official_parts(cohort, data_folder):
    file = np.load(data_folder / "medmnist" / "BreastMNIST.npz", allow_pickle=False)
    assert cohort.task.classes[1] == "malignant"
    for part, prefix, images, malignant in (
        ("train", "train", 546, 147),
        ("validation", "val", 78, 21),
        ("test", "test", 156, 42),
    ):
        here = cohort.part == part
        assert (here.sum(), cohort.task.label[here].sum()) == (images, malignant)
        np.testing.assert_array_equal(cohort.task.label[here] == 1, file[f"{prefix}_labels"] == 0)
        np.testing.assert_allclose(cohort.modalities["image"].values[here, ..., 0] * 255, file[f"{prefix}_images"])


def test_a_linear_model_of_pixels_reaches_the_stated_baseline(cohort):
    pixels = cohort.modalities["image"].values.reshape(len(cohort), -1)
    train, test = cohort.part == "train", cohort.part == "test"
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=2000))
    risk = model.fit(pixels[train], cohort.task.label[train]).predict_proba(pixels[test])[:, 1]
    assert roc_auc_score(cohort.task.label[test], risk) == pytest.approx(0.810, abs=2e-3)
    assert accuracy_score(cohort.task.label[test], risk > 0.5) == pytest.approx(0.782, abs=7e-3)
