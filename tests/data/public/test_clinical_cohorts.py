"""UCI heart against its files and the stated baseline."""

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pmjax.data.public.clinical import uci_heart
from pmjax.prepare.splits import make_splits


@pytest.fixture
def cohort(data_folder):
    return uci_heart()


def test_four_hospitals_with_their_patients_and_disease(cohort):
    for site, patients, diseased in (
        ("cleveland", 303, 139),
        ("hungary", 294, 106),
        ("switzerland", 123, 115),
        ("va", 200, 149),
    ):
        here = cohort.site == site
        assert (here.sum(), cohort.task.label[here].sum()) == (patients, diseased)
    assert cohort.modalities["table"].values.shape == (920, 13)
    assert cohort.groups["sex"].value_counts()["male"] == 206 + 213 + 113 + 194


def test_zeros_that_cannot_be_are_missing_and_those_that_can_stay(cohort):
    table = cohort.modalities["table"]
    column = {name: table.values[:, i] for i, name in enumerate(table.features)}
    assert np.isnan(column["chol"][cohort.site == "switzerland"]).all()
    assert np.isnan(column["chol"][cohort.site == "va"]).sum() == 49 + 7
    assert np.nanmin(column["chol"]) == 85
    assert np.nanmin(column["trestbps"]) == 80
    assert (column["oldpeak"] == 0).any()
    assert (column["ca"] == 0).any()
    assert np.isnan(column["thal"][cohort.site == "cleveland"]).sum() == 2


def test_a_linear_model_of_cleveland_reaches_the_stated_baseline_elsewhere(cohort):
    values, label = cohort.modalities["table"].values, cohort.task.label
    model = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=2000))
    home = cohort.site == "cleveland"
    risk = model.fit(values[home], label[home]).predict_proba(values)[:, 1]
    for site, stated in (("hungary", 0.879), ("switzerland", 0.703)):
        away = cohort.site == site
        assert roc_auc_score(label[away], risk[away]) == pytest.approx(stated, abs=5e-4)


def test_a_split_by_site_trains_at_one_hospital(cohort):
    splits = make_splits(cohort, scheme="external", train_sites=("cleveland",), seed=0)
    assert set(cohort.site[splits.train[0]]) == {"cleveland"}
    assert set(cohort.site[splits.test.any(axis=0)]) == {"hungary", "switzerland", "va"}
