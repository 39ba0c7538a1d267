"""Intensive care: the two PhysioNet challenges and the YAIB demonstration data of two hospitals' systems."""

from dataclasses import replace

import numpy as np

from pmjax.cohort import Cohort, Modality
from pmjax.data.public.entry import Entry, File
from pmjax.data.public.fetch import files
from pmjax.data.public.origin import adopt
from pmjax.data.readers import hourly, icu, sepsis

PHYSIONET2012 = Entry(
    name="physionet2012",
    title="PhysioNet/Computing in Cardiology Challenge 2012, set A",
    citation="I. Silva, G. Moody, D. J. Scott, L. A. Celi, R. G. Mark. Predicting in-hospital mortality of ICU "
    "patients: the PhysioNet/Computing in Cardiology Challenge 2012. Comput Cardiol 39, 245–248, 2012.",
    licence="ODC-By 1.0",
    files=(
        File("physionet2012/set-a.tar.gz", "2416e495ecf2e964b86aed89e8d04bd4a0e54c055a13260d5ae85fa97d41b44f"),
        File("physionet2012/Outcomes-a.txt", "2613ea60ccda29f87571a7d6b09ad130858a8ccd66325bd073365925026883c2"),
    ),
    loader="pmjax.data.public.icu:physionet2012",
    protocol="5-fold, stratified by death; AUROC, and the smaller of sensitivity and precision",
    published="challenge winner: min(sensitivity, precision) .535 on set C, which is not here (published, unverified)",
    how="physionet.org, challenge-2012 1.0.0: set-a and Outcomes-a.txt; the archive was packed again from the 3996 "
    "stays that hold a measurement",
)

PHYSIONET2019 = Entry(
    name="physionet2019",
    title="PhysioNet/Computing in Cardiology Challenge 2019, first 2000 patients of training set B",
    citation="M. A. Reyna et al. Early prediction of sepsis from clinical data: the PhysioNet/Computing in Cardiology "
    "Challenge 2019. Crit Care Med 48, 210–217, 2020.",
    licence="CC BY 4.0",
    files=(
        File(
            "physionet2019_setB_first2000/training_setB_first2000.tar.gz",
            "bdedfb4ad07e501df823e624d97dd67efea7d744552bdf804a6e652a6398237d",
        ),
    ),
    loader="pmjax.data.public.icu:physionet2019",
    protocol="5-fold grouped by patient; AUROC per hour",
    published="",
    how="physionet.org, challenge-2019 1.0.0, training_setB: pack the first 2000 files by name into the archive",
)

_YAIB = {
    "eicu_demo.dyn": "6f5d2f7f98e80f9e7b104021a01628902f8b5affa590fe1f06e2e9e968c4c9d2",
    "eicu_demo.outc": "d4c75c926dbfd11eb81a36077d60b498565515eca4f4a914903c2f4ecf3c848f",
    "eicu_demo.sta": "425a3c2e3893deded0050a8e69f3cabc2fddc5454be8d0bc682a08e644057fcd",
    "mimic_demo.dyn": "a2d3e49e1d05838b7c1e89dc5113254eccc444e548f57880426a01e05f1eaf06",
    "mimic_demo.outc": "8b2321c21ae64be8f07c4fa2b6a8665cba197daddf3564d06764ad9c72642ff7",
    "mimic_demo.sta": "8db5dffe4e78f273b8b1368f2c4dcbf32d83090c5b44fc1af02842486126804d",
}
YAIB_DEMO = Entry(
    name="yaib_demo",
    title="ICU mortality at 24 hours, YAIB demonstration data (eICU demo and MIMIC-III demo)",
    citation="R. van de Water et al. Yet Another ICU Benchmark: a flexible multi-center framework for clinical ML. "
    "ICLR 2024. Data: T. J. Pollard et al. Sci Data 5, 180178, 2018; A. E. W. Johnson et al. Sci Data 3, 160035, 2016.",
    licence="ODbL 1.0",
    files=tuple(File(f"yaib_demo/{name}.parquet", sha256) for name, sha256 in _YAIB.items()),
    loader="pmjax.data.public.icu:yaib_demo",
    protocol="5-fold on eicu, then trained there and tested on mimic: discrimination and calibration",
    published="",
    how="github.com/rvandewater/YAIB, demo_data/mortality24: name each file after its folder, as in "
    "eicu_demo.dyn.parquet",
)

