"""Times: inputs that were recorded when the outcome was already known."""

import numpy as np

from pmjax.cohort import Cohort
from pmjax.evidence import Finding
from pmjax.prepare.splits import Splits


def dates_after_outcome(cohort: Cohort, splits: Splits) -> list[Finding]:
    """Find inputs recorded later than the outcome became known; the same day, and unknown dates, are no finding."""
    if cohort.recorded is None or cohort.outcome_at is None:
        return []
    findings = []
    for column in cohort.recorded.columns:
        late = cohort.recorded[column].to_numpy(np.float64) - cohort.outcome_at
        rows = late > 0  # False where a date is unknown
        if rows.any():
            patients = np.unique(cohort.patient[rows]).tolist()
            of = f"{len(patients)} patient{'s' * (len(patients) > 1)}"
            days = f"by up to {late[rows].max():g} days"
            message = f"column {str(column)!r} was recorded after the outcome was known, in {of}, {days}"
            findings.append(Finding("dates-after-outcome", "blocking", message, tuple(patients)))
    return findings
