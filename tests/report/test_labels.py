"""How numbers and names are written."""

import pytest

from pmjax.evidence import Evidence
from pmjax.report import labels


def evidence(metric: str, estimate, low=None, high=None) -> Evidence:
    return Evidence("c", "t", "cnn", "chosen", "test", "all", metric, estimate, low, high, 10, 5, "")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (evidence("auroc", 0.9944, 0.989, 0.998), "0.994 (0.989 to 0.998)"),
        (evidence("auroc_difference", -0.0123, -0.02, -0.0001), "−0.012 (−0.020 to 0.000)"),
        (evidence("auroc", 0.5), "0.500 (no interval)"),
        (evidence("auroc", None), "–"),
        (evidence("median_survival", 310.0, 285.0, 363.0), "310 (285 to 363)"),
    ],
)
def test_estimate_with_its_interval(value, written):
    assert labels.interval(value) == written


def test_small_p_is_never_zero():
    assert labels.estimate(evidence("logrank_p", 1e-7)) == "< 0.001"
    assert labels.estimate(evidence("logrank_p", 0.0013)) == "0.001"


@pytest.mark.parametrize(
    ("name", "unit", "written"),
    [
        ("net_benefit@0.1", "", "Net benefit at 0.1"),
        ("brier@365_difference", "days", "Brier score at 365 days difference"),
        ("auroc_difference", "", "AUROC difference"),
        ("median_survival", "days", "Median survival (days)"),
    ],
)
def test_metric_names(name, unit, written):
    assert labels.metric(name, unit) == written


def test_model_names():
    assert labels.model("hybrid − logistic") == "CNN+RNN − Logistic regression"
    assert labels.inline("logistic") == "logistic regression"
    assert labels.inline("cnn") == "CNN"
    assert labels.inline("cox") == "Cox regression"
    assert labels.model("dnn_cox − cox") == "DNN (Cox) − Cox regression"
    assert labels.model("dnn_other") == "dnn_other"
    assert labels.inline("My model") == "My model"
