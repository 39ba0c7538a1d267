"""The table of predictions: what it holds comes back, and what it must not hold is refused by name."""

import numpy as np
import pandas as pd
import pytest

from pmjax import predictions
from pmjax.errors import UserError


@pytest.fixture
def classified():
    p = np.array([0.25, 0.5, 1 / 3])
    return pd.DataFrame({
        "cohort": "made", "task": "t", "model": "dnn", "setting": "learning_rate=0.01", "fold": [0, 0, 1],
        "inner": 0, "seed": 1, "part": ["train", "validation", "test"], "row": [0, 1, 2],
        "patient": ["a", "b", "ü"], "site": "", "label": [0, 1, 1], "probability_0": 1 - p, "probability_1": p,
    })  # fmt: skip


@pytest.fixture
def survived(classified):
    frame = classified.drop(columns=["label", "probability_0", "probability_1"])
    return frame.assign(
        start=0.0, time=[1.0, 2.5, 3.0], event=[True, False, True], risk=[0.1, -2.0, 3.0], survival_365=[0.9, 0.5, 0.1]
    )


@pytest.mark.parametrize("kind", ["classified", "survived"])
def test_a_saved_table_is_loaded_exactly(kind, request, tmp_path):
    frame = request.getfixturevalue(kind)
    predictions.save(frame, tmp_path / "predictions.parquet")
    pd.testing.assert_frame_equal(predictions.load(tmp_path / "predictions.parquet"), frame)
    assert [p.name for p in tmp_path.iterdir()] == ["predictions.parquet"]


def test_a_failed_save_leaves_the_old_table(classified, tmp_path):
    path = tmp_path / "predictions.parquet"
    predictions.save(classified, path)
    before = path.read_bytes()
    with pytest.raises(UserError, match="not finite"):
        predictions.save(classified.assign(probability_1=np.nan), path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_table_is_named(tmp_path):
    (tmp_path / "predictions.parquet").write_text("no Parquet")
    for path in (tmp_path / "predictions.parquet", tmp_path / "absent.parquet"):
        with pytest.raises(UserError, match=f"{path.name}: not a readable Parquet table"):
            predictions.load(path)


def test_columns_are_in_the_order_of_their_numbers(classified, survived):
    frame = classified.assign(**{f"probability_{k}": 0.0 for k in (11, 2, 10)})
    assert predictions.probability_columns(frame) == [f"probability_{k}" for k in (0, 1, 2, 10, 11)]
    frame = survived.assign(survival_90=1.0, **{"survival_1095.5": 0.1})
    assert predictions.survival_columns(frame) == ["survival_90", "survival_365", "survival_1095.5"]


@pytest.mark.parametrize("column", predictions.KEYS)
def test_a_key_that_lacks_is_named(column, classified):
    with pytest.raises(UserError, match=f"predictions lack the column '{column}'"):
        predictions.check(classified.drop(columns=column))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="label"), "lack the column 'start'"),
        (lambda f: f.drop(columns=["probability_0", "probability_1"]), "lack the column 'probability_0 or risk'"),
        (lambda f: f.assign(part="holdout"), "part 'holdout' is not one of train, validation, test"),
        (lambda f: f.assign(probability_1=[0.2, np.inf, 0.3]), "probability_1 of model dnn, fold 0, seed 1, patient b"),
        (lambda f: f.assign(probability_1=0.9), "do not sum to 1"),
    ],
)
def test_what_must_not_be_stored_is_refused(change, message, classified):
    with pytest.raises(UserError, match=message):
        predictions.check(change(classified))


def test_a_risk_that_is_not_finite_is_named(survived):
    with pytest.raises(UserError, match="risk of model dnn, fold 1, seed 1, patient ü is not finite"):
        predictions.check(survived.assign(risk=[0.0, 1.0, np.nan]))
