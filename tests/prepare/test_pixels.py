"""Statistics of image channels against those of one long column, and the memory that they take."""

import tracemalloc

import numpy as np
import pytest

from pmjax.cohort import Modality
from pmjax.prepare.transforms import apply, fit


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_image_channels_are_standardised_as_one_long_column_each(dtype):
    images = np.random.default_rng(0).integers(0, 256, (30, 5, 7, 2)).astype(dtype)
    train = np.arange(30) % 3 > 0
    params = fit(Modality("image", images, ("red", "blue")), train)
    columns = images[train].reshape(-1, 2).astype(float)
    np.testing.assert_allclose(params["median"], np.median(columns, axis=0))
    np.testing.assert_allclose(params["mean"], columns.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(params["scale"], columns.std(axis=0), rtol=1e-6)
    assert apply(params, images).dtype == np.float32


def test_missing_pixels_count_as_the_median_and_a_flat_channel_becomes_0():
    images = np.random.default_rng(0).normal(5, 1, (4, 3, 3, 2))
    images[0, 0, 0, 0], images[..., 1] = np.nan, 7
    params = fit(Modality("image", images, ("a", "b")), np.ones(4, bool))
    column = images[..., 0].ravel()
    filled = np.where(np.isnan(column), np.nanmedian(column), column)
    np.testing.assert_allclose([params["mean"][0], params["scale"][0]], [filled.mean(), filled.std()], rtol=1e-6)
    assert (apply(params, images)[..., 1] == 0).all()


def test_fitting_uint8_images_holds_no_second_copy_of_them():
    images = np.random.default_rng(0).integers(0, 256, (400, 128, 128, 1), dtype=np.uint8)
    modality = Modality("image", images, ("grey",))
    tracemalloc.start()
    fit(modality, np.ones(400, bool))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < images.nbytes
