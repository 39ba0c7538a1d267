"""The choice is made on validation rows, per model and fold, averaged over inner folds and seeds."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from pmjax.errors import UserError
from pmjax.evaluate.choose import choose, chosen_rows


def table(quality: dict, n=20, seeds=(0, 1), parts=("validation", "test")) -> pd.DataFrame:
    """Predictions whose log odds are right by quality[model, fold, setting]; noise differs by seed."""
    label = np.arange(n) % 2
    frames = []
    for (model, fold, setting), good in quality.items():
        for seed in seeds:
            for part in parts:
                noise = np.random.default_rng([seed, fold]).normal(size=n)
                p = 1 / (1 + np.exp(-(good * (2 * label - 1) + 0.3 * noise)))
                frames.append(pd.DataFrame({
                    "cohort": "c", "task": "t", "model": model, "setting": setting, "fold": fold, "inner": 0,
                    "seed": seed, "part": part, "row": np.arange(n), "patient": np.arange(n).astype(str), "site": "",
                    "label": label, "probability_0": 1 - p, "probability_1": p,
                }))  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def test_least_validation_loss_wins_in_each_fold_of_each_model():
    quality = {
        ("cnn", 0, "a"): 1.0, ("cnn", 0, "b"): 2.0, ("cnn", 1, "a"): 2.0, ("cnn", 1, "b"): 1.0,
        ("rnn", 0, "a"): 1.5,
    }  # fmt: skip
    chosen = choose(table(quality)).query("chosen")
    assert list(chosen[["model", "fold", "setting"]].itertuples(index=False, name=None)) == [
        ("cnn", 0, "b"), ("cnn", 1, "a"), ("rnn", 0, "a"),
    ]  # fmt: skip


def test_loss_is_the_mean_log_loss_of_the_runs():
    frame = table({("cnn", 0, "a"): 1.0, ("cnn", 0, "b"): 0.5})
    validation = frame[frame["part"] == "validation"]
    for line in choose(frame).itertuples():
        runs = validation[validation["setting"] == line.setting].groupby("seed")
        expected = np.mean([log_loss(rows["label"], rows["probability_1"]) for _, rows in runs])
        assert line.validation_loss == pytest.approx(expected)


def test_test_rows_have_no_say():
    frame = table({("cnn", 0, "a"): 1.0, ("cnn", 0, "b"): 2.0})
    upside_down = frame.copy()
    test = frame["part"] == "test"
    upside_down.loc[test, ["probability_0", "probability_1"]] = frame.loc[
        test, ["probability_1", "probability_0"]
    ].to_numpy()
    pd.testing.assert_frame_equal(choose(frame), choose(upside_down))


def test_the_first_of_equal_settings_wins():
    frame = table({("cnn", 0, "z"): 1.0, ("cnn", 0, "a"): 1.0})
    assert choose(frame).query("chosen")["setting"].tolist() == ["z"]


def test_a_setting_that_lost_a_run_yields_to_a_whole_one():
    frame = table({("cnn", 0, "a"): 1.0, ("cnn", 0, "b"): 2.0})
    frame = frame[~((frame["setting"] == "b") & (frame["seed"] == 1))]
    assert choose(frame).query("chosen")["setting"].tolist() == ["a"]


def test_survival_is_chosen_by_the_partial_likelihood():
    n = 20
    frame = table({("dnn", 0, "good"): 1.0, ("dnn", 0, "bad"): 1.0}, n=n).drop(
        columns=["label", "probability_0", "probability_1"]
    )
    time = frame["row"] + 1.0
    risk = np.where(frame["setting"] == "good", -time / n, time / n)
    frame = frame.assign(start=0.0, time=time, event=True, risk=risk)
    settings = choose(frame)
    assert settings.query("chosen")["setting"].tolist() == ["good"]
    # A shift of one run's risks is no information: they have no common zero.
    frame.loc[(frame["setting"] == "good") & (frame["seed"] == 1), "risk"] += 5
    np.testing.assert_allclose(choose(frame)["validation_loss"], settings["validation_loss"])


def test_one_setting_needs_no_validation_rows_but_two_do():
    one = table({("cnn", 0, "a"): 1.0}, parts=("test",))
    assert choose(one)["chosen"].tolist() == [True]
    two = table({("cnn", 0, "a"): 1.0, ("cnn", 0, "b"): 1.0}, parts=("test",))
    with pytest.raises(UserError, match="model cnn, fold 0: 2 settings and no validation row"):
        choose(two)


def test_chosen_rows_are_those_of_the_part_and_setting():
    frame = table({("cnn", 0, "a"): 1.0, ("cnn", 0, "b"): 2.0})
    rows = chosen_rows(frame, "test")
    assert len(rows) == 40
    assert set(rows["setting"]) == {"b"}
    assert set(rows["part"]) == {"test"}
