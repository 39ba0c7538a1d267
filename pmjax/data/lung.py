"""Advanced lung cancer: survival of 228 patients of the North Central Cancer Treatment Group."""

import numpy as np
import pandas as pd

from pmjax.cohort import Cohort, Modality, Source, Survive
from pmjax.data.packaged import band, read_lifelines

_FEATURES = {
    "age": "age",
    "sex": "female",
    "ph.ecog": "ECOG score (physician)",
    "ph.karno": "Karnofsky score (physician)",
    "pat.karno": "Karnofsky score (patient)",
    "meal.cal": "calories at meals",
    "wt.loss": "weight loss (pounds)",
}


def lung() -> Cohort:
    """Load the lung cohort: 7 baseline columns with their gaps as NaN, overall survival in days, 18 institutions."""
    frame, files = read_lifelines("lung.csv")
    n = len(frame)
    table = frame[list(_FEATURES)].to_numpy(np.float64)
    table[:, 1] -= 1  # the source codes sex as 1 male, 2 female
    groups = pd.DataFrame(
        {
            "sex": np.where(frame["sex"] == 2, "female", "male"),
            "age": band(frame["age"].to_numpy(), (55, 65, 75)),
        }
    )
    site = np.array(["not recorded" if np.isnan(i) else f"{i:.0f}" for i in frame["inst"]])
    return Cohort(
        name="lung",
        patient=np.arange(1, n + 1).astype(str),
        modalities={"table": Modality("table", table, tuple(_FEATURES.values()))},
        task=Survive("overall survival", frame["time"].to_numpy(), frame["status"].to_numpy()),
        source=Source(
            title="NCCTG advanced lung cancer",
            citation="C. L. Loprinzi et al. Prospective evaluation of prognostic variables from patient-completed "
            "questionnaires. J Clin Oncol 12, 601–607, 1994.",
            licence="Copy in lifelines (MIT); for the data see the original publication.",
            files=files,
            notes=(
                "The source has no patient ids: rows are numbered as in the file.",
                "lifelines codes status as 1 death, 0 censored (R's survival package: 2 and 1).",
                "Patients with missing values stay in; gaps are imputed inside each training part.",
                "One patient has no institution on record; it is kept as a site of its own, 'not recorded'.",
            ),
        ),
        groups=groups,
        site=site,
        flow=(("patients in the source", n), ("analysed", n)),
    )
