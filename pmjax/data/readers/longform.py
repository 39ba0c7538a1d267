"""Long form: series kept as one row a patient and time, streamed into padded arrays that memory maps."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pmjax.data.readers.columns import read_text
from pmjax.data.readers.delimited import frame_of
from pmjax.data.readers.features import read_numbers
from pmjax.data.readers.stream import parquet_batches
from pmjax.errors import UserError
from pmjax.types import HostArray


@dataclass(frozen=True)
class LongSeries:
    """Series of N patients, in the order of the file, padded at the end to T steps.

    `patient` (N,) str; `values` (N, T, F) float32 mapped from a file, NaN where missing and 0 in the padding; `time`
    (N, T) float64 in the unit of the file, mapped too; `mask` (N, T) True where a step is real.
    """

    patient: HostArray
    values: HostArray
    time: HostArray
    mask: HostArray


def stream_series(
    path: str | Path, *, id_column: str, time_column: str, features: Sequence[str], folder: str | None = None
) -> LongSeries:
    """Read a Parquet file sorted by patient and time, row group by row group, into files in `folder`.

    T is the number of steps of the longest series. Neither the file nor `values` is ever in memory as a whole.

    Raises:
        UserError: a column missing or of text, an id missing, rows out of order, a disk too small.
    """
    patient, counts = _measure(path, id_column, time_column)
    shape = (len(patient), int(counts.max()), len(features))
    free = shutil.disk_usage(folder or tempfile.gettempdir()).free
    need = shape[0] * shape[1] * (4 * shape[2] + 8)
    if need > free:
        raise UserError(
            f"{path}: {shape[0]} series of up to {shape[1]} steps need {need >> 20} MiB, the disk has {free >> 20}; "
            "choose another folder or cut the longest series"
        )
    values, time = _mapped(shape, np.float32, folder), _mapped(shape[:2], np.float64, folder)
    ends = np.cumsum(counts)
    low = 0
    for frame in _frames(path, (time_column, *features)):
        at = np.arange(low, low + len(frame))
        row = np.searchsorted(ends, at, side="right")
        step = at - (ends - counts)[row]
        time[row, step] = frame[time_column]
        values[row, step] = np.column_stack([read_numbers(frame, f, str(path)) for f in features])
        low += len(frame)
    for mapped in (values, time):
        mapped.setflags(write=False)
    return LongSeries(patient, values, time, np.arange(shape[1]) < counts[:, None])


def _measure(path: str | Path, id_column: str, time_column: str) -> tuple[HostArray, HostArray]:
    """Name the N patients and count their (N,) rows, which must be sorted by patient and time."""
    patients: list[HostArray] = []
    starts: list[HostArray] = []
    low, last, clock = 0, "", -np.inf
    for frame in _frames(path, tuple(dict.fromkeys((id_column, time_column)))):
        ids, missing = read_text(frame, id_column, str(path))
        time = read_numbers(frame, time_column, str(path))
        broken = missing | ~np.isfinite(time)
        if broken.any():
            raise UserError(f"{path}, row {low + int(np.argmax(broken)) + 1}: the id or the time is missing")
        new = ids != np.concatenate([[last], ids[:-1]])
        back = ~new & (np.diff(time, prepend=clock) <= 0)
        if back.any():
            row = int(np.argmax(back))
            where = f"{path}, row {low + row + 1}: patient {str(ids[row])!r}"
            raise UserError(f"{where} at {time[row]:g} is no later than the row before; sort by patient and time")
        patients.append(ids[new])
        starts.append(low + np.flatnonzero(new))
        low, last, clock = low + len(ids), str(ids[-1]), float(time[-1])
    patient = np.concatenate(patients)
    names, times = np.unique(patient, return_counts=True)
    if times.max() > 1:
        raise UserError(f"{path}: patient {str(names[np.argmax(times)])!r} is in two places; sort by patient and time")
    return patient, np.diff(np.concatenate([*starts, [low]]))


def _frames(path: str | Path, columns: Sequence[str]) -> Iterator:
    import pyarrow as pa

    for batch in parquet_batches(path, columns):
        if batch.num_rows:
            yield frame_of(pa.Table.from_batches([batch]), str(path))


def _mapped(shape: tuple[int, ...], dtype: type, folder: str | None) -> HostArray:
    with tempfile.TemporaryFile(dir=folder) as file:
        return np.memmap(file, dtype, mode="w+", shape=shape)
