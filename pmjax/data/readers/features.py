"""Features: the columns of a frame as one matrix, categories one-hot; text that nobody declared is refused."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pmjax.data.readers.columns import nearest, read_text
from pmjax.errors import UserError
from pmjax.types import HostArray

Categories = Sequence[str] | Mapping[str, Sequence[str]]
UNKNOWN = "unknown"
_MOST_LEVELS = 100


def choose_features(
    known: Sequence[str], taken: Sequence[str], features: Sequence[str], drop: Sequence[str], where: str
) -> tuple[str, ...]:
    """Name the columns that are inputs: `features`, or every one that is neither `taken` by a role nor in `drop`.

    Raises:
        UserError: a column that does not exist or has no name; none is left.
    """
    for column in (*features, *drop):
        if column not in known:
            raise UserError(f"{where}: there is no column {column!r}{nearest(column, known)}; mend features or drop")
    chosen = tuple(features) or tuple(c for c in known if c not in {*taken, *drop})
    if "" in chosen:
        raise UserError(f"{where}: column {list(known).index('') + 1} has no name; give '' a role or drop it")
    if not chosen:
        raise UserError(f"{where}: no column is left as an input; drop fewer")
    return chosen


def encode_features(
    frame: pd.DataFrame, features: Sequence[str], categories: Categories, where: str
) -> tuple[HostArray, tuple[str, ...]]:
    """Make the (N, F) float64 matrix of `features` and name its columns; a missing number is NaN.

    A column of `categories` becomes one 0/1 column a level, named 'sex=female', in the order declared by
    {column: levels} or else sorted; where values are missing, 'sex=unknown' marks them.

    Raises:
        UserError: text in a column that is no category, a level that is not declared, too many levels.
    """
    for column in categories:
        if column not in features:
            raise UserError(f"{where}: the category {column!r} is no feature{nearest(column, features)}; mend it")
    blocks: list[HostArray] = []
    names: list[str] = []
    for column in features:
        if column in categories:
            levels = categories[column] if isinstance(categories, Mapping) else ()
            block, marks = _one_hot(frame, column, levels, where)
            names.extend(f"{column}={mark}" for mark in marks)
        else:
            block = read_numbers(frame, column, where)[:, None]
            names.append(column)
        blocks.append(block)
    return np.concatenate(blocks, axis=1), tuple(names)


def read_numbers(frame: pd.DataFrame, column: str, where: str) -> HostArray:
    """Read a column as (N,) float64, NaN where missing.

    Raises:
        UserError: the first value that is no number, with its row.
    """
    if frame[column].dtype.kind in "fiub":
        return frame[column].to_numpy(np.float64)
    text, missing = read_text(frame, column, where)
    values = pd.to_numeric(pd.Series(text).mask(missing), errors="coerce").to_numpy(np.float64)
    bad = np.isnan(values) & ~missing
    if bad.any():
        row = int(np.argmax(bad))
        raise UserError(
            f"{where}, row {row + 1}: column {column!r} holds {str(text[row])!r}, which is no number; "
            "mend it, or name the column in categories or drop"
        )
    return values


def _one_hot(frame: pd.DataFrame, column: str, levels: Sequence[str], where: str) -> tuple[HostArray, tuple[str, ...]]:
    text, missing = read_text(frame, column, where)
    marks = tuple(str(level) for level in levels) or tuple(np.unique(text[~missing]).tolist())
    if missing.any() and UNKNOWN not in marks:
        marks = (*marks, UNKNOWN)
    if len(marks) > _MOST_LEVELS:
        raise UserError(f"{where}: the category {column!r} has {len(marks)} levels, over {_MOST_LEVELS}; drop it")
    text = np.where(missing, UNKNOWN, text)
    strange = ~np.isin(text, marks)
    if strange.any():
        row = int(np.argmax(strange))
        raise UserError(f"{where}, row {row + 1}: {column!r} is {str(text[row])!r}, none of {', '.join(marks)}")
    return (text[:, None] == np.asarray(marks)).astype(np.float64), marks
