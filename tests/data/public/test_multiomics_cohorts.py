"""The multi-omics cohorts against their files, patient by patient, and the stated baselines."""

import numpy as np
import pandas as pd
import pytest
from lifelines.utils import concordance_index
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pmjax.data.public.multiomics import breast_tcga, tcga_brca


def test_breast_tcga_lacks_proteins_in_its_test_part_and_there_alone(data_folder):
    cohort = breast_tcga()
    test = cohort.part == "test"
    assert ((~test).sum(), test.sum()) == (150, 70)
    shapes = {name: modality.values.shape for name, modality in cohort.modalities.items()}
    assert shapes == {"mrna": (220, 200), "mirna": (220, 184), "protein": (220, 142)}
    np.testing.assert_array_equal(cohort.modalities["protein"].present, ~test)
    for name, modality in cohort.modalities.items():
        assert np.isfinite(modality.values[modality.observed]).all(), name
        assert modality.observed.sum() == (150 if name == "protein" else 220)
    assert dict(zip(cohort.task.classes, np.bincount(cohort.task.label[test]), strict=True)) == {
        "Basal": 21,
        "Her2": 14,
        "LumA": 35,
    }


def test_breast_tcga_joins_each_patient_with_the_measurements_of_the_same(data_folder):
    cohort, folder = breast_tcga(), data_folder / "breast_tcga_mixomics"
    for part, kind in (("train", "protein"), ("test", "mirna")):
        frame = pd.read_csv(folder / f"{part}_{kind}.csv", index_col="sample")
        rows = cohort.part == part
        modality = cohort.modalities[kind]
        assert modality.features == tuple(frame)
        np.testing.assert_allclose(modality.values[rows], frame.loc[cohort.patient[rows]], rtol=1e-12)
        subtype = pd.read_csv(folder / f"{part}_labels.csv", index_col="sample")["subtype"]
        assert list(np.array(cohort.task.classes)[cohort.task.label[rows]]) == list(subtype[cohort.patient[rows]])


def test_a_linear_model_of_what_both_parts_have_tells_the_subtypes(data_folder):
    cohort = breast_tcga()
    inputs = np.concatenate([cohort.modalities[name].values for name in ("mrna", "mirna")], axis=1)
    train = cohort.part == "train"
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(inputs[train], cohort.task.label[train])
    assert model.score(inputs[~train], cohort.task.label[~train]) == pytest.approx(0.957, abs=0.02)


def test_tcga_brca_is_upright_and_joined_by_patient(data_folder):
    cohort, folder = tcga_brca(), data_folder / "tcga_brca_salmon"
    shapes = {name: modality.values.shape[1] for name, modality in cohort.modalities.items()}
    assert shapes == {"mrna": 57, "mirna": 12, "cnv": 1, "tmb": 8, "clinical": 3}
    assert cohort.flow == (("patients in the source", 583), ("not followed", 2), ("analysed", 581))
    assert cohort.task.event.sum() == 86
    eigengenes = pd.read_csv(folder / "RNAseq_EigengeneMatrix.csv", index_col=0)
    np.testing.assert_allclose(cohort.modalities["mrna"].values[7], eigengenes[cohort.patient[7]], rtol=1e-12)
    clinical = pd.read_csv(folder / "clinical.csv", index_col=0).loc[cohort.patient]
    np.testing.assert_array_equal(cohort.task.time, clinical["OS_Months"])
    np.testing.assert_array_equal(cohort.modalities["clinical"].values[:, 1] == 1, clinical["ER_Status"] == "Positive")
    burden = pd.read_csv(folder / "TMB.csv", index_col=0).loc[cohort.patient]
    np.testing.assert_allclose(cohort.modalities["tmb"].values, burden, rtol=1e-12)


def test_age_alone_orders_the_deaths_of_tcga_brca_as_stated(data_folder):
    cohort = tcga_brca()
    age = cohort.modalities["clinical"].values[:, 0]
    assert concordance_index(cohort.task.time, -age, cohort.task.event) == pytest.approx(0.673, abs=5e-3)