ENTRIES = (PHYSIONET2012, PHYSIONET2019, YAIB_DEMO)

_HIDDEN_AGE, _OLDEST = 200, 90


def physionet2012(bin_hours: float = 1.0, hours: int = 48, summary: str = "mean") -> Cohort:
    """Load 3996 stays: in-hospital death (13.9 %) from the first `hours`, as hourly `series` and summaries in `table`.

    See `pmjax.data.readers.icu.physionet2012` for shapes and options.
    """
    stays, outcomes = (str(path) for path in files(PHYSIONET2012).values())
    cohort = icu.physionet2012(stays, outcomes=outcomes, bin_hours=bin_hours, hours=hours, summary=summary)
    return adopt(
        replace(cohort, modalities={**cohort.modalities, "table": _mend(cohort.modalities["table"])}),
        PHYSIONET2012,
        "The outcomes name 4000 stays; 4 of them hold no measurement and have no file.",
        "No stay of this archive tells its ICUType, which is left out.",
        f"Ages of 200 and more (55 stays) are how MIMIC hides ages above 89; set to {_OLDEST}.",
        "Where a stay gives several ages they differ by at most 7 years, as of several admissions of one patient.",
        "Deaths 1 or 2 calendar days after admission are among the labels, close to the end of the 48 hours of inputs; "
        "three stays that left the hospital alive have a survival of 0 days in the source.",
    )


def _mend(table: Modality) -> Modality:
    """Leave out the columns that nobody has, and bring hidden ages to 90."""
    kept = ~np.isnan(table.values).all(axis=0)
    features = tuple(np.array(table.features)[kept].tolist())
    values = table.values[:, kept]
    age = values[:, features.index("Age")]
    age[age >= _HIDDEN_AGE] = _OLDEST
    return replace(table, values=values, features=features)


def physionet2019(every_hours: int = 1, window_hours: int = 24) -> Cohort:
    """Load 2000 stays, a row an hour: is sepsis within six hours? No row knows a later hour than its own.

    See `pmjax.data.readers.sepsis.physionet2019` for shapes and options; memory grows with `window_hours` and falls
    with `every_hours`.
    """
    (stays,) = files(PHYSIONET2019).values()
    cohort = sepsis.physionet2019(str(stays), every_hours=every_hours, window_hours=window_hours)
    return adopt(
        cohort,
        PHYSIONET2019,
        "The first 2000 of the 20,000 patients of set B by name, no random sample.",
        "The stays of the 118 septic patients are longer (64 hours on average, the others 37), and each ends at most "
        "ten hours after its label turns to 1: the length of a stay tells of its label; only hours so far are inputs.",
    )


def yaib_demo() -> Cohort:
    """Load 1466 stays of two sites, `eicu` (1367, 70 deaths) and `mimic` (99, 21 deaths).

    `series` (N, 25, 48) holds hourly readings, NaN where not measured; `table` age, sex, height and weight.
    """
    folder = next(iter(files(YAIB_DEMO).values())).parent
    cohort = hourly.yaib(str(folder))
    site = np.char.replace(np.asarray(cohort.site, str), "_demo", "")
    return adopt(
        replace(cohort, site=site),
        YAIB_DEMO,
        "Deaths are four times as frequent at mimic as at eicu (21 % and 5 %): what is trained at one is not "
        "calibrated at the other.",
        "crp was never measured at mimic.",
    )
