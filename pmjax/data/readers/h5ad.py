"""h5ad of anndata: a matrix of observations by features, and what is known of each observation."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pmjax.cohort import Cohort, Modality
from pmjax.data.readers.columns import nearest
from pmjax.data.readers.matrix import Matrix, check_names
from pmjax.data.readers.measured import describe
from pmjax.data.readers.probe import probe
from pmjax.data.readers.roles import build_cohort, read_outcomes
from pmjax.data.readers.source import LIMIT, require
from pmjax.errors import UserError
from pmjax.types import HostArray

INDEX = "obs_names"
"""The column of the observations' names, beside those of obs."""
_DEPTH, _MEMBERS = 8, 100_000
_FORMS = {
    "Dataset": {("", ""), ("array", "0.2.0"), ("string-array", "0.2.0"), ("string", "0.2.0")},
    "Group": {("", ""), ("dataframe", "0.2.0"), ("categorical", "0.2.0"), ("csr_matrix", "0.1.0")}
    | {("csc_matrix", "0.1.0"), ("nullable-integer", "0.1.0"), ("nullable-boolean", "0.1.0")}
    | {("nullable-string-array", "0.1.0")},
}
"""The encodings, with their versions, of which anndata's specification makes matrices and tables."""
_BROKEN = (KeyError, ValueError, TypeError, IndexError, AttributeError, OSError, RuntimeError, OverflowError)
"""What h5py and anndata raise on damaged files and on forms that they do not know."""


def read_h5ad(
    path: str | Path, layer: str | None = None, features: Sequence[str] = (), limit: int = LIMIT
) -> tuple[Matrix, pd.DataFrame]:
    """Read X or one layer, and obs, of an h5ad file; nothing else of it is touched.

    Sizes are checked before anything is read, links that lead out of the file are refused, and HDF5 holds no code:
    anndata unpickles nothing.

    Args:
        layer: of `layers`; None is X.
        features: var names to keep, in this order; all where empty.
        limit: bytes of the parts that are read, and of the dense float32 matrix.

    Returns:
        The matrix (observations, features), and obs with a column INDEX of its names.

    Raises:
        UserError: a broken or foreign file, parts that are missing, too large or do not fit each other.
    """
    where = "X" if layer is None else f"layers/{layer}"
    obs, var, values = _read_parts(str(path), ("obs", "var", where), limit)
    if not isinstance(obs, pd.DataFrame) or not isinstance(var, pd.DataFrame):
        raise UserError(f"{path}: obs and var must be tables; write it again with anndata 0.8 or later")
    if getattr(values, "shape", None) != (len(obs), len(var)):
        shape = getattr(values, "shape", "no array")
        raise UserError(f"{path}: {where} is {shape}; obs and var have {len(obs)} and {len(var)} rows")
    names = list(map(str, var.index))
    check_names(names, f"{path}, var", "feature")
    columns = _columns_of(names, features, str(path))
    if len(obs) * len(columns) * 4 > limit:
        raise UserError(f"{path}: {len(obs)} × {len(columns)} values take more than {limit} bytes; name fewer features")
    dense = _dense(values, columns, f"{path}, {where}")
    if INDEX in obs.columns:
        raise UserError(f"{path}: obs has a column {INDEX!r}, the name kept for its index; rename it")
    frame = obs.reset_index(names=INDEX)
    _check_columns(frame, f"{path}, obs")
    return Matrix(dense, tuple(map(str, obs.index)), tuple(names[c] for c in columns)), frame


def h5ad(
    path: str,
    *,
    roles: Mapping[str, Any],
    layer: str | None = None,
    features: Sequence[str] = (),
    modality: str = "expression",
    name: str = "h5ad",
    title: str = "",
    citation: str = "",
    licence: str = "",
) -> Cohort:
    """Load an h5ad file whose obs holds the outcomes, once a child process could read it without a crash.

    Args:
        roles: columns of obs; see `read_outcomes`. `obs_names` is obs's index, and the id where none is given; for
            many cells of a donor give {"id": donor column, "sample": "obs_names"}.
        layer, features: see `read_h5ad`.
        modality: its name in the cohort.
    """
    probe("pmjax.data.readers.h5ad:read_h5ad", path, *([] if layer is None else [layer]))
    matrix, obs = read_h5ad(path, layer, features)
    return build_cohort(
        name,
        read_outcomes(obs, {"id": INDEX, **roles}, f"{path}, obs"),
        {modality: Modality("table", matrix.values, matrix.features)},
        describe([path], title, citation, licence),
        [("observations in the file", len(obs)), ("analysed", len(obs))],
    )


