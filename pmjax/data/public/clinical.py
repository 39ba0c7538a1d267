"""Clinical tables: coronary disease at four hospitals, the case of external validation."""

import numpy as np
import pandas as pd

from pmjax.cohort import Classify, Cohort, Modality
from pmjax.data.packaged import band
from pmjax.data.public.entry import Entry, File
from pmjax.data.public.fetch import files
from pmjax.data.public.origin import source_of
from pmjax.data.readers.tables import read_table

_HOSPITALS = {
    "cleveland": ("cleveland", "417c9c9b4786a091ccd53c141513ffb1e5bd492afd4c01c87f76228d23c66910"),
    "hungary": ("hungarian", "d5c34e6c57d3cb1213d542bab964eab45dfcc34dfaa9a4585861943ad7db63fb"),
    "switzerland": ("switzerland", "5c325b1a8ce31b82c58e0dbbe3e5e54f0f685fead727c228fcb22356de706c76"),
    "va": ("va", "7768a433fcb7971f4e3667e7ee081c84ac7bde9903e3dcc59cab887933a52da3"),
}
UCI_HEART = Entry(
    name="uci_heart",
    title="UCI Heart Disease: coronary disease at four hospitals",
    citation="R. Detrano et al. International application of a new probability algorithm for the diagnosis of coronary "
    "artery disease. Am J Cardiol 64, 304–310, 1989.",
    licence="CC BY 4.0",
    files=tuple(File(f"uci_heart/processed.{name}.data", sha256) for name, sha256 in _HOSPITALS.values()),
    loader="pmjax.data.public.clinical:uci_heart",
    protocol="train on one hospital, test on the three others; AUROC",
    published="",
    how="archive.ics.uci.edu, data set 45 (Heart Disease), processed.*.data: put the line age,sex,cp,trestbps,chol,fbs,"
    "restecg,thalach,exang,oldpeak,slope,ca,thal,target on top; missing is ? or empty",
)

ENTRIES = (UCI_HEART,)

_LABEL = "target"
_NEVER_ZERO = ("chol", "trestbps")


def uci_heart() -> Cohort:
    """Load 920 patients of `site` cleveland, hungary, switzerland and va: 13 columns, is a coronary artery narrowed?

    The label is 1 where the source's angiographic grade is 1 to 4. Missing values and impossible zeros are NaN.
    """
    frames = [read_table(path) for path in files(UCI_HEART).values()]
    frame = pd.concat(frames, ignore_index=True)
    sizes = [len(f) for f in frames]
    site = np.repeat(np.array(list(_HOSPITALS)), sizes)
    row = np.concatenate([np.arange(1, size + 1) for size in sizes])
    table = frame.drop(columns=_LABEL)
    # A zero blood pressure or cholesterol is how the source writes that it was not measured.
    table[list(_NEVER_ZERO)] = table[list(_NEVER_ZERO)].replace(0, np.nan)
    return Cohort(
        name=UCI_HEART.name,
        patient=np.array([f"{s} {r}" for s, r in zip(site, row, strict=True)]),
        modalities={"table": Modality("table", table.to_numpy(np.float64), tuple(table.columns))},
        task=Classify("coronary disease", (frame[_LABEL] > 0).to_numpy(int), ("none", "narrowed by half or more")),
        source=source_of(
            UCI_HEART,
            "Cholesterol is 0 for all 123 patients of switzerland and 49 of va, blood pressure for 1 of va: missing, "
            "set to NaN.",
            "slope, ca and thal are mostly missing outside cleveland, and fbs in switzerland; what is missing differs "
            "by hospital.",
            "cp, restecg, slope and thal are codes of categories, kept as the source's numbers.",
            "46 % have the disease in cleveland, 36 % in hungary, 93 % in switzerland and 74 % in va.",
            "One patient of hungary and one of va are exact copies of another row there; kept.",
            "oldpeak is below zero for some patients of switzerland and va; kept as published.",
        ),
        groups=pd.DataFrame(
            {
                "sex": np.where(table["sex"] == 1, "male", "female"),
                "age": band(table["age"].to_numpy(), (45, 55, 65)),
            }
        ),
        site=site,
        flow=(("patients in the source", len(frame)), ("analysed", len(frame))),
    )
