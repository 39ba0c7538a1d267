"""DeepSurv's data against their files, stated baselines, and the simulation that DeepSurv's repository describes."""

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from lifelines.utils import concordance_index

from pmjax.audit import inspect
from pmjax.audit.duplicates import duplicate_rows
from pmjax.data.public import survival
from pmjax.prepare.splits import make_splits
from pmjax.types import PARTS

SIMULATED = ("deepsurv_linear", "deepsurv_gaussian", "deepsurv_treatment")


def table(cohort):
    values = cohort.modalities["table"]
    return pd.DataFrame(values.values, columns=list(values.features))


def cox_c(cohort, columns=None):
    """Harrell's C on the test part of a Cox model of the training part."""
    frame = table(cohort)[columns or list(cohort.modalities["table"].features)]
    frame = frame.assign(t=cohort.task.time, e=cohort.task.event)
    train, test = cohort.part == "train", cohort.part == "test"
    risk = CoxPHFitter(penalizer=1e-6).fit(frame[train], "t", "e").predict_log_partial_hazard(frame[test])
    return concordance_index(cohort.task.time[test], -risk, cohort.task.event[test])


@pytest.mark.parametrize(
    ("name", "parts", "features", "events", "cox"),
    [("metabric", (1523, 0, 381), 9, 1103, 0.632), ("support", (7098, 0, 1775), 14, 6036, 0.583)],
)
def test_the_real_studies_hold_their_rows_and_reach_the_stated_cox_model(
    data_folder, name, parts, features, events, cox
):
    cohort = getattr(survival, name)()
    assert tuple((cohort.part == part).sum() for part in PARTS) == parts
    assert table(cohort).shape == (sum(parts), features)
    assert cohort.task.event.sum() == events
    assert cox_c(cohort) == pytest.approx(cox, abs=2e-3)


def test_the_names_of_metabric_fit_their_values(data_folder):
    frame = table(survival.metabric())
    assert frame["age"].between(20, 100).all()
    for name in ("hormone treatment", "radiotherapy", "chemotherapy", "ER-positive"):
        assert set(frame[name]) == {0, 1}
    # Hormones are given for tumours with the receptor, chemotherapy to the young and to those without it.
    assert frame["hormone treatment"].corr(frame["ER-positive"]) > 0.3
    assert frame["chemotherapy"].corr(frame["ER-positive"]) < -0.3
    assert frame["chemotherapy"].corr(frame["age"]) < -0.3


def test_the_one_time_of_zero_in_metabric_is_lifted_below_all_others_and_noted(data_folder):
    cohort = survival.metabric()
    assert np.sort(cohort.task.time)[:2].tolist() == pytest.approx([0.05, 0.1])
    assert any("were set to 0.05" in note for note in cohort.source.notes)


def test_the_names_of_support_fit_their_values(data_folder):
    frame = table(survival.support())
    limits = {
        "age": (18, 102),
        "mean arterial pressure": (0, 195),
        "temperature": (31, 42),
        "sodium": (110, 181),
        "creatinine": (0.09, 21.5),
    }
    for name, (low, high) in limits.items():
        assert frame[name].between(low, high).all(), name
    for name in ("sex", "diabetes", "dementia"):
        assert set(frame[name]) == {0, 1}
    # A count of comorbidities grows with the diseases that it counts; a code of race does not.
    assert frame["comorbidities"].corr(frame["diabetes"]) > 0.3
    assert abs(frame["race"].corr(frame["diabetes"])) < 0.05


@pytest.mark.parametrize("name", SIMULATED)
def test_the_truth_of_a_simulation_tells_its_times(data_folder, name):
    cohort = getattr(survival, name)()
    task, truth = cohort.task, cohort.truth
    assert cohort.source.simulated
    frame = pd.DataFrame({"h": truth.log_hazard, "t": task.time, "e": task.event})
    fitted = CoxPHFitter().fit(frame, "t", "e").summary.loc["h"]
    assert fitted["coef lower 95%"] < 1 < fitted["coef upper 95%"]
    # Exponential times: events against the cumulated hazard of rate 0.2.
    expected = (0.2 * task.time * np.exp(truth.log_hazard)).sum()
    assert task.event.sum() == pytest.approx(expected, abs=4 * np.sqrt(task.event.sum()))
    for horizon, probability in truth.survival.items():
        assert (task.time > horizon).mean() == pytest.approx(probability.mean(), abs=0.02)


