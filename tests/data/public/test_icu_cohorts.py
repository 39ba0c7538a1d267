"""The intensive-care cohorts against their files: counts, a stay read by hand, and no look ahead."""

import tarfile

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pmjax.data.public.icu import physionet2012, physionet2019, yaib_demo
from pmjax.data.readers import sepsis
from pmjax.prepare.splits import make_splits


def linear(strength):
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    return make_pipeline(imputer, StandardScaler(), LogisticRegression(C=strength, max_iter=2000))


@pytest.fixture(scope="module")
def stay(tmp_path_factory):
    """A function that unpacks members of an archive."""

    def unpack(archive, names):
        folder = tmp_path_factory.mktemp("stays")
        with tarfile.open(archive) as packed:
            for name in names:
                (folder / name.split("/")[-1]).write_bytes(packed.extractfile(name).read())
        return folder

    return unpack


def test_physionet2012_has_the_stays_and_deaths_of_set_a(data_folder, stay):
    cohort = physionet2012()
    assert cohort.modalities["series"].values.shape == (3996, 48, 37)
    table = cohort.modalities["table"]
    assert table.values.shape == (3996, 3 + 37 * 5)
    assert np.isfinite(table.values).any(axis=0).all()
    age = table.values[:, table.features.index("Age")]
    assert np.nanmax(age) == 100
    assert (age == 90).sum() >= 55
    assert cohort.task.label.mean() == pytest.approx(0.139, abs=5e-4)
    assert dict(cohort.flow)["of these without a file"] == 4
    outcomes = pd.read_csv(data_folder / "physionet2012" / "Outcomes-a.txt").set_index("RecordID")
    np.testing.assert_array_equal(outcomes["In-hospital_death"][cohort.patient.astype(int)], cohort.task.label)

    folder = stay(data_folder / "physionet2012" / "set-a.tar.gz", ["set-a/132540.txt"])
    record = pd.read_csv(folder / "132540.txt")
    hour = record["Time"].str[:2].astype(int).clip(upper=47)
    row, series = int(np.argmax(cohort.patient == "132540")), cohort.modalities["series"]
    for variable in ("HR", "Urine", "pH"):
        by_hand = record["Value"].where(record["Parameter"] == variable).groupby(hour).mean().reindex(range(48))
        np.testing.assert_allclose(series.values[row, :, series.features.index(variable)], by_hand, rtol=1e-6)


def test_physionet2019_has_a_row_an_hour(data_folder):
    cohort = physionet2019(window_hours=4)
    assert len(cohort) == 76_725
    assert len(np.unique(cohort.patient)) == 2000
    assert cohort.modalities["series"].values.shape == (76_725, 4, 35)
    septic = pd.Series(cohort.task.label).groupby(cohort.patient).max()
    assert septic.sum() == 118
    splits = make_splits(cohort, scheme="stratified", folds=5, seed=0)
    assert not set(cohort.patient[splits.train[0]]) & set(cohort.patient[splits.test[0]])


def test_physionet2019_never_looks_ahead(data_folder, stay):
    """What happens after an hour does not change the inputs of that hour."""
    names = [f"training_setB/p1000{i}.psv" for i in ("01", "02", "13")]  # the last becomes septic
    folder = stay(data_folder / "physionet2019_setB_first2000" / "training_setB_first2000.tar.gz", names)
    before, cut = sepsis.physionet2019(str(folder), window_hours=6), 10
    for path in folder.iterdir():
        table = pd.read_csv(path, sep="|")
        table.loc[cut:, list(sepsis.VARIABLES)] = 1000.0
        table.loc[cut:, "SepsisLabel"] = 1 - table.loc[cut:, "SepsisLabel"]
        table.to_csv(path, sep="|", index=False, na_rep="NaN")
    after = sepsis.physionet2019(str(folder), window_hours=6)
    early = before.sample.astype(int) <= cut
    assert early.sum() == 3 * cut
    for name, modality in before.modalities.items():
        np.testing.assert_array_equal(modality.values[early], after.modalities[name].values[early])
        assert (modality.values[~early] != after.modalities[name].values[~early]).any()
    np.testing.assert_array_equal(before.modalities["series"].mask, after.modalities["series"].mask)


def test_yaib_demo_keeps_its_discrimination_and_loses_its_calibration_at_the_other_hospital(data_folder):
    cohort = yaib_demo()
    series, table, label = (
        cohort.modalities["series"].values.astype(float),
        cohort.modalities["table"].values,
        cohort.task.label,
    )
    assert series.shape == (1466, 25, 48)
    home, away = cohort.site == "eicu", cohort.site == "mimic"
    assert (home.sum(), label[home].sum(), away.sum(), label[away].sum()) == (1367, 70, 99, 21)
    count = np.isfinite(series).sum(axis=1)
    mean = np.where(count > 0, np.nansum(series, axis=1) / np.maximum(count, 1), np.nan)
    inputs = np.concatenate([mean, table], axis=1)
    predicted = linear(0.01).fit(inputs[home], label[home]).predict_proba(inputs)[:, 1]
    assert roc_auc_score(label[away], predicted[away]) > 0.68
    assert label[away].sum() / predicted[away].sum() > 2
