"""Hourly: ICU stays as Parquet tables of hours, statics and outcomes, the form of the YAIB demonstration data."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pmjax.cohort import Classify, Cohort, Modality, Source
from pmjax.data.packaged import band
from pmjax.data.readers.binning import ABSURD, LIMIT_CELLS, check_size
from pmjax.data.readers.source import refuse, sha256_of
from pmjax.errors import UserError
from pmjax.types import HostArray

STAY, TIME, LABEL = "stay_id", "time", "label"
STATICS = ("age", "sex", "height", "weight")
_SEXES = {"Female": 1.0, "Male": 0.0}


def read_stays(
    folder: str, source: str, hours: int, excluded: list[str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """Read one source: hours (stays × hours rows, sorted), statics and labels, indexed by the same sorted stays.

    Raises:
        UserError: naming file and column: a table missing or broken, a column missing or not of numbers; and, unless
            `excluded` takes them, a stay without statics, without an outcome or with other than hours 0 to `hours` − 1.
    """
    dyn, sta, outc = (Path(folder) / f"{source}.{part}.parquet" for part in ("dyn", "sta", "outc"))
    series = _read_table(dyn, (STAY, TIME), ())
    static = _read_unique(sta, (STAY, *STATICS), ("sex",))
    label = _read_unique(outc, (STAY, LABEL), ())[LABEL]
    wrong = ~label.isin([0, 1])
    if wrong.any():
        raise UserError(f"{outc}, column {LABEL!r}: stay {label.index[wrong.to_numpy()][0]} has neither 0 nor 1")
    series = series.sort_values([STAY, TIME], kind="stable", ignore_index=True)
    step = series.groupby(STAY).cumcount()
    regular = (series[TIME] == step).groupby(series[STAY]).all() & (series.groupby(STAY).size() == hours)
    stays = label.index.union(static.index).union(regular.index)
    faults = {
        f"{dyn}: has not just the hours 0 to {hours - 1}": ~regular.reindex(stays, fill_value=False),
        f"{sta}: has no statics": ~stays.isin(static.index),
        f"{outc}: has no outcome": ~stays.isin(label.index),
    }
    bad = np.zeros(len(stays), bool)
    for what, at_fault in faults.items():
        where, _, why = what.rpartition(": ")
        for stay in stays[np.asarray(at_fault, bool) & ~bad]:
            refuse(f"{where}: stay {stay} {why}; mend it or load with exclude=True", excluded)
        bad |= np.asarray(at_fault, bool)
    good = stays[~bad]
    return series[series[STAY].isin(good)], static.loc[good], label.loc[good].astype(int)


def _read_table(path: Path, columns: Sequence[str], text: Sequence[str]) -> pd.DataFrame:
    """Read a Parquet table whose columns are numbers, but for those in `text`; `time` becomes hours."""
    from pyarrow import ArrowException, parquet

    try:
        size = parquet.read_metadata(path)
        if size.num_rows * size.num_columns > LIMIT_CELLS:
            raise UserError(f"{path}: {size.num_rows} rows × {size.num_columns} columns are too many; split the source")
        frame = parquet.read_table(path).to_pandas()
    except (ArrowException, OSError, ValueError) as error:
        raise UserError(f"{path}: not a Parquet table that can be read ({_first_line(error)})") from error
    for column in columns:
        if column not in frame.columns:
            raise UserError(f"{path}: no column {column!r}; it needs {', '.join(columns)}")
    for column, values in frame.items():
        if column == TIME and values.dtype.kind == "m":
            frame[column] = values.dt.total_seconds() / 3600
        elif column not in text and values.dtype.kind not in "iufb":
            raise UserError(f"{path}, column {column!r}: holds {values.dtype}, not numbers")
        elif column not in text and (np.abs(values.to_numpy(np.float64)) > ABSURD).any():
            raise UserError(f"{path}, column {column!r}: holds a value above {ABSURD:g}")
    if frame[STAY].isna().any() or not len(frame):
        raise UserError(f"{path}, column {STAY!r}: {'a stay has no id' if len(frame) else 'there is no stay'}")
    return frame


def _read_unique(path: Path, columns: Sequence[str], text: Sequence[str]) -> pd.DataFrame:
    frame = _read_table(path, columns, text)
    twice = frame[STAY].duplicated()
    if twice.any():
        raise UserError(f"{path}, column {STAY!r}: stay {frame[STAY][twice].iloc[0]} is there twice")
    return frame.set_index(STAY)[list(columns[1:])]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def yaib(
    path: str,
    *,
    sources: Sequence[str] = ("eicu_demo", "mimic_demo"),
    hours: int = 25,
    exclude: bool = False,
) -> Cohort:
    """Load stays of several sources, one site each: death in the ICU from the first 25 hours.

    `series` (N, hours, F) is NaN where not measured; `table` is age, sex (1 female), height and weight. `exclude`
    leaves out and counts stays that are incomplete.

    Raises:
        UserError: see `read_stays`; or the sources have other columns than the first.
    """
    excluded: list[str] | None = [] if exclude else None
    parts = [read_stays(path, source, hours, excluded) for source in sources]
    if not parts:
        raise UserError("sources is empty; name at least one, such as eicu_demo")
    features = tuple(c for c in parts[0][0].columns if c not in (STAY, TIME))
    for source, (series, _, _) in zip(sources, parts, strict=True):
        other = set(series.columns) ^ set(parts[0][0].columns)
        if other:
            raise UserError(f"{path}/{source}.dyn.parquet: column {min(map(str, other))!r} is not in all sources")
    static = pd.concat([s for _, s, _ in parts])
    sites = np.repeat(np.array(sources), [len(s) for _, s, _ in parts])
    table, groups = _statics(static)
    names = [f"{source}.{part}.parquet" for source in sources for part in ("dyn", "sta", "outc")]
    return Cohort(
        name="yaib",
        patient=np.array([f"{site}:{stay}" for site, stay in zip(sites, static.index, strict=True)]),
        modalities={
            "series": Modality("series", _cube([s for s, _, _ in parts], features, hours), features),
            "table": Modality("table", table, STATICS),
        },
        task=Classify("death in the ICU", np.concatenate([y for _, _, y in parts]), ("survived", "died")),
        source=Source(
            title="ICU mortality of the YAIB demonstration data (eICU and MIMIC-III demo)",
            citation="R. van de Water et al. Yet Another ICU Benchmark: a flexible multi-center framework for clinical "
            "ML. ICLR 2024. Data: T. J. Pollard et al. Sci Data 5, 180178, 2018; A. E. W. Johnson et al. Sci Data 3, "
            "160035, 2016.",
            licence="ODbL 1.0",
            files={name: sha256_of(Path(path) / name) for name in names},
            notes=tuple(excluded or ()),
        ),
        groups=groups,
        site=sites,
        flow=(
            ("stays in the sources", len(static) + len(excluded or ())),
            ("excluded as incomplete", len(excluded or ())),
            ("analysed", len(static)),
        ),
    )


def _cube(parts: list[pd.DataFrame], features: tuple[str, ...], hours: int) -> HostArray:
    shape = (sum(map(len, parts)) // hours, hours, len(features))
    check_size(shape)
    return np.concatenate([part[list(features)].to_numpy(np.float32) for part in parts]).reshape(shape)


def _statics(static: pd.DataFrame) -> tuple[HostArray, pd.DataFrame]:
    age, sex = static["age"].to_numpy(np.float64), static["sex"]
    table = np.column_stack([age, sex.map(_SEXES).to_numpy(np.float64), static[["height", "weight"]].to_numpy(float)])
    known = sex.isin(list(_SEXES)).to_numpy()
    groups = pd.DataFrame(
        {
            "sex": np.where(known, sex.astype(str).str.lower(), "unknown"),
            "age": np.where(np.isnan(age), "unknown", band(np.nan_to_num(age), (50, 65, 80))),
        }
    )
    return table, groups
