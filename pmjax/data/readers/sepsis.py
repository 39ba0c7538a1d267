"""Sepsis: the PhysioNet challenge of 2019, hourly pipe-separated text, one file a stay."""

from pathlib import Path

import numpy as np
import pandas as pd

from pmjax.cohort import Classify, Cohort, Modality, Source
from pmjax.data.packaged import band
from pmjax.data.readers.binning import check_size
from pmjax.data.readers.joined import Joined, files_of, join
from pmjax.errors import UserError
from pmjax.types import HostArray

_NAMES = (
    "HR O2Sat Temp SBP MAP DBP Resp EtCO2 BaseExcess HCO3 FiO2 pH PaCO2 SaO2 AST BUN Alkalinephos Calcium Chloride "
    "Creatinine Bilirubin_direct Glucose Lactate Magnesium Phosphate Potassium Bilirubin_total TroponinI Hct Hgb PTT "
    "WBC Fibrinogen Platelets"
)
VARIABLES = tuple(_NAMES.split())
STATICS = ("Age", "Gender", "Unit1", "Unit2", "HospAdmTime")
HOUR, LABEL = "ICULOS", "SepsisLabel"


def read_physionet2019(path: str) -> tuple[Joined, dict[str, str]]:
    """Read the stays of a folder or archive, one row an hour with NaN where not measured; also `Source.files`.

    Raises:
        UserError: naming file and line: another header, a broken line or number, a label that is not 0 or 1, hours
            that do not follow each other.
    """
    files, hashes = files_of(path, ".psv")
    stays = join(files, "|", (*VARIABLES, *STATICS, HOUR, LABEL), ())
    stays.refuse(~stays.table[LABEL].isin([0, 1]).to_numpy(), f"the {LABEL} must be 0 or 1")
    hour = stays.table[HOUR].to_numpy()
    first = stays.line == 2
    stays.refuse(~(hour >= 1) | (hour != np.round(hour)), f"{HOUR} must be a whole hour from 1")
    stays.refuse(~first & (np.diff(hour, prepend=0) != 1), f"{HOUR} must be one more than on the line before")
    return stays, hashes


def physionet2019(path: str, *, every_hours: int = 1, window_hours: int = 24) -> Cohort:
    """Load the challenge of 2019: one row an hour of a stay, asked whether sepsis is at hand.

    A row knows its own hour and those before it, never a later one: `series` (N, window_hours, 35) holds the last
    hours in order from the left, masked where the stay is younger; `table` the last value of each variable so far
    and the static ones. `every_hours` keeps the first hour of a stay and each such one after it.

    The label of an hour is the source's `SepsisLabel`, which is 1 from six hours before the onset of sepsis: it looks
    six hours ahead already and must not be shifted again.
    """
    if every_hours < 1 or window_hours < 1:
        raise UserError(f"every_hours and window_hours must be at least 1, got {every_hours} and {window_hours}")
    stays, files = read_physionet2019(path)
    rows = np.flatnonzero((stays.line - 2) % every_hours == 0)
    names = (*VARIABLES, HOUR)
    series, mask = windows(stays.table[list(names)].to_numpy(np.float32), stays.line - 2, rows, window_hours)
    filled = stays.table[list(VARIABLES)].groupby(stays.file).ffill()
    current = pd.concat([filled, stays.table[[*STATICS, HOUR]]], axis=1).iloc[rows]
    return Cohort(
        name="physionet2019",
        patient=np.array([Path(name).stem for name in stays.names])[stays.file[rows]],
        sample=current[HOUR].astype(int).astype(str).to_numpy(),
        modalities={
            "series": Modality("series", series, names, mask),
            "table": Modality("table", current.to_numpy(np.float64), tuple(current.columns)),
        },
        task=Classify("sepsis", stays.table[LABEL].to_numpy()[rows].astype(int), ("none", "sepsis within 6 hours")),
        source=_source(files),
        groups=_groups(current),
        flow=(
            ("stays in the source", len(stays.names)),
            ("hours in the source", len(stays.table)),
            ("hours analysed", len(rows)),
        ),
    )


def windows(values: HostArray, age: HostArray, rows: HostArray, width: int) -> tuple[HostArray, HostArray]:
    """Cut the last `width` rows up to and including each of `rows`: (N, width, F), from the left, and its mask.

    `values` (R, F) has the rows of a stay together in order; `age` (R,) counts the rows before it in its own stay.
    """
    check_size((len(rows), width, values.shape[1]))
    first = rows - np.minimum(age[rows], width - 1)
    where = first[:, None] + np.arange(width)
    mask = where <= rows[:, None]
    cut = values[np.where(mask, where, 0)]
    cut[~mask] = np.nan
    return cut, mask


def _groups(current: pd.DataFrame) -> pd.DataFrame:
    age, gender, medical, surgical = (current[c].to_numpy() for c in ("Age", "Gender", "Unit1", "Unit2"))
    return pd.DataFrame(
        {
            "sex": np.select([gender == 0, gender == 1], ["female", "male"], "unknown"),
            "age": np.where(np.isnan(age), "unknown", band(np.nan_to_num(age), (50, 65, 80))),
            "unit": np.select([medical == 1, surgical == 1], ["medical", "surgical"], "unknown"),
        }
    )


def _source(files: dict[str, str]) -> Source:
    return Source(
        title="PhysioNet/Computing in Cardiology Challenge 2019",
        citation="M. A. Reyna et al. Early prediction of sepsis from clinical data: the PhysioNet/Computing in "
        "Cardiology Challenge 2019. Crit Care Med 48, 210–217, 2020.",
        licence="CC BY 4.0",
        files=files,
        notes=("SepsisLabel is 1 from six hours before the onset of sepsis, as published; it is not shifted again.",),
    )
