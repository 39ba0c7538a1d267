"""One-hot columns: levels of the training rows, and one column for whatever else comes."""

import json

import numpy as np
import pandas as pd

from pmjax.prepare.categories import fit_levels, one_hot

FRAME = pd.DataFrame({"stage": ["II", "I", "IV", None, "II"], "sex": ["f", "m", "f", "m", "f"]})
TRAIN = np.array([True, True, False, True, True])


def test_levels_are_those_of_training_rows_and_the_rest_is_unknown():
    levels = fit_levels(FRAME, TRAIN)
    assert levels == {"stage": ("I", "II"), "sex": ("f", "m")}
    values, names = one_hot(FRAME, levels)
    assert names == ("stage = I", "stage = II", "stage = unknown", "sex = f", "sex = m", "sex = unknown")
    assert values[:, :3].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1], [0, 1, 0]]
    assert (values.sum(axis=1) == 2).all()


def test_rows_outside_training_change_no_level_and_json_keeps_them():
    other = FRAME.assign(stage=["II", "I", "nonsense", None, "II"])
    levels = fit_levels(FRAME, TRAIN)
    assert fit_levels(other, TRAIN) == levels
    np.testing.assert_array_equal(one_hot(FRAME, json.loads(json.dumps(levels)))[0], one_hot(FRAME, levels)[0])
