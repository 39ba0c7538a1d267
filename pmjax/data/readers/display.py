"""A DICOM series as images: values to [0, 1] by a window, slices to one size."""

from collections.abc import Sequence

import numpy as np

from pmjax.data.readers.dicom_series import Series
from pmjax.types import HostArray

Window = str | Sequence[float | int]
"""`"file"`, `"range"`, or centre and width in the modality's unit."""


def display(series: Series, window: Window = "file") -> HostArray:
    """Bring a series to [0, 1] as it would be shown, (Z, H, W, C), white being 1; colours are left.

    The window's function is DICOM's (PS3.3 C.11.2.1.2 and C.11.2.1.3): LINEAR, LINEAR_EXACT or SIGMOID; a declared
    window is LINEAR_EXACT. MONOCHROME1 is inverted after it.
    """
    values = series.volume
    if values.shape[-1] == 3:
        return values
    centre, width, function = _window_of(series, window)
    if function == "SIGMOID":
        shown = 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -80, 80)))
    elif function == "LINEAR" and width > 1:
        shown = (values - (centre - 0.5)) / (width - 1) + 0.5
    else:
        shown = (values - centre) / width + 0.5
    shown = np.clip(shown, 0, 1).astype(np.float32)
    return 1 - shown if series.inverted else shown


def _window_of(series: Series, window: Window) -> tuple[float, float, str]:
    """Choose centre, width and function."""
    if not isinstance(window, str):
        return float(window[0]), float(window[1]), "LINEAR_EXACT"
    if window == "file" and series.window is not None:
        return series.window
    low, high = float(series.volume.min()), float(series.volume.max())
    return (low + high) / 2, max(high - low, float(np.finfo(np.float32).tiny)), "LINEAR_EXACT"


def resize(images: HostArray, height: int, width: int) -> HostArray:
    """Bring (Z, H, W, C) images to (Z, height, width, C), each axis by itself, over the whole field.

    An axis that shrinks is averaged by area, one that grows is interpolated linearly between the centres of pixels.
    """
    rows, columns = (_weights(n, m) for n, m in zip(images.shape[1:3], (height, width), strict=True))
    return np.stack([np.einsum("ph,hwc,qw->pqc", rows, image, columns, optimize=True) for image in images])


def _weights(given: int, wanted: int) -> HostArray:
    """Build the (wanted, given) float32 matrix of one axis; its rows sum to 1."""
    scale = given / wanted
    if wanted <= given:
        low = np.arange(wanted)[:, None] * scale
        pixels = np.arange(given)
        shared = np.minimum(low + scale, pixels + 1) - np.maximum(low, pixels)
        return (np.clip(shared, 0, None) / scale).astype(np.float32)
    centre = np.clip((np.arange(wanted) + 0.5) * scale - 0.5, 0, given - 1)
    return np.clip(1 - np.abs(centre[:, None] - np.arange(given)), 0, None).astype(np.float32)
