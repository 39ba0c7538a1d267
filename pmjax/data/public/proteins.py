"""Proteins: the cortex of mice, where a mouse has fifteen rows and must not be on both sides of a split."""

import numpy as np
import pandas as pd

from pmjax.cohort import Classify, Cohort, Modality
from pmjax.data.public.entry import Entry, File
from pmjax.data.public.fetch import files
from pmjax.data.public.origin import source_of
from pmjax.data.readers.tables import read_table

MICE_PROTEIN = Entry(
    name="mice_protein",
    title="UCI Mice Protein Expression: 77 proteins of the cortex of 72 mice",
    citation="C. Higuera, K. J. Gardiner, K. J. Cios. Self-organizing feature maps identify proteins critical to "
    "learning in a mouse model of Down syndrome. PLoS ONE 10, e0129126, 2015.",
    licence="CC BY 4.0",
    files=(
        File(
            "mice_protein/Data_Cortex_Nuclear.csv", "f181972016017e7d957aa741502d9e392022940294b4b9f31974cfca5c360735"
        ),
    ),
    loader="pmjax.data.public.proteins:mice_protein",
    protocol="5-fold grouped by mouse; accuracy",
    published="",
    how="archive.ics.uci.edu, data set 342 (Mice Protein Expression): its table as a CSV with semicolons",
)

ENTRIES = (MICE_PROTEIN,)

CLASSES = ("c-CS-m", "c-SC-m", "c-CS-s", "c-SC-s", "t-CS-m", "t-SC-m", "t-CS-s", "t-SC-s")
_GROUPS = ("Genotype", "Treatment", "Behavior")


def mice_protein() -> Cohort:
    """Load 1080 rows, 15 of each of 72 mice: 77 proteins, NaN where not measured; which of 8 classes?

    A class is genotype (c control, t trisomic), behaviour (CS stimulated to learn, SC not) and treatment (m memantine,
    s saline). `patient` is the mouse, `sample` the repeat.
    """
    (path,) = files(MICE_PROTEIN).values()
    frame = read_table(path, text=("MouseID",), sep=";")
    mouse = frame["MouseID"].str.rsplit("_", n=1, expand=True)
    proteins = frame.drop(columns=["MouseID", *_GROUPS, "class"])
    return Cohort(
        name=MICE_PROTEIN.name,
        patient=mouse[0].to_numpy(str),
        sample=mouse[1].to_numpy(str),
        modalities={
            "table": Modality("table", proteins.to_numpy(np.float64), tuple(proteins.columns.str.removesuffix("_N")))
        },
        task=Classify("class of mice", pd.Index(CLASSES).get_indexer(pd.Index(frame["class"])), CLASSES),
        source=source_of(
            MICE_PROTEIN,
            "A mouse has 15 rows, repeats of one measurement: rows of a mouse on both sides of a split leak (logistic "
            "regression: accuracy .99 where they do, .68 where they do not).",
            "pS6 and ARC are the same column under two names.",
            f"{int(proteins.isna().to_numpy().sum())} values are missing, most of them of BCL2, H3MeK4, BAD, EGR1, "
            "H3AcK18 and pCFOS.",
        ),
        groups=pd.DataFrame({name.lower(): frame[name] for name in _GROUPS}),
        flow=(("rows in the source", len(frame)), ("mice", mouse[0].nunique()), ("analysed", len(frame))),
    )
