"""Baselines: the gold values of design.md §4, lifelines' own fits, and nothing of a test row in any of them."""

import dataclasses
import inspect

import lifelines.datasets
import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter, CoxTimeVaryingFitter
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score

from pmjax import data
from pmjax.cohort import Cohort, Modality, Source, Survive
from pmjax.errors import UserError
from pmjax.prepare.preparation import Preparation
from pmjax.prepare.splits import Splits, make_splits
from pmjax.train import baselines, train_baseline

LOGISTIC = {"input": "table", "C": (1.0,)}


def fit(name, spec, cohort, splits, horizons=()):
    return train_baseline(
        name, spec, cohort, splits, preparation=Preparation(), horizons=horizons, seed=0, progress=lambda: None
    )


def rossi():
    frame = lifelines.datasets.load_rossi()
    x = frame.drop(columns=["week", "arrest"])
    modality = Modality("table", x.to_numpy(float), tuple(x.columns))
    task = Survive("arrest", frame["week"].to_numpy(float), frame["arrest"].to_numpy(bool))
    return Cohort("rossi", np.arange(len(frame)).astype(str), {"table": modality}, task, Source("", "", ""))


def first_and_rest(n, test):
    """One split whose last `test` rows are the test part."""
    order = np.arange(n)
    train, held = order < n - 2 * test, (order >= n - 2 * test) & (order < n - test)
    zero = np.zeros(1, int)
    return Splits(train[None], held[None], (order >= n - test)[None], zero, zero, "given")


def test_wisconsin_has_the_gold_values():
    """Means over the ten folds; scikit-learn's own coding, in which benign is the positive class."""
    cohort = data.load("wisconsin")
    table = fit("logistic", LOGISTIC, cohort, make_splits(cohort, folds=10, seed=0))
    figures = []
    for _, rows in table[table["part"] == "test"].groupby("fold"):
        benign, p = 1 - rows["label"], rows["probability_0"]
        called = p > 0.5
        figures.append(
            (accuracy_score(benign, called), roc_auc_score(benign, p), f1_score(benign, called), log_loss(benign, p))
        )
    assert len(figures) == 10
    assert np.mean(figures, axis=0).round(4).tolist() == [0.9772, 0.9953, 0.9819, 0.0743]


def test_rossi_has_the_gold_coefficients():
    """A risk is linear in the covariates: its slopes are the coefficients, whatever the scaling."""
    cohort = rossi()
    n = len(cohort)
    everyone = np.ones(n, bool)
    modality = cohort.modalities["table"]
    columns = baselines.fit_cox(baselines.scaled(modality, everyone), cohort.task, everyone)
    design = np.column_stack([modality.values, np.ones(n)])
    slopes = dict(zip(modality.features, np.linalg.lstsq(design, columns["risk"], rcond=None)[0], strict=False))
    gold = {"fin": -0.379422, "age": -0.057438, "prio": 0.091497}
    for name, value in gold.items():
        assert slopes[name] == pytest.approx(value, abs=2e-6)


def test_cox_is_that_of_lifelines():
    """Test rows from a fit on training and validation rows, validation rows from one on training rows."""
    cohort, splits = rossi(), first_and_rest(432, 100)
    table = fit("cox", {"input": "table", "penalizer": (0.0,)}, cohort, splits, horizons=(20.0, 40.0))
    frame = lifelines.datasets.load_rossi()
    for part, fitted_on in (("validation", slice(0, 232)), ("test", slice(0, 332))):
        rows = table[table["part"] == part]
        reference = CoxPHFitter().fit(frame.iloc[fitted_on], "week", "arrest")
        assert rows["row"].tolist() == np.flatnonzero(getattr(splits, part)[0]).tolist()
        expected = reference.predict_log_partial_hazard(frame.iloc[rows["row"]])
        np.testing.assert_allclose(rows["risk"], expected, atol=1e-5)
        survival = reference.predict_survival_function(frame.iloc[rows["row"]], times=[20.0, 40.0])
        np.testing.assert_allclose(rows[["survival_20", "survival_40"]], survival.T, atol=1e-5)


def test_penalised_cox_of_lung_is_that_of_lifelines():
    """Gaps imputed by the median of the fitted rows; the penalty acts on standardised columns."""
    cohort = data.load("lung")
    splits = make_splits(cohort, folds=3, seed=0)
    table = fit("cox", {"input": "table", "penalizer": (0.1,)}, cohort, splits)
    fitted_on = splits.train[1] | splits.validation[1]
    x = pd.DataFrame(cohort.modalities["table"].values).rename(columns=str)
    x = x.fillna(x[fitted_on].median())
    x = (x - x[fitted_on].mean()) / x[fitted_on].std(ddof=0)
    frame = x.assign(time=cohort.task.time, event=cohort.task.event)
    reference = CoxPHFitter(penalizer=0.1).fit(frame[fitted_on], "time", "event")
    rows = table[(table["part"] == "test") & (table["fold"] == 1)]
    np.testing.assert_allclose(rows["risk"], reference.predict_log_partial_hazard(x.iloc[rows["row"]]), atol=1e-5)


