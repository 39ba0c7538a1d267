"""ACTG 175: four treatments of HIV infection, randomised, and who progressed."""

import numpy as np
import pandas as pd

from pmjax.cohort import Classify, Cohort, Modality, Source
from pmjax.data.packaged import band, read_lifelines

ARMS = ("zidovudine", "zidovudine + didanosine", "zidovudine + zalcitabine", "didanosine")
_BASELINE = [
    "age",
    "wtkg",
    "hemo",
    "homo",
    "drugs",
    "karnof",
    "oprior",
    "z30",
    "zprior",
    "preanti",
    "race",
    "gender",
    "str2",
    "strat",
    "symptom",
    "cd40",
    "cd80",
]


def actg175() -> Cohort:
    """Load ACTG 175: 2139 adults, 17 baseline columns and the arm (one-hot), event or none within follow-up.

    The event is the first of a fall of the CD4 count by half or more, AIDS, or death.
    """
    frame, files = read_lifelines("ACTG175.csv")
    n = len(frame)
    arm = frame["arms"].to_numpy()
    one_hot = (arm[:, None] == np.arange(len(ARMS))).astype(float)
    table = np.column_stack([frame[_BASELINE].to_numpy(np.float64), one_hot])
    groups = pd.DataFrame(
        {
            "gender": np.where(frame["gender"] == 1, "male", "female"),
            "race": np.where(frame["race"] == 1, "non-white", "white"),
            "age": band(frame["age"].to_numpy(), (30, 40, 50)),
        }
    )
    return Cohort(
        name="actg175",
        patient=frame["pidnum"].astype(str).to_numpy(),
        modalities={"table": Modality("table", table, (*_BASELINE, *(f"arm: {a}" for a in ARMS)))},
        task=Classify("progression", frame["cens"].to_numpy(), ("no event", "event")),
        source=Source(
            title="AIDS Clinical Trials Group Study 175",
            citation="S. M. Hammer et al. A trial comparing nucleoside monotherapy with combination therapy in "
            "HIV-infected adults with CD4 cell counts from 200 to 500 per cubic millimeter. N Engl J Med 335, "
            "1081–1090, 1996.",
            licence="Copy in lifelines (MIT) of the table of R's package speff2trial; for the data see the original "
            "publication.",
            files=files,
            notes=(
                "Inputs are the baseline columns and the arm. Left out because they are known only after the start: "
                "cd420, cd820, cd496, r, offtrt and days.",
                "The label is the source's `cens`: 1 where the event was observed. Follow-up differs between "
                "patients, so it says 'within follow-up', not within a fixed time.",
                "Arms are coded as in speff2trial's documentation: 0 zidovudine, 1 zidovudine + didanosine, "
                "2 zidovudine + zalcitabine, 3 didanosine; the source's `treat` is 0 for arm 0 alone.",
                "`zprior` is 1 for every patient in the source and so carries no information.",
            ),
        ),
        groups=groups,
        arm=np.asarray(ARMS)[arm],
        flow=(("patients in the source", n), ("analysed", n)),
    )
