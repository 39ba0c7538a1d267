"""Survival: the data of DeepSurv, two real studies, three simulations with their truth, and one that leaks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd

from pmjax.cohort import Cohort, Survive, Truth
from pmjax.data.packaged import band
from pmjax.data.public.entry import Entry, File
from pmjax.data.public.fetch import files
from pmjax.data.public.origin import adopt
from pmjax.data.readers.hdf5 import deepsurv_h5
from pmjax.types import HostArray

_REPOSITORY = "https://raw.githubusercontent.com/jaredleekatzman/DeepSurv"
_COMMIT = "f0803f57bff9395f2bfbb99da2f1031adcf01331"
_KATZMAN = (
    "J. L. Katzman, U. Shaham, A. Cloninger, J. Bates, T. Jiang, Y. Kluger. DeepSurv: personalized treatment "
    "recommender system using a Cox proportional hazards deep neural network. BMC Med Res Methodol 18, 24, 2018."
)


def _deepsurv(name: str, title: str, study: str, folder: str, file: str, sha256: str, published: str) -> Entry:
    where = f"experiments/data/{folder}/{file}"
    # The simulations were replaced in the history of the repository; of which commit these bytes are is not certain.
    url = f"{_REPOSITORY}/{_COMMIT}/{where}" if study else ""
    return Entry(
        name=name,
        title=title,
        citation=f"{study} File: {_KATZMAN}" if study else _KATZMAN,
        licence="MIT (the file in DeepSurv's repository)",
        files=(File(f"deepsurv/{file}", sha256, url),),
        loader=f"pmjax.data.public.survival:{name}",
        protocol="official parts; Harrell's C on test",
        published=published and f"DeepSurv: C {published} (published, unverified)",
        how=f"github.com/jaredleekatzman/DeepSurv, {where}",
    )


METABRIC = _deepsurv(
    "metabric",
    "METABRIC: survival with breast cancer, four genes and five clinical columns",
    "C. Curtis et al. The genomic and transcriptomic architecture of 2,000 breast tumours reveals novel subgroups. "
    "Nature 486, 346–352, 2012.",
    "metabric",
    "metabric_IHC4_clinical_train_test.h5",
    "e959131973c906c7e8b1e662c81160914768156a6da145a9bfed9b9ee8bf3e72",
    ".643",
)
SUPPORT = _deepsurv(
    "support",
    "SUPPORT: survival of seriously ill adults in hospital",
    "W. A. Knaus et al. The SUPPORT prognostic model: objective estimates of survival for seriously ill hospitalized "
    "adults. Ann Intern Med 122, 191–203, 1995.",
    "support",
    "support_train_test.h5",
    "e398f49930e4efc4ecd675a72ac547f0d1ae25ccf13f6a1024cded12ea88a83e",
    ".618",
)
LINEAR = _deepsurv(
    "deepsurv_linear",
    "DeepSurv's simulation with a linear log-hazard",
    "",
    "linear",
    "linear_survival_data.h5",
    "d360a7969ce3e18d3ce681b743198bc83e4f59bd24455727fc90f51c4894d574",
    "",
)
GAUSSIAN = _deepsurv(
    "deepsurv_gaussian",
    "DeepSurv's simulation with a Gaussian log-hazard",
    "",
    "gaussian",
    "gaussian_survival_data.h5",
    "47e362c361de31dabf941fefec3b37cccf9fbaaebb1db5382063668e7c17738a",
    "",
)
TREATMENT = _deepsurv(
    "deepsurv_treatment",
    "DeepSurv's simulation of a treatment whose effect depends on the patient",
    "",
    "treatment",
    "sim_treatment_dataset.h5",
    "d39e041b13c56969a5eccc9b8371084fde977a8ac7648a41b8fe14ca06393343",
    "",
)
WHAS = _deepsurv(
    "whas",
    "Worcester Heart Attack Study, as DeepSurv's repository has it: a fixture that leaks, never a target",
    "D. W. Hosmer, S. Lemeshow, S. May. Applied survival analysis. 2nd ed., Wiley, 2008.",
    "whas",
    "whas_train_test.h5",
    "2ed86f073fdbe34be10f7e485eeaf67b61004521390c46b9a18aa9b82d5e8f9c",
    "",
)

ENTRIES = (METABRIC, SUPPORT, LINEAR, GAUSSIAN, TREATMENT, WHAS)

_TREATED = ("hormone treatment", "radiotherapy", "chemotherapy")
_METABRIC = ("gene 1", "gene 2", "gene 3", "gene 4", *_TREATED, "ER-positive", "age")
_SUPPORT = (
    *("age", "sex", "comorbidities", "race", "diabetes", "dementia", "cancer", "mean arterial pressure"),
    *("heart rate", "respiratory rate", "temperature", "sodium", "white cells", "creatinine"),
)
_WHAS = ("shock", "age", "sex", "body-mass index", "heart failure", "recurrent")
ARMS = ("untreated", "treated")
_RATE = 0.2  # of the exponential baseline: mean time 5
HORIZONS = (1.0, 2.0)


def metabric() -> Cohort:
    """Load 1904 patients with official parts train and test: 9 columns, months to death."""
    cohort = _load(METABRIC, features=_METABRIC, zero_time=0.05, event="death", unit="months")
    table = _columns(cohort)
    groups = {
        "age": band(table["age"].to_numpy(), (50, 60, 70)),
        "ER": np.where(table["ER-positive"] == 1, "positive", "negative"),
    }
    return adopt(
        replace(cohort, groups=pd.DataFrame(groups)),
        METABRIC,
        "The columns have no names in the file. Genes 1 to 4 are MKI67, EGFR, PGR and ERBB2 in an order that is not "
        "known; the others are named by the order in the paper, which their values bear out.",
        "The treatments were chosen by doctors: associations with them are no effects.",
    )


def support() -> Cohort:
    """Load 8873 patients with official parts train and test: 14 columns, days to death."""
    cohort = _load(SUPPORT, features=_SUPPORT, event="death", unit="days")
    table = _columns(cohort)
    groups = {
        "age": band(table["age"].to_numpy(), (50, 65, 80)),
        "sex": np.where(table["sex"] == 1, "female", "male"),
    }
    return adopt(
        replace(cohort, groups=pd.DataFrame(groups)),
        SUPPORT,
        "The columns have no names in the file. They are named by the paper's list and by their values, which put "
        "comorbidities (a count up to 9) before race (codes, one of four patients in five), sodium before white cells.",
        "sex 1 (44 %) is taken as female; race and cancer are codes, kept as numbers.",
        "A pressure, heart rate, respiratory rate or white cell count of 0 is as in the file.",
    )


def deepsurv_linear() -> Cohort:
    """Load 6000 simulated patients with official parts: log-hazard x0 + 2 x1 of ten columns, half censored."""
    return _simulated(_load(LINEAR), LINEAR)


def deepsurv_gaussian() -> Cohort:
    """Load 6000 simulated patients with official parts: log-hazard log 10 · exp(−2 (x0² + x1²)), centred."""
    return _simulated(_load(GAUSSIAN), GAUSSIAN)


def deepsurv_treatment() -> Cohort:
    """Load 6000 simulated patients of two arms, drawn by a coin, with official parts.

    The log-hazard is 0 untreated, and that of `deepsurv_gaussian` treated.
    """
    cohort = _load(TREATMENT, features=(*(f"x{i}" for i in range(10)), "treated"), treatment_column="treated")
    treated = np.asarray(cohort.arm == "1")
    if_treated = _log_hazard(cohort)
    by_arm = np.column_stack([np.zeros(len(cohort)), if_treated])
    truth = Truth(
        log_hazard=np.where(treated, if_treated, 0.0),
        outcomes=_survival(by_arm, HORIZONS[-1]),
        arms=ARMS,
        propensity=np.full((len(cohort), 2), 0.5),
    )
    notes = (
        "hr of the file is the log-hazard if treated, for every row; that of an untreated row is 0 (DeepSurv's "
        "datasets.py). Ranking test rows by hr itself gives C .561, which is no ceiling.",
        f"truth.outcomes are the probabilities to be event-free at {HORIZONS[-1]:g}.",
    )
    cohort = replace(cohort, arm=np.asarray(ARMS)[treated.astype(int)], truth=truth)
    return _simulated(cohort, TREATMENT, *notes, planted=("x0", "x1", "treated"))


def whas() -> Cohort:
    """Load 1638 rows of which most are copies of another: the audit must refuse the official parts."""
    cohort = _load(WHAS, features=_WHAS, event="death", unit="days")
    return adopt(
        cohort,
        WHAS,
        "Never a target: 229 of the 328 test rows are exact copies of training rows; 735 of 1638 rows are distinct. "
        "A model that remembers wins: a random survival forest reaches C .949 on all test rows and .634 on the 99 "
        "that are new.",
        "The columns have no names in the file; they are named by their values.",
    )


def _load(entry: Entry, **options: Any) -> Cohort:
    (path,) = files(entry).values()
    return deepsurv_h5(str(path), **{"unit": "units", **options})


def _columns(cohort: Cohort) -> pd.DataFrame:
    table = cohort.modalities["table"]
    return pd.DataFrame(table.values, columns=list(table.features))


def _simulated(cohort: Cohort, entry: Entry, *notes: str, planted: Sequence[str] = ("x0", "x1")) -> Cohort:
    """Complete the truth of a simulation: exponential times, of rate 0.2 at log-hazard 0, cut where half have ended."""
    from pmjax.data.simulate.ceiling import survival_ceiling

    log_hazard, task = _log_hazard(cohort), cast(Survive, cohort.task)
    end = float(task.time[cohort.part == "test"].max())
    truth = replace(
        cast(Truth, cohort.truth),
        survival={t: _survival(log_hazard, t) for t in HORIZONS},
        planted={"table": tuple(planted)},
        ceiling=survival_ceiling(log_hazard, until=_RATE * end),
        notes=("log-hazard by hr of the file; times are exponential of rate 0.2 exp(log-hazard).",),
    )
    told = ("Censoring is the end of each part of the study: half of its patients have no event by then.", *notes)
    return adopt(replace(cohort, truth=truth), entry, *told, simulated=True)


def _log_hazard(cohort: Cohort) -> HostArray:
    return cast(HostArray, cast(Truth, cohort.truth).log_hazard)


def _survival(log_hazard: HostArray, time: float) -> HostArray:
    return np.exp(-_RATE * time * np.exp(log_hazard))
