"""Columns: one number a row of what a modality holds, for checks that judge one column at a time."""

import numpy as np
import pandas as pd

from pmjax.audit.observed import observed, sampled
from pmjax.cohort import Cohort, Modality
from pmjax.types import HostArray

ROWS, VALUES = 50_000, 1 << 25
"""Checks of columns read so many rows at most, drawn at random, and so many values: more would not change a verdict,
only cost memory."""

_TILES = 8


def rows_read(cohort: Cohort) -> HostArray:
    """Number the rows that checks of columns read, ascending, the same at every call."""
    widest = max(int(np.prod(m.values.shape[1:])) for m in cohort.modalities.values())
    return sampled(np.arange(len(cohort)), min(ROWS, max(1, VALUES // max(1, widest))))


def columns(cohort: Cohort, rows: HostArray, *, coarse: bool = False) -> pd.DataFrame:
    """Read columns of tables and series, and where they are missing, without constant ones; NaN where missing.

    Whether a patient lacks a modality altogether is a column too.

    A series gives the mean and the last of its real steps. `coarse` adds the mean of 8 × 8 tiles of images, and of
    sequences the share of each letter and the length.
    """
    found: dict[str, HostArray] = {}
    for name, modality in cohort.modalities.items():
        here = modality.observed[rows]
        if not here.all():
            found[f"{name} is absent"] = (~here).astype(float)
        for view, table, features in _views(modality, rows, coarse):
            for feature, column in zip(features, table.T, strict=True):
                found[f"{name}: {feature}{view}"] = column
                missing = np.isnan(column) & here
                if missing.any():
                    found[f"{name}: {feature}{view} is missing"] = np.where(here, missing, np.nan)
    frame = pd.DataFrame(found, index=range(len(rows)))
    return frame.loc[:, frame.nunique() > 1]


def _views(modality: Modality, rows: HostArray, coarse: bool) -> list[tuple[str, HostArray, tuple[str, ...]]]:
    if modality.kind in ("image", "sequence") and not coarse:
        return []
    values, seen = observed(modality, rows)
    full = (len(rows), *modality.values.shape[1:])
    if modality.kind == "image":
        return _tiles(values.reshape(full), modality.features, modality.observed[rows])
    values, seen = values.reshape(full), seen.reshape(full)
    if modality.kind == "table":
        return [("", np.where(seen, values, np.nan), modality.features)]
    steps = seen.sum(axis=1)
    with np.errstate(invalid="ignore"):
        mean = values.sum(axis=1, dtype=np.float64) / np.where(steps > 0, steps, np.nan)
    if modality.kind == "sequence":
        length = (values.max(axis=2) > 0).sum(axis=1)[:, None].astype(float)
        return [(" (share)", mean, modality.features), ("", length, ("length",))]
    last = np.full(len(rows), full[1] - 1)
    if modality.mask is not None:
        last = last - np.argmax(modality.mask[rows][:, ::-1], axis=1)
    at = np.arange(len(rows)), last
    return [
        (" (mean)", mean, modality.features),
        (" (last step)", np.where(seen[at], values[at], np.nan), modality.features),
    ]


def _tiles(
    images: HostArray, features: tuple[str, ...], present: HostArray
) -> list[tuple[str, HostArray, tuple[str, ...]]]:
    """Mean of each tile of each image, one view a tile."""
    height, width = images.shape[1:3]
    found = []
    for ys in np.array_split(np.arange(height), min(_TILES, height)):
        for xs in np.array_split(np.arange(width), min(_TILES, width)):
            tile = images[:, ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1].mean(axis=(1, 2), dtype=np.float64)
            tile[~present] = np.nan
            found.append((f" (tile {ys[0]}, {xs[0]})", tile, features))
    return found
