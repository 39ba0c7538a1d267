"""What a DICOM dataset says of each of its frames: where they lie, how they are rescaled and shown.

A frame's own value, in its functional groups, goes before the shared one, which goes before the file's.
"""

import math
from typing import Any

import numpy as np

from pmjax.types import HostArray

_FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")


def positions_of(dataset: Any, frames: int, orientation: HostArray | None) -> HostArray | None:
    """Read (F, 3) positions; those of dose grids are offsets along the normal of the first."""
    found = per_frame(dataset, frames, "PlanePositionSequence", "ImagePositionPatient", 3)
    offsets = numbers(dataset.get("GridFrameOffsetVector"), frames)
    grouped = bool(dataset.get("PerFrameFunctionalGroupsSequence"))
    if any(p is None for p in found) or (frames > 1 and not grouped and (offsets is None or orientation is None)):
        return None
    positions = np.array(found)
    if offsets is not None and orientation is not None and not grouped:
        normal = np.cross(orientation[:3], orientation[3:])
        positions = positions + (np.array(offsets) - offsets[0])[:, None] * normal
    return positions


def rescale_of(dataset: Any, frames: int) -> tuple[HostArray, HostArray]:
    """Read slope and intercept of every frame, (F,) each."""
    group = "PixelValueTransformationSequence"
    dose = numbers(dataset.get("DoseGridScaling"), 1)
    slope = [s or dose or (1.0,) for s in per_frame(dataset, frames, group, "RescaleSlope", 1)]
    intercept = [i or (0.0,) for i in per_frame(dataset, frames, group, "RescaleIntercept", 1)]
    return np.array(slope)[:, 0], np.array(intercept)[:, 0]


def window_of(dataset: Any, frames: int) -> tuple[float, float, str] | None:
    """Read the first window, which is the default of several."""
    centre, width = (
        per_frame(dataset, frames, "FrameVOILUTSequence", key, None)[frames // 2]
        for key in ("WindowCenter", "WindowWidth")
    )
    function = str(dataset.get("VOILUTFunction") or "LINEAR")
    if not centre or not width or width[0] <= 0 or function not in _FUNCTIONS:
        return None
    return centre[0], width[0], function


def per_frame(dataset: Any, frames: int, group: str, keyword: str, count: int | None) -> list[tuple[float, ...] | None]:
    """Read a value of each frame: its own, else the shared one, else the file's."""

    def within(item: Any) -> tuple[float, ...] | None:
        return numbers(item[group][0].get(keyword), count) if item.get(group) else None

    shared = dataset.get("SharedFunctionalGroupsSequence")
    base = (within(shared[0]) if shared else None) or numbers(dataset.get(keyword), count)
    items = dataset.get("PerFrameFunctionalGroupsSequence") or []
    return [within(item) or base for item in items] or [base] * frames


def numbers(value: Any, count: int | None) -> tuple[float, ...] | None:
    """Convert a value to `count` finite numbers; None where it is missing or empty."""
    if value is None or value == "":
        return None
    numbers = tuple(float(v) for v in (value if hasattr(value, "__len__") and not isinstance(value, str) else [value]))
    if not all(map(math.isfinite, numbers)) or (count is not None and len(numbers) not in (0, count)):
        raise ValueError("numbers that are infinite or of a wrong count")
    return numbers or None