def _read_parts(path: str, parts: Sequence[str], limit: int) -> list[Any]:
    h5py, anndata = (require(module, f"{path} (h5ad)") for module in ("h5py", "anndata"))
    try:
        with h5py.File(path, "r") as file:
            size = 0
            for part in parts:
                size += _checked_size(file, part, path, limit - size)
            return [anndata.io.read_elem(file[part]) for part in parts]
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(f"{path}: cannot be read as h5ad ({reason}); write it with anndata 0.8 or later") from error


def _checked_size(file: Any, part: str, where: str, limit: int) -> int:
    """Sum the bytes that `part` declares, refusing what leads out of the file or is beyond `limit`."""
    import h5py

    pending, seen, size = [(part, 0)], 0, 0
    while pending:
        key, depth = pending.pop()
        seen += 1
        if depth > _DEPTH or seen > _MEMBERS:
            raise UserError(f"{where}: {part} is nested too deep or has over {_MEMBERS} members; it is no h5ad")
        link = file.get(key, getlink=True)
        if link is None:
            known = ", ".join(sorted(map(str, file))[:20])
            raise UserError(f"{where}: there is no {key}; it has {known or 'nothing'}")
        if not isinstance(link, h5py.HardLink):
            raise UserError(f"{where}: {key} is a link to elsewhere; copy the data into the file")
        item = file[key]
        form = tuple(item.attrs.get(f"encoding-{what}", "") for what in ("type", "version"))
        if form not in _FORMS[type(item).__name__]:
            raise UserError(
                f"{where}: {key} is of the form {form}, which is not read; write it with anndata 0.8 or later"
            )
        if isinstance(item, h5py.Group):
            pending += [(f"{key}/{name}", depth + 1) for name in item]
            continue
        if item.is_virtual or item.external:
            raise UserError(f"{where}: {key} keeps its data in another file; copy the data into the file")
        size += int(item.size or 0) * item.dtype.itemsize
        if size > limit:
            raise UserError(f"{where}: {key} declares more than the {limit} bytes that are read; choose a smaller file")
    return size


def _check_columns(frame: pd.DataFrame, where: str) -> None:
    """Refuse columns of bytes or of anything else that is neither numbers nor text."""
    for name, column in frame.items():
        values = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column
        kind = pd.api.types.infer_dtype(values, skipna=True)
        if kind not in ("string", "integer", "floating", "boolean", "empty"):
            raise UserError(f"{where}: the column {name!r} holds {kind}; write it as numbers or text")


def _columns_of(names: list[str], features: Sequence[str], where: str) -> list[int]:
    """Number the wanted features, all where none is named."""
    if not features:
        return list(range(len(names)))
    place = {name: index for index, name in enumerate(names)}
    for feature in features:
        if feature not in place:
            raise UserError(f"{where}: there is no feature {feature!r}{nearest(feature, names)}; mend `features`")
    return [place[feature] for feature in features]


def _dense(values: Any, columns: list[int], where: str) -> HostArray:
    """Take columns of a dense or sparse matrix as (N, F) float32."""
    import scipy.sparse

    if scipy.sparse.issparse(values):
        try:
            values.check_format(full_check=True)  # indices beyond the shape would write beyond the memory
        except ValueError as error:
            raise UserError(f"{where}: its sparse indices are broken ({error}); write the file again") from error
        values = values[:, columns].toarray()
    elif isinstance(values, np.ndarray):
        values = values[:, columns]
    else:
        raise UserError(f"{where}: is a {type(values).__name__}; X and layers are dense or sparse matrices")
    if values.dtype.kind not in "buif":
        raise UserError(f"{where}: holds {values.dtype}; a matrix holds numbers")
    with np.errstate(over="ignore"):  # beyond float32 is infinite, which Modality refuses
        return values.astype(np.float32)
