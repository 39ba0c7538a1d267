"""Recalibration: right on average where the model was wrong, and blind to a patient's own outcome."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from pmjax.errors import UserError
from pmjax.evaluate import recalibrated
from pmjax.evaluate.recalibrate import correct

N = 4000


@pytest.fixture
def wrong():
    """Test predictions whose logits are twice too wide and one too high."""
    rng = np.random.default_rng(0)
    logit = rng.normal(size=N)
    label = (rng.random(N) < 1 / (1 + np.exp(-logit))).astype(int)
    p = 1 / (1 + np.exp(-(2 * logit + 1)))
    keys = {
        "cohort": "c",
        "task": "t",
        "model": "dnn",
        "setting": "a",
        "fold": 0,
        "inner": 0,
        "seed": 0,
        "part": "test",
    }
    frame = {"row": range(N), "patient": [f"p{i}" for i in range(N)], "site": "", "label": label}
    return pd.DataFrame({**keys, **frame, "probability_0": 1 - p, "probability_1": p})


def slope_and_intercept(frame):
    p = frame["probability_1"].to_numpy()
    fitted = LogisticRegression(C=1e6).fit(np.log(p / (1 - p))[:, None], frame["label"])
    return fitted.coef_[0, 0], fitted.intercept_[0]


def test_logistic_recalibration_mends_slope_and_intercept(wrong):
    before, after = slope_and_intercept(wrong), slope_and_intercept(recalibrated(wrong, "logistic", 0))
    assert before == pytest.approx((0.5, -0.5), abs=0.1)
    assert after == pytest.approx((1, 0), abs=0.06)


def test_intercept_alone_mends_the_mean_and_keeps_the_slope(wrong):
    after = recalibrated(wrong, "intercept", 0)
    assert after["probability_1"].mean() == pytest.approx(wrong["label"].mean(), abs=1e-3)
    assert slope_and_intercept(after)[0] == pytest.approx(slope_and_intercept(wrong)[0], abs=0.02)


@pytest.mark.parametrize("method", ["intercept", "logistic"])
def test_a_patient_s_own_outcome_has_no_part_in_the_correction(wrong, method):
    changed = wrong.copy()
    patient = int(np.flatnonzero(wrong["label"] == 0)[7])
    # Swapped with one of the other outcome, so that the tenths stay as they are for all others.
    base = recalibrated(wrong, method, 0)["probability_1"]
    p = wrong["probability_1"].to_numpy()
    truth = wrong["label"].to_numpy() == 1
    others = np.arange(N) != patient
    one = correct(truth[others], p[others], p[[patient]], method)
    assert one[0] == pytest.approx(base[patient], abs=0.02)
    changed.loc[patient, "probability_1"] = 0.5
    changed.loc[patient, "probability_0"] = 0.5
    again = recalibrated(changed, method, 0)["probability_1"]
    assert np.abs(again.drop(patient) - base.drop(patient)).max() < 0.01


def test_it_adds_models_and_keeps_keys(wrong):
    both = pd.concat([wrong, wrong.assign(model="logistic")], ignore_index=True)
    after = recalibrated(both, "logistic", 0)
    assert sorted(after["model"].unique()) == ["dnn recalibrated", "logistic recalibrated"]
    assert set(after["part"]) == {"test"}
    np.testing.assert_allclose(after["probability_0"] + after["probability_1"], 1)
    assert (after.groupby("model")["row"].nunique() == N).all()


def test_what_cannot_be_recalibrated_is_said(wrong):
    with pytest.raises(UserError, match="'isotonic' is unknown; use intercept or logistic"):
        recalibrated(wrong, "isotonic", 0)
    with pytest.raises(UserError, match="only the probabilities of two classes"):
        recalibrated(wrong.assign(probability_2=0.0), "logistic", 0)
    few = wrong[(wrong["label"] == 0) | (wrong["row"] < 12)]
    with pytest.raises(UserError, match="test patients of one outcome, fewer than 10"):
        recalibrated(few, "logistic", 0)
