"""Metrics agree with scikit-learn, and a resample's metric is the metric of its repeated rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from pmjax.evaluate.classification import DEFINITIONS, auprc, auroc, classification


def cases(classes: int, seed: int, n: int = 40, distinct: int | None = None):
    """Labels with every class, and probabilities with ties where `distinct` is small."""
    rng = np.random.default_rng(seed)
    label = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    raw = rng.random((n, classes)) + 0.5 * np.eye(classes)[label]
    if distinct:
        raw = np.ceil(raw * distinct)
    return label, raw / raw.sum(axis=1, keepdims=True)


def reference(label, probability, threshold=0.5):
    """The same metrics by scikit-learn."""
    K = probability.shape[1]
    decided = probability[:, 1] >= threshold if K == 2 else probability.argmax(axis=1)
    one_hot = np.eye(K)[label]
    average = {"average": "binary" if K == 2 else "macro"}
    score = probability[:, 1] if K == 2 else probability
    truth = label if K == 2 else one_hot
    negatives = [sk.recall_score(label != k, decided != k) for k in ([1] if K == 2 else range(K))]
    return {
        "accuracy": sk.accuracy_score(label, decided),
        "precision": sk.precision_score(label, decided, **average),
        "recall": sk.recall_score(label, decided, **average),
        "specificity": np.mean(negatives),
        "f1": sk.f1_score(label, decided, **average),
        "mcc": sk.matthews_corrcoef(label, decided),
        "auroc": sk.roc_auc_score(label, score, multi_class="ovr", average="macro"),
        "auprc": sk.average_precision_score(truth, score, average="macro"),
        "log_loss": sk.log_loss(label, probability, labels=range(K)),
        "brier": np.mean(((probability - one_hot) ** 2).sum(axis=1)) / (2 if K == 2 else 1),
    }


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("distinct", [None, 3])
def test_agrees_with_scikit_learn(classes, distinct):
    label, probability = cases(classes, seed=classes, n=200, distinct=distinct)
    ours = classification(label, probability, np.ones((1, len(label))), 0.5)
    expected = reference(label, probability)
    assert set(ours) == set(DEFINITIONS) == set(expected)
    for name, value in expected.items():
        assert ours[name][0] == pytest.approx(value, abs=1e-6), name


@given(st.integers(0, 10_000), st.sampled_from([2, 3]), st.sampled_from([None, 2, 4]))
def test_metric_of_counts_is_metric_of_repeated_rows(seed, classes, distinct):
    label, probability = cases(classes, seed, distinct=distinct)
    weight = np.random.default_rng(seed + 1).integers(0, 4, (3, len(label))).astype(float)
    ours = classification(label, probability, weight, 0.4)
    for s in range(len(weight)):
        rows = np.repeat(np.arange(len(label)), weight[s].astype(int))
        alone = classification(label[rows], probability[rows], np.ones((1, len(rows))), 0.4)
        for name in DEFINITIONS:
            np.testing.assert_allclose(ours[name][s], alone[name][0], atol=1e-12, err_msg=name)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_ranking_with_ties_and_weights_agrees_with_scikit_learn(rows):
    truth, score, weight = (np.array(c) for c in zip(*rows, strict=True))
    positive, negative = weight[truth].sum(), weight[~truth].sum()
    area = auroc(truth, score / 3, weight[None].astype(float))[0]
    precision = auprc(truth, score / 3, weight[None].astype(float))[0]
    if positive == 0:
        assert np.isnan(precision)
    else:
        expected = sk.average_precision_score(truth, score / 3, sample_weight=weight)
        assert precision == pytest.approx(expected, abs=1e-9)
    if positive == 0 or negative == 0:
        assert np.isnan(area)
    else:
        assert area == pytest.approx(sk.roc_auc_score(truth, score / 3, sample_weight=weight), abs=1e-9)


def test_undefined_is_marked_and_f1_without_a_hit_is_zero():
    label, probability = np.array([0, 0, 1]), np.array([[0.9, 0.1]] * 3)
    values = classification(label, probability, np.array([[1.0, 1, 1], [1, 1, 0]]), 0.5)
    assert np.isnan(values["precision"]).all()
    assert values["recall"][0] == values["f1"][0] == 0
    assert np.isnan(values["recall"][1])
    assert values["specificity"].tolist() == [1, 1]


def test_threshold_moves_the_decision():
    label, probability = cases(2, seed=0, n=100)
    low, high = (classification(label, probability, np.ones((1, 100)), t) for t in (0.3, 0.7))
    assert low["recall"] > high["recall"]
    assert low["specificity"] < high["specificity"]
