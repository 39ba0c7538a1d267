"""The oracle says the truth of test rows, as a model that every other one can be held against."""

import numpy as np
import pandas as pd
import pytest

from pmjax import data, evaluate
from pmjax.cohort import Cohort, Modality, Source, Survive, Truth
from pmjax.prepare.splits import make_splits
from pmjax.train import oracle_table
from pmjax.train.heads import risk_columns


def test_true_probabilities_reach_the_table_row_by_row():
    cohort = data.load("simulated_proteomic", n=500, features=20)
    splits = make_splits(cohort, folds=2)
    table = oracle_table(cohort, splits, horizons=())
    assert len(table) == 500
    assert set(table["model"]) == {"oracle"}
    np.testing.assert_allclose(table["probability_1"], cohort.truth.probability[table["row"], 1])
    np.testing.assert_array_equal(splits.test[table["fold"], table["row"]], True)


def test_a_true_hazard_gives_its_own_survival_where_told_and_breslow_s_elsewhere():
    rng = np.random.default_rng(0)
    n = 300
    log_hazard = rng.normal(size=n)
    time = rng.exponential(np.exp(-log_hazard))
    told = np.exp(-0.5 * np.exp(log_hazard))
    cohort = Cohort(
        "made",
        np.arange(n),
        {"table": Modality("table", log_hazard[:, None], ("x",))},
        Survive("death", time, np.ones(n, bool)),
        Source("made", "none", "none", simulated=True),
        truth=Truth(log_hazard=log_hazard, survival={0.5: told}),
    )
    splits = make_splits(cohort, folds=2)
    table = oracle_table(cohort, splits, horizons=(0.5, 1.0))
    np.testing.assert_allclose(table["survival_0.5"], told[table["row"]])
    first = table[table["fold"] == 0]
    expected = risk_columns(log_hazard, cohort.task, splits.train[0], (1.0,))["survival_1"]
    np.testing.assert_allclose(first["survival_1"], expected[first["row"]])


def test_real_patients_have_no_oracle():
    cohort = data.load("lung")
    assert oracle_table(cohort, make_splits(cohort, folds=2), horizons=()).empty


def test_a_model_s_share_of_the_ceiling_is_its_way_from_chance_to_the_oracle():
    cohort = data.load("simulated_proteomic", n=600, features=20)
    oracle = oracle_table(cohort, make_splits(cohort, folds=2), horizons=())
    rng = np.random.default_rng(1)
    # Noise on the truth makes a model that knows less, whatever it is called.
    logit = np.log(oracle["probability_1"] / oracle["probability_0"]) + rng.normal(0, 2, len(oracle))
    p = 1 / (1 + np.exp(-logit))
    worse = oracle.assign(model="dnn", probability_1=p, probability_0=1 - p)
    patients = worse[["row", "patient"]].drop_duplicates()
    found = evaluate.evaluate(
        pd.concat([worse, oracle], ignore_index=True), patients,
        baselines=(), resamples=200, threshold=0.5, horizons=(), groups=(), seed=0,
    )  # fmt: skip
    by = {(e.model, e.metric): e for e in found}
    share = by["dnn", "auroc_share_of_ceiling"]
    expected = (by["dnn", "auroc"].estimate - 0.5) / (by["oracle", "auroc"].estimate - 0.5)
    assert share.estimate == pytest.approx(expected)
    assert share.low < share.estimate < share.high < 1
    assert ("oracle", "auroc_share_of_ceiling") not in by