def test_late_entry_is_that_of_lifelines_time_varying_fitter():
    cohort = data.load("heart")
    splits = make_splits(cohort, folds=3, seed=0)
    table = fit("cox", {"input": "table", "penalizer": (0.0,)}, cohort, splits)
    fitted_on = splits.train[0] | splits.validation[0]
    x = pd.DataFrame(cohort.modalities["table"].values).rename(columns=str)
    frame = x.assign(id=cohort.patient, start=cohort.task.start, stop=cohort.task.time, event=cohort.task.event)
    reference = CoxTimeVaryingFitter().fit(frame[fitted_on], id_col="id", event_col="event")
    risk = x.to_numpy() @ reference.params_.to_numpy()
    rows = table[(table["part"] == "test") & (table["fold"] == 0)]
    expected = risk[rows["row"]] - risk[fitted_on].mean()
    np.testing.assert_allclose(rows["risk"], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "spec"),
    [("logistic", LOGISTIC), ("boosting", {"input": "table", "learning_rate": (0.1,), "max_leaf_nodes": (4,)})],
)
def test_no_baseline_sees_a_test_row(name, spec):
    """Other values and labels in some test rows leave the predictions of all others as they are."""
    cohort, splits = data.load("wisconsin"), first_and_rest(569, 60)
    values, label = cohort.modalities["table"].values.copy(), cohort.task.label.copy()
    values[540:] = 1e6 * np.arange(29 * 30).reshape(29, 30)
    label[509:] = 1 - label[509:]
    changed = dataclasses.replace(
        cohort,
        modalities={"table": dataclasses.replace(cohort.modalities["table"], values=values)},
        task=dataclasses.replace(cohort.task, label=label),
    )
    one, other = fit(name, spec, cohort, splits), fit(name, spec, changed, splits)
    same = one["row"] < 540
    assert set(one["part"][same]) == {"validation", "test"}
    np.testing.assert_array_equal(one["probability_1"][same], other["probability_1"][same])


def test_no_cox_baseline_sees_a_test_row():
    cohort, splits = rossi(), first_and_rest(432, 100)
    values = cohort.modalities["table"].values.copy()
    values[400:] *= -50
    time = cohort.task.time.copy()
    time[332:] = 1.0
    changed = dataclasses.replace(
        cohort,
        modalities={"table": dataclasses.replace(cohort.modalities["table"], values=values)},
        task=dataclasses.replace(
            cohort.task, time=time, event=~cohort.task.event & (np.arange(432) >= 332) | cohort.task.event
        ),
    )
    spec = {"input": "table", "penalizer": (0.1,)}
    one, other = (fit("cox", spec, c, splits, horizons=(20.0,)) for c in (cohort, changed))
    same = one["row"] < 400
    np.testing.assert_array_equal(one.loc[same, ["risk", "survival_20"]], other.loc[same, ["risk", "survival_20"]])


def test_validation_rows_do_not_teach_what_predicts_them():
    """A setting is chosen by validation rows, so their own labels must not have been fitted."""
    cohort, splits = data.load("wisconsin"), first_and_rest(569, 60)
    label = cohort.task.label.copy()
    label[449:509] = 1 - label[449:509]
    changed = dataclasses.replace(cohort, task=dataclasses.replace(cohort.task, label=label))
    one, other = (fit("logistic", LOGISTIC, c, splits) for c in (cohort, changed))
    held = one["part"] == "validation"
    np.testing.assert_array_equal(one["probability_1"][held], other["probability_1"][held])
    assert not np.allclose(one["probability_1"][~held], other["probability_1"][~held])


def test_every_setting_predicts_every_split_once():
    cohort = data.load("wisconsin")
    splits = make_splits(cohort, folds=3, seed=0)
    table = fit("logistic", {"input": "table", "C": (0.1, 1.0)}, cohort, splits)
    assert table["setting"].unique().tolist() == ["C=0.1", "C=1"]
    for _, rows in table[table["part"] == "test"].groupby("setting"):
        assert sorted(rows["row"]) == list(range(569))


def test_cox_that_cannot_converge_is_told_in_one_line():
    cohort, splits = rossi(), first_and_rest(432, 100)
    modality = cohort.modalities["table"]
    twice = np.hstack([modality.values, modality.values])
    names = (*modality.features, *(f"{name} again" for name in modality.features))
    cohort = dataclasses.replace(cohort, modalities={"table": Modality("table", twice, names)})
    with pytest.raises(UserError, match="penalizer=0 does not converge; leave out values below"):
        fit("cox", {"input": "table", "penalizer": (0.0,)}, cohort, splits)


def test_a_summary_holds_the_mean_and_the_last_seen_value_of_real_steps():
    nan = np.nan
    values = np.array([[[1.0, nan], [3.0, 4.0], [99.0, 99.0]], [[nan, nan], [5.0, nan], [nan, nan]]])
    mask = np.array([[True, True, False], [True, True, True]])
    table = baselines.as_measured(Modality("series", values, ("a", "b"), mask), summary=True)
    assert table.features == ("a mean", "b mean", "a last", "b last")
    np.testing.assert_array_equal(table.values, [[2, 4, 3, 4], [5, nan, 5, nan]])
    plain = Modality("table", values[:, 0], ("a", "b"))
    assert baselines.as_measured(plain, summary=True) is plain


def test_the_keywords_of_boosting_are_those_of_scikit_learn():
    ours_to_set = {"random_state", "early_stopping"}
    parameters = inspect.signature(HistGradientBoostingClassifier).parameters
    assert set(parameters) - ours_to_set == set(baselines._BOOSTING)
