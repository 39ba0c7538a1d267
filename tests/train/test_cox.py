"""Cox regression is that of lifelines run to the end, and says where there is none."""

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from lifelines.datasets import load_rossi

from pmjax.errors import UserError
from pmjax.train import cox
from pmjax.train.cox import cox_regression

TO_THE_END = {"precision": 1e-14, "r_precision": 1e-15}


def rossi():
    frame = load_rossi()
    x = frame.drop(columns=["week", "arrest"]).to_numpy(float)
    return frame, x, frame["week"].to_numpy(float), frame["arrest"].to_numpy(bool)


@pytest.mark.parametrize("penalizer", [0.0, 0.001, 0.1, 10.0])
def test_rossi_is_that_of_lifelines(penalizer):
    frame, x, time, event = rossi()
    reference = CoxPHFitter(penalizer=penalizer).fit(frame, "week", "arrest", fit_options=TO_THE_END)
    beta, value = cox_regression(x, None, time, event, penalizer)
    np.testing.assert_allclose(beta, reference.params_, atol=1e-7)
    assert value == pytest.approx(reference.log_likelihood_, abs=1e-8)


def test_rossi_has_the_gold_values():
    _, x, time, event = rossi()
    beta, value = cox_regression(x, None, time, event)
    assert beta[:2].round(6).tolist() == [-0.379422, -0.057438]
    assert value == pytest.approx(-658.747659, abs=1e-6)


@pytest.mark.parametrize("penalizer", [0.0, 0.1])
@pytest.mark.parametrize("grid", [8, 10_000])
def test_late_entry_is_that_of_lifelines(penalizer, grid):
    rng = np.random.default_rng(grid)
    start = rng.integers(0, grid, 300).astype(float)
    time, event = start + rng.integers(1, grid, 300), rng.random(300) < 0.5
    x = rng.normal(size=(300, 3)) + rng.normal(size=3)
    frame = pd.DataFrame(x).rename(columns=str).assign(start=start, time=time, event=event)
    fitter = CoxPHFitter(penalizer=penalizer)
    reference = fitter.fit(frame, "time", "event", entry_col="start", fit_options=TO_THE_END)
    beta, value = cox_regression(x, start, time, event, penalizer)
    np.testing.assert_allclose(beta, reference.params_, atol=1e-6)
    assert value == pytest.approx(reference.log_likelihood_, abs=1e-7)


def test_more_columns_than_rows_is_that_of_lifelines():
    rng = np.random.default_rng(0)
    x, time, event = rng.normal(size=(50, 80)), rng.exponential(size=50), rng.random(50) < 0.6
    frame = pd.DataFrame(x).rename(columns=str).assign(time=time, event=event)
    reference = CoxPHFitter(penalizer=0.1).fit(frame, "time", "event", fit_options=TO_THE_END)
    beta, value = cox_regression(x, None, time, event, 0.1)
    np.testing.assert_allclose(beta, reference.params_, atol=1e-6)
    assert value == pytest.approx(reference.log_likelihood_, abs=1e-7)


def test_order_and_units_of_rows_change_nothing():
    _, x, time, event = rossi()
    order = np.random.default_rng(0).permutation(len(x))
    plain, value = cox_regression(x, None, time, event, 0.01)
    other, same = cox_regression(1e6 * x[order] + 3, None, time[order] / 365, event[order], 0.01)
    np.testing.assert_allclose(1e6 * other, plain, rtol=1e-9)
    assert same == pytest.approx(value, abs=1e-9)


def test_a_penalty_shares_between_copies_of_a_column():
    _, x, time, event = rossi()
    beta, _ = cox_regression(np.hstack([x, x]), None, time, event, 0.05)
    half, _ = cox_regression(x, None, time, event, 0.025)
    np.testing.assert_allclose(beta, np.concatenate([half, half]) / 2, atol=1e-9)


@pytest.mark.parametrize("seed", [24, 59, 89])
def test_where_whole_steps_overshoot_the_maximum_is_found(seed, monkeypatch):
    """Wild values of few rows: some step lowers the likelihood, and at the end every way leads down."""
    rng = np.random.default_rng(seed)
    columns = rng.integers(1, 4)
    x = rng.normal(size=(rng.integers(8, 40), columns)) ** rng.choice([1, 3, 5, 9])
    time = rng.exponential(size=len(x))
    beta, value = cox_regression(x, None, time, np.ones(len(x), bool))
    assert value == pytest.approx(likelihood(time, x @ beta), abs=1e-9)
    for way in np.concatenate([np.eye(columns), -np.eye(columns)]):
        assert likelihood(time, x @ (beta + 1e-3 * way / x.std(axis=0))) < value
    monkeypatch.setattr(cox, "_HALVINGS", 1)
    with pytest.raises(UserError, match="do not converge"):
        cox_regression(x, None, time, np.ones(len(x), bool))


def test_columns_that_tell_who_fails_first_have_no_maximum():
    time = np.arange(1.0, 31)
    with pytest.raises(UserError, match="no maximum"):
        cox_regression(np.stack([-(time**3), time % 3], axis=1), None, time, np.ones(30, bool))


def likelihood(time, risk):
    """Cox's partial likelihood where all fail at different times."""
    risk = risk[np.argsort(-time)]
    return (risk - np.logaddexp.accumulate(risk)).sum()


@pytest.mark.parametrize("columns", ["copy", "sum", "many"])
def test_collinear_columns_are_told(columns):
    _, x, time, event = rossi()
    wide = {
        "copy": np.hstack([x, x[:, :1]]),
        "sum": np.column_stack([x, x[:, 0] + 2 * x[:, 1]]),
        "many": np.random.default_rng(0).normal(size=(len(x), len(x))),
    }[columns]
    with pytest.raises(UserError, match="collinear"):
        cox_regression(wide, None, time, event)


def test_no_event_is_told():
    _, x, time, _ = rossi()
    with pytest.raises(UserError, match="no event"):
        cox_regression(x, None, time, np.zeros(len(x), bool))
