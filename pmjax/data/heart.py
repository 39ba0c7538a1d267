"""Stanford heart transplants: survival from acceptance, with a treatment that comes later or never."""

import numpy as np
import pandas as pd

from pmjax.cohort import Cohort, Modality, Source, Survive
from pmjax.data.packaged import band, read_lifelines
from pmjax.types import HostArray

_FEATURES = ("age − 48", "years since November 1967", "prior surgery", "transplant")


def heart() -> Cohort:
    """Load the transplants: 172 intervals (start, stop] of 103 patients, a row an interval.

    `table` (172, 4) holds the covariates valid in the interval. `series` (172, T, 5) holds the patient's intervals
    up to and including this one, with the day at which each began; later ones are not there, so nothing looks ahead.
    """
    frame, files = read_lifelines("stanford_heart.csv")
    frame = frame.sort_values(["id", "start"], kind="stable").reset_index(drop=True)
    patient = frame["id"].to_numpy()
    table = frame[["age", "year", "surgery", "transplant"]].to_numpy(np.float64)
    start = frame["start"].to_numpy(np.float64)
    series, mask = history(patient, np.column_stack([table, start]))
    groups = pd.DataFrame(
        {
            "age at acceptance": band(np.floor(frame["age"].to_numpy() + 48), (40, 50)),
            "prior surgery": np.where(frame["surgery"] == 1, "yes", "no"),
        }
    )
    return Cohort(
        name="heart",
        patient=patient.astype(str),
        modalities={
            "table": Modality("table", table, _FEATURES),
            "series": Modality("series", series, (*_FEATURES, "days since acceptance"), mask),
        },
        task=Survive("survival", frame["stop"].to_numpy(), frame["event"].to_numpy(), start=start),
        source=Source(
            title="Stanford heart transplant program",
            citation="J. Crowley, M. Hu. Covariance analysis of heart transplant survival data. J Am Stat Assoc 72, "
            "27–36, 1977.",
            licence="Copy in lifelines (MIT), from R's survival package; for the data see the original publication.",
            files=files,
            notes=(
                "Rows are intervals: a transplanted patient has one before and one after the operation.",
                "Patient 38 died on the day of the transplant (day 5); the source sets the transplant to day 4.5 "
                "so that no interval is empty. Kept as it is.",
                "`age` is in years minus 48 and `year` counts from 1 November 1967, as in the source.",
            ),
        ),
        groups=groups,
        flow=(("intervals in the source", len(frame)), ("analysed", len(frame))),
    )


def history(patient: HostArray, rows: HostArray) -> tuple[HostArray, HostArray]:
    """Stack each row behind the earlier rows of its patient.

    Args:
        patient: (N,) ids; `rows` are in order of time within a patient.
        rows: (N, F).

    Returns:
        series (N, T, F), oldest step first, zero where padded, and mask (N, T); T is the longest history.
    """
    rank = pd.Series(patient).groupby(patient).cumcount().to_numpy()
    series = np.zeros((len(rows), rank.max() + 1, rows.shape[1]))
    for row, last in enumerate(rank):
        # Rows of a patient need not be neighbours, so they are looked up by id.
        series[row, : last + 1] = rows[np.flatnonzero(patient == patient[row])[: last + 1]]
    return series, np.arange(rank.max() + 1) <= rank[:, None]
