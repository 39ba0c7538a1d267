"""IHDP and twins: what is seen agrees with what is true of both arms."""

import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from pmjax.data.public.treatment import assign, ihdp, twins
from pmjax.errors import UserError


@pytest.mark.parametrize("replicate", [1, 5])
def test_ihdp_keeps_its_arms_and_true_effects(data_folder, replicate):
    cohort = ihdp(replicate)
    frame = pd.read_csv(data_folder / "ihdp" / f"ihdp_npci_{replicate}.csv", header=None)
    assert cohort.modalities["table"].values.shape == (747, 25 + 1)
    assert (cohort.arm == "treated").sum() == 139
    np.testing.assert_array_equal(cohort.arm == "treated", frame[0] == 1)
    np.testing.assert_array_equal(cohort.truth.outcomes, frame[[3, 4]])
    # Hill's surface B is scaled so that the effect on the treated is 4.
    effect = cohort.truth.outcomes @ [-1, 1]
    assert effect[cohort.arm == "treated"].mean() == pytest.approx(4, abs=1e-6)
    np.testing.assert_array_equal(cohort.task.label, frame[1] > frame[1].median())


def test_the_truth_of_ihdp_is_calibrated_and_no_model_beats_it(data_folder):
    for replicate in range(1, 6):
        cohort = ihdp(replicate)
        truth, label = cohort.truth.probability[:, 1], cohort.task.label
        spread = np.sqrt((truth * (1 - truth)).sum())
        assert abs(label.sum() - truth.sum()) < 3 * spread
        values = cohort.modalities["table"].values
        learnt = LogisticRegression(C=0.1, max_iter=2000).fit(values[::2], label[::2]).predict_proba(values[1::2])[:, 1]
        assert log_loss(label[1::2], truth[1::2]) < log_loss(label[1::2], learnt)


def test_twins_have_the_deaths_of_both_and_show_one(data_folder):
    cohort = twins(seed=1)
    assert cohort.modalities["table"].values.shape == (11_400, 30 + 1)
    np.testing.assert_allclose(cohort.truth.outcomes.mean(axis=0), [0.177, 0.161], atol=5e-4)
    heavier = (cohort.arm == "heavier twin").astype(int)
    np.testing.assert_array_equal(cohort.task.label, cohort.truth.outcomes[np.arange(11_400), heavier])
    np.testing.assert_array_equal(cohort.modalities["table"].values[:, -1], heavier)
    with gzip.open(data_folder / "twins" / "Twin_data.csv.gz", "rt", encoding="utf-8") as file:
        days = pd.read_csv(file).iloc[:, -2:].to_numpy()
    np.testing.assert_array_equal(cohort.truth.outcomes, days < 9999)


def test_risk_factors_of_twins_are_yes_no_or_missing(data_folder):
    table = twins().modalities["table"]
    column = {name: table.values[:, i] for i, name in enumerate(table.features)}
    assert set(np.unique(column["anemia"])) == {0, 1}
    assert set(np.unique(column["herpes"][np.isfinite(column["herpes"])])) == {0, 1}
    assert np.isnan(column["herpes"]).any()
    assert set(np.unique(column["dmar"])) == {1, 2}  # married or not: no risk factor
    assert column["gestat"].max() == 47


def test_twins_are_the_same_for_a_seed_and_others_for_another(data_folder):
    one, same, other = twins(seed=3), twins(seed=3), twins(seed=4)
    np.testing.assert_array_equal(one.arm, same.arm)
    assert (one.arm != other.arm).mean() > 0.2
    np.testing.assert_array_equal(one.truth.outcomes, other.truth.outcomes)


@given(st.integers(0, 99), st.floats(0, 1))
def test_arms_are_drawn_by_the_propensity(seed, confounding):
    rng = np.random.default_rng(9)
    covariates = rng.normal(size=(4000, 6)) * [1, 10, 0.1, 5, 1, 1]
    covariates[::7, 1] = np.nan
    treated, propensity = assign(covariates, seed, confounding)
    np.testing.assert_allclose(propensity.sum(axis=1), 1)
    expected = propensity[:, 1]
    if confounding == 0:
        np.testing.assert_array_equal(expected, 0.5)
    spread = np.sqrt((expected * (1 - expected)).sum())
    assert abs(treated.sum() - expected.sum()) < 5 * spread
    likely = expected > np.median(expected)
    if confounding > 0.2 and expected.std() > 0.05:
        assert treated[likely].mean() > treated[~likely].mean()


def test_options_that_cannot_be_are_refused(data_folder):
    with pytest.raises(UserError, match="replicate must be 1 to 5, got 6"):
        ihdp(6)
    with pytest.raises(UserError, match=r"confounding must be a number from 0, got -0\.1"):
        twins(confounding=-0.1)
