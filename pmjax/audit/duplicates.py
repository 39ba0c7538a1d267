"""Duplicates: one patient, or exactly the same measurements, on both sides of a split."""

import hashlib

import numpy as np
import pandas as pd

from pmjax.audit.chance import EXCESS, by_chance, expected_pairs, telling
from pmjax.audit.copies import UNLIKE, across, unlike
from pmjax.audit.observed import blocks, observed, outcome_codes, outcome_columns
from pmjax.cohort import Cohort, Modality
from pmjax.evidence import Finding
from pmjax.prepare.splits import Splits, shared_patients
from pmjax.types import HostArray


def patient_in_two_parts(cohort: Cohort, splits: Splits) -> list[Finding]:
    """Find patients with rows in two parts of one split."""
    shared = shared_patients(splits, cohort.patient)
    if not shared.size:
        return []
    whose = "patients have" if len(shared) > 1 else "patient has"
    message = f"{len(shared)} {whose} rows in two parts of one split; keep the rows of a patient together"
    return [Finding("patient-in-two-parts", "blocking", message, tuple(shared.tolist()))]


def duplicate_rows(cohort: Cohort, splits: Splits) -> list[Finding]:
    """Find rows with exactly the same values in a modality that are in different parts of a split.

    Rows that hold so few or so common values that they are equal by chance are copies where their outcomes are equal
    too, or where they are far more than chance explains; else they are a warning in tables, and no finding in series.
    """
    findings = []
    for name, modality in cohort.modalities.items():
        codes, severity, how = _judged(cohort, modality)
        found, rows = across(cohort, splits, codes, repeated(codes))
        if rows.any():
            if unlike(cohort, found):
                severity, how = "warning", UNLIKE
            told = "; ".join(count.told("copies of", cohort.task.kind) for count in found)
            patients = tuple(np.unique(cohort.patient[rows]).tolist())
            findings.append(Finding("duplicate-rows", severity, f"{name}: {told}{how}", patients))
    return findings


def _judged(cohort: Cohort, modality: Modality) -> tuple[HostArray, str, str]:
    """Number the rows so that copies are equal; how severe copies are, and how to call them."""
    codes = row_codes(modality)
    twins = np.flatnonzero(np.isin(codes, repeated(codes)))
    if modality.kind not in ("table", "series") or not twins.size:
        return codes, "blocking", ""
    n, columns = len(codes), telling(modality)
    unsure = twins[by_chance(columns, n, twins)]
    if not unsure.size:
        return codes, "blocking", ""
    # Where values are missing, independent columns are too far from the truth to count on.
    full = unsure[~np.isnan(columns(unsure)).any(axis=1)] if modality.kind == "table" else unsure[:0]
    joint, both = _jointly(codes, outcome_codes(cohort)), telling(modality, outcome_columns(cohort))
    copied = _equal_pairs(joint[full], cohort.patient[full]) > EXCESS * expected_pairs(both, n)
    sure = codes.copy()
    sure[unsure] = np.where((copied & np.isin(unsure, full)) | ~by_chance(both, n, unsure), n + joint[unsure], -1)
    if np.isin(sure[twins], repeated(sure)).any():
        return sure, "blocking", ", outcome included" if np.isin(sure[unsure], repeated(sure)).any() else ""
    if modality.kind == "series":
        return sure, "blocking", ""
    if _equal_pairs(codes[full], cohort.patient[full]) > EXCESS * expected_pairs(columns, n):
        return codes, "blocking", ""
    return codes, "warning", ", which may be chance in so coarse a table"


def _equal_pairs(codes: HostArray, patient: HostArray) -> float:
    """Pairs of rows of different patients that have the same code."""
    frame = pd.DataFrame({"code": codes, "patient": patient})[codes >= 0]
    all_pairs, own = (frame.groupby(by).size().to_numpy() for by in (["code"], ["code", "patient"]))
    return float((all_pairs * (all_pairs - 1.0)).sum() - (own * (own - 1.0)).sum()) / 2


def _jointly(codes: HostArray, others: HostArray) -> HostArray:
    """Number rows that are equal in both; −1 where `codes` is."""
    joint = np.full(len(codes), -1)
    real = codes >= 0
    joint[real] = pd.factorize(codes[real] * len(codes) + others[real])[0]
    return joint


def repeated(codes: HostArray) -> HostArray:
    """(E, 2) codes, each twice, that several rows have."""
    ids, counts = np.unique(codes[codes >= 0], return_counts=True)
    return np.repeat(ids[counts > 1, None], 2, axis=1)


def row_codes(modality: Modality) -> HostArray:
    """(N,) equal numbers for equal rows; −1 where nothing was observed."""
    digests, blank = np.zeros(len(modality.values), np.uint64), np.zeros(len(modality.values), bool)
    for rows in blocks(modality):
        values, seen = observed(modality, rows)
        bits = np.packbits(seen, axis=1)
        both = zip(values, bits, strict=True)
        joined = b"".join(hashlib.blake2b(v.tobytes() + b.tobytes(), digest_size=8).digest() for v, b in both)
        digests[rows], blank[rows] = np.frombuffer(joined, np.uint64), ~seen.any(axis=1)
    codes = np.full(len(digests), -1)
    codes[~blank] = pd.factorize(digests[~blank])[0]
    return codes
