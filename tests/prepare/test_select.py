"""Selection against scikit-learn's F statistic, lifelines' tests, and the plain definition of the Cox score."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import CoxPHFitter
from lifelines.statistics import logrank_test
from sklearn.feature_selection import SelectKBest, f_classif

from pmjax import data
from pmjax.prepare.select import anova_f, best_features, cox_score
from pmjax.task import Classify, Survive


def two_or_three_classes(seed, classes):
    key = np.random.default_rng(seed)
    label = np.concatenate([np.arange(classes), key.integers(0, classes, 40)])
    return key.normal(5, 1, (40 + classes, 8)) + 0.5 * label[:, None] * key.random(8), label


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_f_statistic_equals_scikit_learn(classes):
    x, label = two_or_three_classes(0, classes)
    np.testing.assert_allclose(anova_f(x, label), f_classif(x, label)[0], rtol=1e-9)


@given(st.integers(0, 200), st.integers(2, 4), st.integers(1, 8))
def test_the_k_best_are_those_of_scikit_learn(seed, classes, k):
    x, label = two_or_three_classes(seed, classes)
    task = Classify("y", label, tuple("abcd"[:classes]))
    rows = np.arange(len(x))
    expected = SelectKBest(f_classif, k=k).fit(x, label).get_support(indices=True)
    assert best_features(x, task, rows, k).tolist() == expected.tolist()


def test_wisconsin_keeps_the_same_ten_as_scikit_learn():
    cohort = data.load("wisconsin")
    x = cohort.modalities["table"].values
    expected = SelectKBest(f_classif, k=10).fit(x, cohort.task.label).get_support(indices=True)
    assert best_features(x, cohort.task, np.arange(len(x)), 10).tolist() == expected.tolist()


def test_ties_go_to_the_first_and_constant_columns_come_last():
    label = np.array([0, 0, 1, 1])
    x = np.array([[1.0, 0, 0, 7], [1, 1, 1, 7], [1, 2, 2, 7], [1, 3, 3, 9]])
    task = Classify("y", label, ("a", "b"))
    assert best_features(x, task, np.arange(4), 1).tolist() == [1]
    assert best_features(x, task, np.arange(4), 3).tolist() == [1, 2, 3]
    assert anova_f(x, label)[0] == 0


def test_only_outcomes_of_the_given_rows_are_read_even_where_a_class_is_absent():
    x, label = two_or_three_classes(1, 3)
    rows = np.flatnonzero(label != 2)
    task, other = Classify("y", label, tuple("abc")), Classify("y", np.where(label == 2, 0, label), ("a", "b"))
    assert best_features(x[rows], task, rows, 3).tolist() == best_features(x[rows], other, rows, 3).tolist()


def plain_score(x, time, event, start):
    score, information = 0.0, 0.0
    for t in np.unique(time[event]):
        risk, dead = (start < t) & (t <= time), event & (time == t)
        score += x[dead].sum() - dead.sum() * x[risk].mean()
        information += dead.sum() * x[risk].var()
    return score**2 / information


@given(st.integers(0, 200), st.booleans())
def test_cox_score_equals_its_definition_with_ties_and_late_entry(seed, late):
    key = np.random.default_rng(seed)
    time = key.integers(2, 12, 30).astype(float)
    event = key.random(30) < 0.6
    event[0] = True
    start = key.integers(0, 2, 30).astype(float) if late else None
    x = key.normal(100, 1, (30, 4))
    x[:, 3] = 7.0
    expected = [plain_score(x[:, f], time, event, np.full(30, -1.0) if start is None else start) for f in range(3)]
    found = cox_score(x, time, event, start)
    np.testing.assert_allclose(found[:3], expected, rtol=1e-6, atol=1e-9)
    assert found[3] == 0


def test_without_ties_a_group_column_gives_the_log_rank_statistic():
    key = np.random.default_rng(0)
    group, event = key.integers(0, 2, 80), key.random(80) < 0.7
    time = key.permutation(80) + 1.0 + 10 * group
    time = np.argsort(np.argsort(time + 1e-6 * np.arange(80))) + 1.0
    found = cox_score(group[:, None].astype(float), time, event)[0]
    expected = logrank_test(time[group == 0], time[group == 1], event[group == 0], event[group == 1])
    assert found == pytest.approx(expected.test_statistic, rel=1e-9)


def test_lung_ranks_features_as_single_cox_models_do():
    cohort = data.load("lung")
    values = cohort.modalities["table"].values
    x = np.where(np.isnan(values), np.nanmedian(values, axis=0), values)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    found = cox_score(x, cohort.task.time, cohort.task.event)
    for f in range(x.shape[1]):
        frame = {"x": x[:, f], "time": cohort.task.time, "event": cohort.task.event}
        ratio = CoxPHFitter().fit(pd.DataFrame(frame), "time", "event").log_likelihood_ratio_test()
        assert found[f] == pytest.approx(ratio.test_statistic, rel=0.2, abs=0.15)
    rows = np.arange(len(x))
    assert best_features(x, cohort.task, rows, 2).tolist() == np.sort(np.argsort(-found)[:2]).tolist()


def test_survival_selection_reads_late_entry_of_its_rows():
    key = np.random.default_rng(3)
    start, length = key.integers(0, 5, 60).astype(float), key.exponential(3, 60) + 0.1
    task = Survive("death", start + length, key.random(60) < 0.8, start=start)
    x = key.normal(0, 1, (60, 5))
    rows = np.arange(0, 60, 2)
    expected = cox_score(x[rows], task.time[rows], task.event[rows], start[rows])
    assert best_features(x[rows], task, rows, 1).tolist() == [int(expected.argmax())]
