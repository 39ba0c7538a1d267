"""Duplicates: one patient, or exactly the same measurements, on both sides of a split."""

import hashlib

import numpy as np
import pandas as pd

from pmjax.cohort import Cohort, Modality
from pmjax.evidence import Finding
from pmjax.prepare.splits import Splits, shared_patients
from pmjax.types import HostArray


def patient_in_two_parts(cohort: Cohort, splits: Splits) -> list[Finding]:
    """Find patients with rows in two parts of one split."""
    shared = shared_patients(splits, cohort.patient)
    if not shared.size:
        return []
    message = f"{len(shared)} patients have rows in two parts of one split"
    return [Finding("patient-in-two-parts", "blocking", message, tuple(shared.tolist()))]


def duplicate_rows(cohort: Cohort, splits: Splits) -> list[Finding]:
    """Find rows with exactly the same values in a modality that are in different parts of a split.

    A table of few coarse columns has equal rows by chance; there it is a warning only.
    """
    part = splits.train * 1 + splits.validation * 2 + splits.test * 4
    findings = []
    for name, modality in cohort.modalities.items():
        codes = _row_codes(modality)
        twins = pd.Series(codes).duplicated(keep=False).to_numpy() & (codes >= 0)
        sets = [rows.to_numpy() for _, rows in pd.Series(np.flatnonzero(twins)).groupby(codes[twins])]
        across = [rows for rows in sets if _crosses(part, rows)]
        patients = sorted({str(p) for rows in across for p in cohort.patient[rows]})
        if patients:
            severity = "warning" if _equal_by_chance(modality) else "blocking"
            message = f"rows of {name} are exactly equal across parts, in {len(across)} sets"
            findings.append(Finding("duplicate-rows", severity, message, tuple(patients)))
    return findings


def _row_codes(modality: Modality) -> HostArray:
    """(N,) equal numbers for equal rows; −1 where nothing was observed."""
    values = modality.values + 0.0  # −0 becomes 0
    if modality.mask is not None:
        values = np.where(modality.mask[..., None], values, np.nan)
    missing = np.isnan(values)
    values = np.where(missing, np.nan, values)  # one NaN of the many bit patterns
    flat = values.reshape(len(values), -1)
    codes = pd.factorize(np.array([hashlib.blake2b(row.tobytes(), digest_size=16).hexdigest() for row in flat]))[0]
    return np.where(missing.reshape(flat.shape).all(axis=1), -1, codes)


def _crosses(part: HostArray, rows: HostArray) -> bool:
    """Whether in any split two of the rows are in different parts (0 is no part)."""
    codes = part[:, rows]
    low = np.where(codes == 0, codes.max(axis=1, keepdims=True), codes).min(axis=1)
    return bool((low != codes.max(axis=1)).any())


def _equal_by_chance(modality: Modality) -> bool:
    """Whether half a pair of equal rows or more is expected from independent columns (the birthday problem)."""
    if modality.kind != "table":
        return False
    n = len(modality.values)
    log_same = 0.0
    for column in modality.values.T:
        counts = pd.Series(column).value_counts(dropna=False).to_numpy()
        log_same += np.log(np.sum((counts / n) ** 2))
    return bool(np.log(n * (n - 1) / 2) + log_same >= np.log(0.5))
