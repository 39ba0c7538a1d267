"""Breast cancer: diagnosis from a needle aspirate (Wisconsin) and survival after surgery (GBSG2)."""

import numpy as np
import pandas as pd

from pmjax.cohort import Classify, Cohort, Modality, Source, Survive
from pmjax.data.packaged import band, packaged, read_lifelines, sha256

_NUCLEI = (
    *("radius", "texture", "perimeter", "area", "smoothness"),
    *("compactness", "concavity", "concave points", "symmetry", "fractal dimension"),
)


def wisconsin() -> Cohort:
    """Load Wisconsin Diagnostic: 569 aspirates, malignant (positive) or benign.

    The 30 columns are 10 measurements of the nuclei, each as mean, standard error and worst value. `table` holds
    them side by side, (569, 30); `series` holds the same numbers as three steps of ten, (569, 3, 10).
    """
    file = "datasets", "data", "breast_cancer.csv"
    files = {file[-1]: sha256("sklearn", *file)}
    *columns, benign = np.loadtxt(packaged("sklearn", *file), delimiter=",", skiprows=1, unpack=True)
    table = np.stack(columns, axis=1)
    names = (*(f"mean {m}" for m in _NUCLEI), *(f"{m} error" for m in _NUCLEI), *(f"worst {m}" for m in _NUCLEI))
    n = len(table)
    return Cohort(
        name="wisconsin",
        patient=np.arange(n).astype(str),
        modalities={
            "table": Modality("table", table, names),
            "series": Modality("series", table.reshape(n, 3, 10), _NUCLEI),
        },
        # scikit-learn codes malignant 0 and benign 1; here malignant is the positive class.
        task=Classify("diagnosis", 1 - benign.astype(int), ("benign", "malignant")),
        source=Source(
            title="Breast Cancer Wisconsin (Diagnostic)",
            citation="W. N. Street, W. H. Wolberg, O. L. Mangasarian. Nuclear feature extraction for breast tumor "
            "diagnosis. SPIE 1905, 861–870, 1993.",
            licence="Copy in scikit-learn (BSD-3-Clause) of the UCI Machine Learning Repository's data set; "
            "for the data see the original publication and the repository.",
            files=files,
            notes=(
                "The source has no patient ids: every row is taken as one patient, numbered as in the file.",
                "The three steps of `series` are summaries (mean, standard error, worst), not points in time.",
                "No age, sex or site is recorded, so performance in subgroups cannot be judged.",
            ),
        ),
        flow=(("aspirates in the source", n), ("analysed", n)),
    )


def gbsg2() -> Cohort:
    """Load GBSG2: 686 women with node-positive breast cancer, recurrence-free survival, hormone therapy as arm."""
    frame, files = read_lifelines("gbsg2.csv")
    n = len(frame)
    columns = {
        "age": frame["age"],
        "postmenopausal": frame["menostat"].eq("Post"),
        "tumour size (mm)": frame["tsize"],
        # The grade is ordered, I to III, and enters as 1 to 3.
        "tumour grade": frame["tgrade"].map({"I": 1, "II": 2, "III": 3}),
        "positive nodes": frame["pnodes"],
        "progesterone receptor (fmol)": frame["progrec"],
        "oestrogen receptor (fmol)": frame["estrec"],
        "hormone therapy": frame["horTh"].eq("yes"),
    }
    treated = frame["horTh"].eq("yes").to_numpy()
    groups = pd.DataFrame(
        {
            "menopause": np.where(frame["menostat"].eq("Post"), "post", "pre"),
            "age": band(frame["age"].to_numpy(), (45, 55, 65)),
        }
    )
    return Cohort(
        name="gbsg2",
        patient=np.arange(1, n + 1).astype(str),
        modalities={"table": Modality("table", np.column_stack(list(columns.values())).astype(float), tuple(columns))},
        task=Survive("recurrence-free survival", frame["time"].to_numpy(), frame["cens"].to_numpy()),
        source=Source(
            title="German Breast Cancer Study Group 2",
            citation="M. Schumacher et al. Randomized 2 × 2 trial evaluating hormonal treatment and the duration of "
            "chemotherapy in node-positive breast cancer patients. J Clin Oncol 12, 2086–2093, 1994.",
            licence="Copy in lifelines (MIT); for the data see the original publication.",
            files=files,
            notes=(
                "The source has no patient ids: rows are numbered as in the file.",
                "In the source `cens` is 1 where the event (recurrence or death) was observed.",
                "Part of the women were not randomised to hormone therapy: arms may differ before treatment.",
            ),
        ),
        groups=groups,
        arm=np.where(treated, "hormone therapy", "no hormone therapy"),
        flow=(("women in the source", n), ("analysed", n)),
    )
