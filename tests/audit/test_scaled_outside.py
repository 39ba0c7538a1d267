"""Columns scaled over all rows are found, raw ones and those scaled on the training part are not."""

import numpy as np
import pytest
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from pmjax.audit.observed import moments
from pmjax.audit.scaling import scaled_outside
from pmjax.cohort import Modality
from pmjax.prepare.splits import make_splits

SCALERS = {"standardised": StandardScaler(), "scaled to [0, 1]": MinMaxScaler()}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("how", SCALERS)
def test_a_table_scaled_over_all_rows_is_a_warning(cohort, values, how, dtype):
    values = values * [1, 50, 1e4] + [0, 3, 1e5]
    made = cohort(values)
    splits = make_splits(made)
    assert scaled_outside(made, splits) == []
    (finding,) = scaled_outside(cohort(SCALERS[how].fit_transform(values).astype(dtype)), splits)
    assert (finding.check, finding.severity) == ("scaled-outside", "warning")
    assert finding.message.startswith(f"table: 'f0', 'f1', 'f2' came {how} over all rows")


@pytest.mark.parametrize("how", SCALERS)
def test_scaling_on_the_training_part_is_no_finding(cohort, values, how):
    splits = make_splits(cohort(values))
    scaled = SCALERS[how].fit(values[splits.train[0]]).transform(values)
    assert scaled_outside(cohort(scaled), splits) == []


def test_standardising_by_n_minus_1_and_gaps_are_seen(cohort, values):
    values[::7, 0] = np.nan
    scaled = (values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0, ddof=1)
    made = cohort(scaled)
    assert "'f0', 'f1', 'f2' came standardised" in scaled_outside(made, make_splits(made))[0].message


def test_codes_and_one_share_between_0_and_1_are_no_scaling(cohort, values):
    values[:, 0] = np.arange(120) % 2
    values[:, 1] = np.linspace(0, 1, 120)
    made = cohort(values)
    assert scaled_outside(made, make_splits(made)) == []


def test_moments_are_numpys_in_float64_also_far_from_zero():
    draw = np.random.default_rng(0)
    steps = draw.normal(size=(500, 6, 3)) * [1, 1e-3, 0] + [0, 1e4, 5]
    steps[draw.random(steps.shape) < 0.2] = np.nan
    mask = draw.random((500, 6)) < 0.8
    mask[:, 0] = True
    count, mean, sd = moments(Modality("series", steps, ("a", "b", "c"), mask))
    real = np.where(mask[..., None], steps, np.nan).reshape(-1, 3)
    assert (count == (~np.isnan(real)).sum(axis=0)).all()
    assert np.allclose(mean, np.nanmean(real, axis=0), rtol=1e-12)
    assert np.allclose(sd, [*np.nanstd(real[:, :2], axis=0), 0], rtol=1e-5)
