"""Median, mean and sd of the channels of images, without a second copy of all images in float64."""

import numpy as np

from pmjax.types import HostArray

_PIXELS_AT_ONCE = 1 << 18


def channel_statistics(values: HostArray, rows: HostArray) -> tuple[HostArray, HostArray, HostArray]:
    """Median, mean and sd (over n) of each channel, (C,) float64 each, over the images `rows`.

    A missing pixel counts as the median of its channel.

    Args:
        values: (N, H, W, C) uint8, or float with NaN where missing.
        rows: (n,) indices.
    """
    return _of_bytes(values, rows) if values.dtype == np.uint8 else _of_floats(values, rows)


def _blocks(values: HostArray, rows: HostArray) -> list[HostArray]:
    return np.array_split(rows, max(1, len(rows) * values[0].size // _PIXELS_AT_ONCE))


def _of_bytes(values: HostArray, rows: HostArray) -> tuple[HostArray, HostArray, HostArray]:
    """From the counts of the 256 levels, which hold everything exactly."""
    channels = values.shape[-1]
    counts = np.zeros((channels, 256), np.int64)
    for block in _blocks(values, rows):
        for c in range(channels):
            counts[c] += np.bincount(values[block, ..., c].ravel(), minlength=256)
    level, total = np.arange(256.0), counts[0].sum()
    upto = counts.cumsum(axis=1)
    middle = [(upto > (total - 1) // 2).argmax(axis=1), (upto > total // 2).argmax(axis=1)]
    mean = counts @ level / total
    variance = (counts * (level - mean[:, None]) ** 2).sum(axis=1) / total
    return np.mean(middle, axis=0), mean, np.sqrt(variance)


def _of_floats(values: HostArray, rows: HostArray) -> tuple[HostArray, HostArray, HostArray]:
    """The median from one channel at a time in the type of the values, moments in float64 block by block."""
    channels, pixels = values.shape[-1], len(rows) * values[0, ..., 0].size
    median = np.zeros(channels)
    for c in range(channels):
        channel = values[rows, ..., c].ravel()
        channel = channel[~np.isnan(channel)]
        median[c] = np.median(channel) if channel.size else 0
    axes, blocks = (0, 1, 2), _blocks(values, rows)

    def filled(block: HostArray) -> HostArray:
        pixel = values[block].astype(np.float64)
        return np.where(np.isnan(pixel), median, pixel)

    mean, variance = np.zeros(channels), np.zeros(channels)
    for block in blocks:
        mean += filled(block).sum(axis=axes) / pixels
    for block in blocks:
        variance += ((filled(block) - mean) ** 2).sum(axis=axes) / pixels
    return median, mean, np.sqrt(variance)
