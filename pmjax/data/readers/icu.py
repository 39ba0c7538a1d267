"""ICU text: the two PhysioNet challenges, one small file a stay, read as one table."""

from pathlib import Path

import numpy as np
import pandas as pd

from pmjax.cohort import Classify, Cohort, Modality, Source
from pmjax.data.packaged import band
from pmjax.data.readers.binning import SUMMARIES, summarise
from pmjax.data.readers.delimited import read_delimited
from pmjax.data.readers.joined import Joined, files_of, join
from pmjax.data.readers.source import read_text, refuse, sha256_of
from pmjax.errors import UserError
from pmjax.types import HostArray

STATICS = ("Age", "Gender", "Height", "ICUType")
_NAMES = (
    "ALP ALT AST Albumin BUN Bilirubin Cholesterol Creatinine DiasABP FiO2 GCS Glucose HCO3 HCT HR K Lactate MAP "
    "MechVent Mg NIDiasABP NIMAP NISysABP Na PaCO2 PaO2 Platelets RespRate SaO2 SysABP Temp TroponinI TroponinT "
    "Urine WBC Weight pH"
)
VARIABLES = tuple(_NAMES.split())
_AGES = (50, 65, 80)


def read_physionet2012(path: str) -> tuple[Joined, dict[str, str]]:
    """Read the stays of a folder or archive: columns Time (minutes), Parameter, Value; also `Source.files`.

    Raises:
        UserError: naming file and line: another header, a broken line, time or number, an unknown parameter.
    """
    files, hashes = files_of(path, ".txt")
    stays = join(files, ",", ("Time", "Parameter", "Value"), ("Time", "Parameter"))
    known = {"RecordID", *STATICS, *VARIABLES}
    parameter = stays.table["Parameter"].cat
    stays.refuse(~np.isin(parameter.categories, list(known))[parameter.codes], "an unknown parameter")
    time = stays.table["Time"].cat
    minutes = np.array([_minutes(t) for t in time.categories])[time.codes]
    stays.refuse(minutes < 0, "the time must be HH:MM, from 00:00 to 99:59")
    stays.refuse(np.isnan(stays.table["Value"].to_numpy()), "the value is missing")
    record = (stays.table["Parameter"] == "RecordID").to_numpy()
    stems = np.array([Path(name).stem for name in stays.names], object)
    written = np.array([f"{v:.0f}" for v in stays.table["Value"].to_numpy()[record]], object)
    other = np.zeros(len(record), bool)
    other[record] = written != stems[stays.file[record]]
    stays.refuse(other, "the RecordID is not that of the file's name")
    stays.table["Time"] = minutes
    return stays, hashes


def _minutes(text: str) -> int:
    hours, colon, minutes = text.partition(":")
    good = colon and len(hours) == len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdigit()
    return int(hours) * 60 + int(minutes) if good and int(minutes) < 60 else -1


