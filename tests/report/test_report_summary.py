"""The sentences at the head: they follow the evidence, whichever way it points."""

from dataclasses import replace

import pytest

from pmjax.report import labels, summary
from pmjax.report.run import read


def told(run, low, high) -> str:
    """What is said when every paired AUROC difference has this interval."""
    content = read(run)
    changed = [
        replace(e, estimate=(low + high) / 2, low=low, high=high) if e.metric == "auroc_difference" else e
        for e in content.evidence
    ]
    return " ".join(summary.sentences(replace(content, evidence=tuple(changed))))


@pytest.mark.parametrize(
    ("low", "high", "has", "lacks"),
    [
        (-0.01, 0.01, "No deep model is shown to discriminate better", "Better than"),
        (0.001, 0.01, "Better than", "No deep model"),
        (-0.01, -0.001, "Worse than it", "Better than"),
        (0.0, 0.01, "No deep model is shown to discriminate better", "Better than"),
    ],
)
def test_better_only_where_the_interval_excludes_zero(classify_run, low, high, has, lacks):
    text = told(classify_run, low, high)
    assert has in text
    assert lacks not in text


def test_best_model_is_the_one_with_the_largest_estimate(run):
    content = read(run)
    estimates = {m: content.find(m, content.headline) for m in content.models}
    best = max(estimates, key=lambda m: estimates[m].estimate)
    said = summary.sentences(content)[0]
    assert said.startswith(labels.model(best))
    assert labels.interval(estimates[best]) in said
