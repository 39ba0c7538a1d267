"""Reference values of lung (shared by lifelines and R's survival), and patients made of intervals."""

import numpy as np
import pandas as pd
import pytest
from lifelines.datasets import load_lung

from pmjax.errors import UserError
from pmjax.evaluate.kaplan_meier import kaplan_meier, log_rank, per_patient


@pytest.fixture
def lung() -> pd.DataFrame:
    frame = load_lung()
    return pd.DataFrame({
        "patient": np.arange(len(frame)), "start": 0.0, "time": frame["time"].astype(float),
        "event": frame["status"] == 1, "sex": frame["sex"].astype(str),
    })  # fmt: skip


def test_lung_reference_values(lung):
    curve = kaplan_meier(lung)
    assert (curve.n, curve.events, curve.median[0]) == (228, 165, 310)
    assert curve.at(365.0)[0] == pytest.approx(0.409242, abs=1e-6)
    chi2, p, freedom = log_rank(lung, "sex")
    assert (chi2, p, freedom) == (pytest.approx(10.326742, abs=1e-6), pytest.approx(0.00131116, abs=1e-8), 1)


def test_curve_is_the_product_of_equation_8(lung):
    curve, product = kaplan_meier(lung), 1.0
    for t in np.unique(lung["time"][lung["event"]]):
        product *= 1 - (lung["event"] & (lung["time"] == t)).sum() / (lung["time"] >= t).sum()
        estimate, low, high = curve.at(t)
        assert estimate == pytest.approx(product, abs=1e-12)
        assert low is None or low <= estimate <= high


def test_intervals_of_a_patient_are_one_line(lung):
    cut = 100.0
    long = lung["time"] > cut
    first = lung.assign(time=lung["time"].clip(upper=cut), event=lung["event"] & ~long)
    rows = pd.concat([lung[long].assign(start=cut), first])
    joined = per_patient(rows)
    pd.testing.assert_frame_equal(joined[lung.columns], lung, check_index_type=False, check_dtype=False)


def test_a_median_that_is_not_reached_is_none():
    few = pd.DataFrame({"start": 0.0, "time": [1.0, 2, 3, 4], "event": [True, False, False, False]})
    assert kaplan_meier(few).median[0] is None


def test_log_rank_refuses_late_entry_and_a_single_level(lung):
    with pytest.raises(UserError, match=r"'sex'.*enter after time 0"):
        log_rank(lung.assign(start=1.0), "sex")
    with pytest.raises(UserError, match="one level"):
        log_rank(lung.assign(sex="1"), "sex")
