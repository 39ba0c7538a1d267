"""HDF5 in DeepSurv's form: groups train, valid and test of inputs x, times t, events e and, simulated, the hazard hr.

J. L. Katzman et al. DeepSurv: personalized treatment recommender system using a Cox proportional hazards deep neural
network. BMC Med Res Methodol 18, 24, 2018.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pmjax.cohort import Cohort, Modality, Source
from pmjax.data.readers.roles import Outcomes, build_cohort, nearest
from pmjax.data.readers.source import require, sha256_of
from pmjax.errors import UserError
from pmjax.task import Survive
from pmjax.truth import Truth
from pmjax.types import HostArray

_PARTS = {"train": "train", "valid": "validation", "validation": "validation", "test": "test"}
_LIMIT = 1 << 30
_READ_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError)  # what h5py raises on bad bytes


@dataclass(frozen=True)
class DeepSurvPart:
    """One group: `x` (N, F), `t` (N,) ≥ 0, `e` (N,) 0 or 1, `hr` (N,) true log-hazard where simulated."""

    x: HostArray
    t: HostArray
    e: HostArray
    hr: HostArray | None


def read_deepsurv(path: str | Path) -> dict[str, DeepSurvPart]:
    """Read the parts train, validation and test that the file has; other groups are left alone.

    Raises:
        UserError: no HDF5, a part without x, t or e, a wrong shape or type, links out of the file, broken values.
    """
    h5py = require("h5py", "HDF5")
    sha256_of(path)  # tells a file that cannot be read before h5py's own words do
    try:
        with h5py.File(path, "r") as file:
            parts = {part: _read_part(file, group, str(path)) for group, part in _PARTS.items() if group in file}
            rest = [repr(group) for group in file if group not in _PARTS][:5]
    except _READ_ERRORS as error:
        message = " ".join(str(error).split())[:160]
        raise UserError(f"{path}: broken, or no HDF5 at all ({message}); get the file again") from error
    if "train" not in parts:
        raise UserError(f"{path}: there is no group 'train', only {', '.join(rest) or 'nothing'}; choose another file")
    for name, part in parts.items():
        if part.x.shape[1] != parts["train"].x.shape[1] or (part.hr is None) != (parts["train"].hr is None):
            raise UserError(f"{path}: the group {name!r} has other columns than 'train'; get the file again")
    return parts


def deepsurv_h5(
    path: str,
    *,
    features: Sequence[str] = (),
    treatment_column: str | None = None,
    zero_time: float | None = None,
    name: str = "deepsurv",
    event: str = "event",
    unit: str = "months",
    title: str = "",
    citation: str = "none given",
    licence: str = "not stated",
) -> Cohort:
    """Load a DeepSurv file as one cohort whose official parts are its groups.

    `features` names the columns of x (else x0, x1, …); `treatment_column` is the one of them that holds the arm, which
    stays an input. A time of 0, as one patient of METABRIC has, becomes `zero_time`, noted, or is refused. `hr`, where
    the file has it, is the log of the hazard ratio, as in the published simulations.

    Raises:
        UserError: what `read_deepsurv` refuses; a wrong number of names.
    """
    parts = read_deepsurv(path)
    x = np.concatenate([part.x for part in parts.values()]).astype(np.float64)
    names = tuple(features) or tuple(f"x{i}" for i in range(x.shape[1]))
    if len(names) != x.shape[1]:
        raise UserError(f"{path}: {len(names)} names for {x.shape[1]} columns; name them all")
    time, note = _lift_zeros(_join(parts, "t"), zero_time, path)
    simulated = parts["train"].hr is not None
    outcomes = Outcomes(
        patient=np.concatenate([np.char.add(f"{p}-", np.arange(len(v.t)).astype(str)) for p, v in parts.items()]),
        task=Survive(event, time, _join(parts, "e"), unit),
        arm=None if treatment_column is None else _read_arm(x, names, treatment_column, path),
        part=np.repeat(list(parts), [len(part.t) for part in parts.values()]),
    )
    notes = ("The file has no ids: each row is taken as a patient, named by its part and number.",)
    files = {Path(path).name: sha256_of(path)}
    origin = Source(title or f"HDF5 {Path(path).name}", citation, licence, files, simulated, (*notes, *note))
    counts = tuple((f"rows in {part}", len(values.t)) for part, values in parts.items())
    truth = Truth(log_hazard=_join(parts, "hr"), notes=("hr of the file: log of the hazard ratio",))
    modalities = {"table": Modality("table", x, names)}
    flow = (*counts, ("analysed", len(x)))
    return build_cohort(name, outcomes, modalities, origin, flow, truth if simulated else None)


def _join(parts: dict[str, DeepSurvPart], column: str) -> HostArray:
    values = [getattr(part, column) for part in parts.values()]
    return np.concatenate(values).astype(np.float64) if values[0] is not None else np.empty(0)


def _lift_zeros(time: HostArray, zero_time: float | None, path: str) -> tuple[HostArray, tuple[str, ...]]:
    zero = time == 0
    if not zero.any():
        return time, ()
    if zero_time is None:
        raise UserError(f"{path}: {int(zero.sum())} times are 0, and must be above it; give zero_time=0.5 to lift them")
    return np.where(zero, zero_time, time), (f"{int(zero.sum())} times of 0 were set to {zero_time:g}.",)


def _read_arm(x: HostArray, names: Sequence[str], column: str, path: str) -> HostArray:
    if column not in names:
        raise UserError(
            f"{path}: there is no column {column!r}{nearest(column, names)}; choose from {', '.join(names)}"
        )
    arm = x[:, names.index(column)]
    if not (arm == np.round(arm)).all() or len(np.unique(arm)) > 20:
        raise UserError(f"{path}: {column!r} does not hold a treatment: up to 20 whole numbers")
    return arm.astype(np.int64).astype(str)


def _read_part(file: Any, group: str, path: str) -> DeepSurvPart:
    """Read one group; shapes and sizes are those declared, checked before a byte of data is read."""
    where = f"{path}, group {group!r}"
    h5py = require("h5py", "HDF5")
    if not isinstance(file.get(group, getlink=True), h5py.HardLink) or not isinstance(file[group], h5py.Group):
        raise UserError(f"{where}: not a group of this file; get the file again")
    x = _read_dataset(file[group], "x", 2, where)
    columns = {name: _read_dataset(file[group], name, 1, where) for name in ("t", "e")}
    if "hr" in file[group]:
        columns["hr"] = _read_dataset(file[group], "hr", 1, where)
    for name, column in columns.items():
        if len(column) != len(x):
            raise UserError(f"{where}: {name} has {len(column)} rows, x has {len(x)}; get the file again")
        if not np.isfinite(column).all():
            raise UserError(f"{where}, row {int(np.argmin(np.isfinite(column)))}: {name} is not a finite number")
    for name, bad in (("t", columns["t"] < 0), ("e", ~np.isin(columns["e"], (0, 1)))):
        if bad.any():
            row = int(np.argmax(bad))
            wish = {"t": "a time of at least zero", "e": "an event, 0 or 1"}[name]
            raise UserError(f"{where}, row {row}: {name} is {columns[name][row]}, not {wish}")
    hr = columns.get("hr")
    if hr is not None and len(hr) and (hr > 0).all():
        raise UserError(f"{where}: hr has no value below zero, and so is no log of a hazard ratio; store its log")
    return DeepSurvPart(x, columns["t"], columns["e"], hr)


def _read_dataset(group: Any, name: str, axes: int, where: str) -> HostArray:
    h5py = require("h5py", "HDF5")
    if name not in group or not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise UserError(f"{where}: the dataset {name!r} is missing; DeepSurv's form has x, t and e")
    dataset = group[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise UserError(f"{where}: {name!r} is no dataset kept in this file; get the file again")
    if dataset.dtype.kind not in "fiub" or dataset.ndim != axes:
        raise UserError(
            f"{where}: {name} is {dataset.dtype} of shape {dataset.shape}; it must be numbers of {axes} axes"
        )
    if dataset.size == 0 or dataset.size * 8 > _LIMIT:
        raise UserError(f"{where}: {name} declares the shape {dataset.shape}; it must have values, of up to 1 GiB")
    return np.asarray(dataset[()])
