"""One-hot columns of categories, by the levels of the training rows and one more for all other levels."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pmjax.types import HostArray

UNKNOWN = "unknown"
Levels = Mapping[str, Sequence[str]]


def fit_levels(frame: pd.DataFrame, train: HostArray) -> dict[str, tuple[str, ...]]:
    """List the sorted levels of each column among the training rows (N,) bool; a gap is no level."""
    return {str(name): tuple(sorted(frame[name][train].dropna().astype(str).unique())) for name in frame}


def one_hot(frame: pd.DataFrame, levels: Levels) -> tuple[HostArray, tuple[str, ...]]:
    """Turn each column into 0/1 columns, one a level and a last one for any other level or a gap.

    Returns:
        uint8 (N, Σ (levels + 1)), one 1 a column of `frame`, and names such as "stage = II", "stage = unknown".
    """
    parts, names = [], []
    for column, known in levels.items():
        number = {level: i for i, level in enumerate(known)}
        text = frame[column].astype(object)
        code = [len(known) if pd.isna(v) else number.get(str(v), len(known)) for v in text]
        parts.append(np.eye(len(known) + 1, dtype=np.uint8)[code])
        names += [f"{column} = {level}" for level in (*known, UNKNOWN)]
    return np.concatenate(parts, axis=1), tuple(names)
