"""Inputs recorded after the outcome was known are found with column and patients; the same day is not."""

import numpy as np
import pandas as pd
import pytest

from pmjax.audit.times import dates_after_outcome
from pmjax.prepare.splits import make_splits


def test_a_late_date_blocks_and_names_column_and_patients(cohort, values):
    known = np.full(120, 10.0)
    recorded = pd.DataFrame({"lab": np.arange(120) / 12, "scan": np.zeros(120)})
    recorded.loc[[3, 5], "lab"] = [10.5, 22.0]
    made = cohort(values, recorded=recorded, outcome_at=known)
    (finding,) = dates_after_outcome(made, make_splits(made))
    assert (finding.check, finding.severity, finding.rows) == ("dates-after-outcome", "blocking", ("p003", "p005"))
    assert finding.message == "column 'lab' was recorded after the outcome was known, in 2 patients, by up to 12 days"


@pytest.mark.parametrize("late", [10.0, np.nan])
def test_the_same_day_and_unknown_days_are_no_finding(cohort, values, late):
    recorded, known = pd.DataFrame({"lab": np.full(120, late)}), np.full(120, 10.0)
    made = cohort(values, recorded=recorded, outcome_at=known)
    assert dates_after_outcome(made, make_splits(made)) == []
    recorded["lab"], known[:] = 99.0, np.nan
    made = cohort(values, recorded=recorded, outcome_at=known)
    assert dates_after_outcome(made, make_splits(made)) == []
    assert dates_after_outcome(cohort(values, recorded=recorded), make_splits(made)) == []