@pytest.mark.parametrize("name", SIMULATED)
def test_the_oracle_of_a_simulation_reaches_its_ceiling(data_folder, name):
    cohort = getattr(survival, name)()
    oracle = concordance_index(cohort.task.time, -cohort.truth.log_hazard, cohort.task.event)
    assert oracle == pytest.approx(cohort.truth.ceiling["harrell_c"], abs=0.01)


def test_the_hazards_are_those_that_the_paper_describes(data_folder):
    linear, gaussian = survival.deepsurv_linear(), survival.deepsurv_gaussian()
    for cohort, of in (
        (linear, lambda x: x["x0"] + 2 * x["x1"]),
        (gaussian, lambda x: np.log(10) * np.exp(-2 * (x["x0"] ** 2 + x["x1"] ** 2))),
    ):
        for part in PARTS:
            rows = cohort.part == part
            risk = of(table(cohort)[rows])
            np.testing.assert_allclose(cohort.truth.log_hazard[rows], risk - risk.mean(), atol=1e-5)


def test_linear_and_gaussian_reach_the_stated_cox_models(data_folder):
    assert cox_c(survival.deepsurv_linear()) == pytest.approx(0.778, abs=2e-3)
    assert cox_c(survival.deepsurv_gaussian()) == pytest.approx(0.487, abs=2e-3)


def test_the_treatment_works_on_those_who_got_it_only(data_folder):
    cohort = survival.deepsurv_treatment()
    treated = table(cohort)["treated"].to_numpy() == 1
    np.testing.assert_array_equal(cohort.arm == "treated", treated)
    truth = cohort.truth
    assert (truth.log_hazard[~treated] == 0).all()
    assert np.abs(truth.log_hazard[treated]).max() > 1
    np.testing.assert_allclose(truth.outcomes[:, 0], np.exp(-0.4))
    own = truth.outcomes[np.arange(len(cohort)), treated.astype(int)]
    np.testing.assert_allclose(own, truth.survival[2.0])
    for arm, chosen in enumerate((~treated, treated)):
        assert (cohort.task.time[chosen] > 2).mean() == pytest.approx(truth.outcomes[:, arm].mean(), abs=0.02)


def test_the_hazard_ratio_of_the_treatment_file_says_nothing_of_the_untreated(data_folder):
    cohort = survival.deepsurv_treatment()
    if_treated = np.log(-np.log(cohort.truth.outcomes[:, 1]) / 0.4)
    untreated = cohort.arm == "untreated"
    frame = pd.DataFrame({"h": if_treated, "t": cohort.task.time, "e": cohort.task.event})[untreated]
    fitted = CoxPHFitter().fit(frame, "t", "e").summary.loc["h"]
    assert fitted["coef lower 95%"] < 0 < fitted["coef upper 95%"]


def test_the_audit_refuses_whas(data_folder):
    cohort = survival.whas()
    rows = table(cohort).assign(t=cohort.task.time, e=cohort.task.event)
    copied = rows[cohort.part == "test"].merge(rows[cohort.part == "train"].drop_duplicates(), how="inner")
    assert (len(copied), len(rows.drop_duplicates())) == (229, 735)
    # Some of the originals are held out of the training part to validate.
    splits = make_splits(cohort, scheme="official", validation=0.2, seed=0)
    (finding,) = duplicate_rows(cohort, splits)
    assert finding.severity == "blocking"
    assert 200 < sum(row.startswith("test-") for row in finding.rows) <= 229
    assert any(found.check == "duplicate-rows" and found.severity == "blocking" for found in inspect(cohort, splits))
    assert cohort.source.notes[0].startswith("Never a target")
