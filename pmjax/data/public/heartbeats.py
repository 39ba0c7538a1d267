"""Heartbeats: the electrical activity of single beats as short series."""

import numpy as np
import pandas as pd

from pmjax.cohort import Classify, Cohort, Modality
from pmjax.data.public.entry import Entry, File
from pmjax.data.public.fetch import files
from pmjax.data.public.origin import source_of
from pmjax.data.readers.arff import read_arff

ECG200 = Entry(
    name="ecg200",
    title="ECG200: the electrical activity of single heartbeats",
    citation="R. T. Olszewski. Generalized feature extraction for structural pattern recognition in time-series data. "
    "PhD thesis, Carnegie Mellon University, 2001. Archive: H. A. Dau et al. The UCR time series archive. IEEE/CAA J "
    "Autom Sin 6, 1293–1305, 2019.",
    licence="UCR archive, for research",
    files=(
        File("ecg200/ECG200_TRAIN.arff", "ee3f2ea198b837e86be47c94e9f09ffc9773ece41425d6518f421ff59d4b7404"),
        File("ecg200/ECG200_TEST.arff", "c3d8cc4fb316b2c3981318b14d9df4dc8e540126f0ac838d3002b24355b28678"),
    ),
    loader="pmjax.data.public.heartbeats:ecg200",
    protocol="official parts, 100 / 100; accuracy on test",
    published="nearest neighbour by Euclidean distance: accuracy .88 (published; the same on these files)",
    how="timeseriesclassification.com, ECG200: its ARFF files",
)

ENTRIES = (ECG200,)


def ecg200() -> Cohort:
    """Load 200 beats of 96 steps, `series` (200, 96, 1), with official parts train and test: normal, or infarction?"""
    parts = dict(zip(("train", "test"), (read_arff(path)[0] for path in files(ECG200).values()), strict=True))
    frame = pd.concat(parts, names=["part", "row"]).reset_index()
    part = frame["part"].to_numpy(str)
    values = frame.drop(columns=["part", "row", "target"]).to_numpy(np.float64)
    return Cohort(
        name=ECG200.name,
        patient=np.array([f"{p} {row + 1}" for p, row in zip(part, frame["row"], strict=True)]),
        modalities={"series": Modality("series", values[..., None], ("potential",))},
        task=Classify("infarction", (frame["target"] == "-1").to_numpy(int), ("normal", "infarction")),
        source=source_of(
            ECG200,
            "The file does not say which beats are of one patient: each is taken as a patient, and parts may share "
            "some.",
            "Beats were scaled to mean 0 and standard deviation 1 each by the publisher.",
            "The file names the classes, not their codes: 1, the more frequent, is taken as normal, -1 as infarction.",
            "There is no official validation part: it is held out of the training part.",
        ),
        part=part,
        flow=(*((f"rows in {name}", len(rows)) for name, rows in parts.items()), ("analysed", len(frame))),
    )