def physionet2012(
    path: str, *, outcomes: str, bin_hours: float = 1.0, hours: int = 48, summary: str = "mean", exclude: bool = False
) -> Cohort:
    """Load the challenge of 2012: in-hospital death from the first `hours` of an ICU stay.

    `series` (N, hours / bin_hours, 37) holds each variable's `summary` per bin, NaN where not measured; `table` the
    four static values and the mean, last, min, max and count of each variable. −1 is missing, as published.
    `exclude` leaves out stays without an outcome and counts them.

    Raises:
        UserError: naming file and line; see `read_physionet2012`.
    """
    if not (bin_hours > 0 and hours > 0):
        raise UserError(f"bin_hours and hours must be above zero, got {bin_hours} and {hours}")
    excluded: list[str] | None = [] if exclude else None
    stays, files = read_physionet2012(path)
    died = _read_outcomes(outcomes)
    ids = np.array([Path(name).stem for name in stays.names])
    keep = np.isin(ids, died.index)
    for name in ids[~keep]:
        refuse(f"{name}.txt: the stay has no line in {outcomes}; add it or load with exclude=True", excluded)
    new_row = np.cumsum(keep) - 1
    ids, n = ids[keep], int(keep.sum())
    if not n:
        raise UserError(f"{path}: no stay has an outcome in {outcomes}; the files do not belong together")
    use = keep[stays.file] & (stays.table["Time"].to_numpy() <= hours * 60) & (stays.table["Value"].to_numpy() != -1)
    rows = stays.table[use].assign(row=new_row[stays.file[use]])
    static, contradicted = _statics(rows, n)
    series, table = _readings(rows, n, bin_hours, hours, summary)
    return Cohort(
        name="physionet2012",
        patient=ids,
        modalities={
            "series": Modality("series", series, VARIABLES),
            "table": Modality(
                "table",
                np.concatenate([static, table], axis=1),
                (*STATICS, *(f"{v} {how}" for v in VARIABLES for how in SUMMARIES)),
            ),
        },
        task=Classify("in-hospital death", died.loc[ids].to_numpy(), ("survived", "died")),
        source=Source(
            title="PhysioNet/Computing in Cardiology Challenge 2012",
            citation="I. Silva, G. Moody, D. J. Scott, L. A. Celi, R. G. Mark. Predicting in-hospital mortality of ICU "
            "patients: the PhysioNet/Computing in Cardiology Challenge 2012. Comput Cardiol 39, 245–248, 2012.",
            licence="ODC-By 1.0",
            files=files | {Path(outcomes).name: sha256_of(outcomes)},
            notes=(
                f"{contradicted} stays give a static value more than once and not the same; its median is used.",
                "Implausible readings (such as −17.8 °C) are kept as published; −1 is missing.",
            ),
        ),
        groups=_groups(static[:, 0], static[:, 1]),
        flow=(
            ("stays with an outcome", len(died)),
            ("of these without a file", len(died) - n),
            ("files without an outcome", int((~keep).sum())),
            ("analysed", n),
        ),
    )


def _read_outcomes(path: str) -> pd.Series:
    """(stays,) 0/1 by RecordID."""
    record, died = columns = ("RecordID", "In-hospital_death")
    frame = read_delimited(read_text(path), path, text=columns)
    absent = [c for c in columns if c not in frame]
    if absent:
        raise UserError(f"{path}, line 1: no column {absent[0]!r}; give the challenge's Outcomes file")
    bad = ~frame[died].isin(["0", "1"]) | frame[record].isna()
    for wrong, what in ((bad, f"{died} must be 0 or 1"), (frame[record].duplicated(), f"the {record} is there twice")):
        if wrong.any():
            raise UserError(f"{path}, row {int(np.argmax(wrong)) + 1} below the header: {what}")
    return frame.set_index(record)[died].astype(int)


def _statics(rows: pd.DataFrame, n: int) -> tuple[HostArray, int]:
    """(N, 4) median of each static value, NaN where missing; and how many stays contradict themselves."""
    given = rows[rows["Parameter"].isin(STATICS)].astype({"Parameter": str}).groupby(["row", "Parameter"])["Value"]
    wide = given.median().unstack().reindex(index=range(n), columns=list(STATICS))
    several = given.nunique()
    return wide.to_numpy(np.float64), several[several > 1].index.get_level_values("row").nunique()


def _readings(rows: pd.DataFrame, n: int, bin_hours: float, hours: int, summary: str) -> tuple[HostArray, HostArray]:
    """The series (N, T, 37) and its summaries (N, 37 × 5)."""
    order = {name: i for i, name in enumerate(VARIABLES)}
    codes = rows["Parameter"].cat
    feature = np.array([order.get(c, -1) for c in codes.categories])[codes.codes]
    rows = rows.assign(feature=feature)[feature >= 0]
    rows = rows.iloc[np.argsort(rows["Time"].to_numpy(), kind="stable")]
    row, feature, values = (rows[c].to_numpy() for c in ("row", "feature", "Value"))
    steps, width = int(np.ceil(hours / bin_hours)), len(VARIABLES)
    step = np.minimum((rows["Time"].to_numpy() / (60 * bin_hours)).astype(np.int64), steps - 1)
    series = summarise((row * steps + step) * width + feature, values, (n, steps, width), summary)
    table = [summarise(row * width + feature, values, (n, width), how, np.float64) for how in SUMMARIES]
    return series, np.stack(table, axis=2).reshape(n, -1)


def _groups(age: HostArray, gender: HostArray) -> pd.DataFrame:
    sex = np.select([gender == 0, gender == 1], ["female", "male"], "unknown")
    return pd.DataFrame({"sex": sex, "age": np.where(np.isnan(age), "unknown", band(np.nan_to_num(age), _AGES))})
