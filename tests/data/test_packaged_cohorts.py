"""The packaged cohorts against their sources and against published results."""

import hashlib
from importlib import resources

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxTimeVaryingFitter, KaplanMeierFitter
from lifelines.statistics import logrank_test
from sklearn.datasets import load_breast_cancer

from pmjax import data
from pmjax.data.heart import history
from pmjax.data.packaged import band, sha256
from pmjax.errors import UserError


@pytest.fixture
def csv():
    return lambda name: pd.read_csv(resources.files("lifelines") / "datasets" / name)


def test_wisconsin_is_scikit_learns_with_malignant_as_the_positive_class():
    cohort, bunch = data.load("wisconsin"), load_breast_cancer()
    assert cohort.task.classes[1] == "malignant"
    assert cohort.task.label.sum() == 212
    np.testing.assert_array_equal(cohort.task.label == 1, bunch.target_names[bunch.target] == "malignant")
    np.testing.assert_array_equal(cohort.modalities["table"].values, bunch.data)


def test_wisconsin_series_holds_the_same_numbers_as_its_table():
    table, series = (data.load("wisconsin").modalities[m] for m in ("table", "series"))
    for step, pattern in enumerate(("mean {}", "{} error", "worst {}")):
        for f, feature in enumerate(series.features):
            column = table.features.index(pattern.format(feature))
            np.testing.assert_array_equal(series.values[:, step, f], table.values[:, column])


def test_lung_reproduces_the_reference_values():
    cohort = data.load("lung")
    time, event = cohort.task.time, cohort.task.event
    kaplan_meier = KaplanMeierFitter().fit(time, event)
    assert kaplan_meier.median_survival_time_ == 310
    assert kaplan_meier.predict(365) == pytest.approx(0.409242, abs=1e-6)
    male = (cohort.groups["sex"] == "male").to_numpy()
    test = logrank_test(time[male], time[~male], event[male], event[~male])
    assert test.test_statistic == pytest.approx(10.326742, abs=1e-6)


def test_lung_keeps_its_gaps_and_all_its_patients(csv):
    frame, table = csv("lung.csv"), data.load("lung").modalities["table"]
    assert len(table.values) == len(frame)
    np.testing.assert_array_equal(
        np.isnan(table.values).sum(axis=0), frame.drop(columns=["inst", "time", "status"]).isna().sum()
    )
    female = table.values[:, table.features.index("female")] == 1
    np.testing.assert_array_equal(female, frame["sex"] == 2)


def test_gbsg2_grade_is_ordered_and_therapy_is_the_arm(csv):
    frame, cohort = csv("gbsg2.csv"), data.load("gbsg2")
    table = cohort.modalities["table"]
    grade = table.values[:, table.features.index("tumour grade")]
    assert [set(frame["tgrade"][grade == g]) for g in (1, 2, 3)] == [{"I"}, {"II"}, {"III"}]
    np.testing.assert_array_equal(cohort.arm == "hormone therapy", frame["horTh"] == "yes")
    assert not np.isnan(table.values).any()
    assert cohort.task.event.sum() == frame["cens"].sum()


def test_heart_reproduces_the_published_time_varying_cox_model():
    # Crowley and Hu's data in R: survival::coxph(Surv(start, stop, event) ~ age + year + surgery + transplant, heart)
    cohort = data.load("heart")
    frame = pd.DataFrame(cohort.modalities["table"].values, columns=["age", "year", "surgery", "transplant"])
    frame = frame.assign(id=cohort.patient, start=cohort.task.start, stop=cohort.task.time, event=cohort.task.event)
    fitter = CoxTimeVaryingFitter().fit(frame, id_col="id", start_col="start", stop_col="stop", event_col="event")
    np.testing.assert_allclose(fitter.params_, [0.0272, -0.1463, -0.6372, -0.0103], atol=1e-4)


def test_heart_series_ends_with_the_row_itself_and_never_shows_a_later_one():
    cohort = data.load("heart")
    series, table = cohort.modalities["series"], cohort.modalities["table"]
    last = series.mask.sum(axis=1) - 1
    np.testing.assert_array_equal(series.values[np.arange(len(last)), last, :4], table.values)
    began = series.values[..., series.features.index("days since acceptance")]
    assert (np.where(series.mask, began, -1).max(axis=1) == cohort.task.start).all()
    assert not np.isnan(series.values).any()


def test_history_of_a_row_does_not_depend_on_rows_after_it():
    patient = np.array([1, 2, 1, 1, 2])
    rows = np.arange(10.0).reshape(5, 2)
    changed = rows.copy()
    changed[3:] += 100
    before, mask = history(patient, rows)
    after, _ = history(patient, changed)
    np.testing.assert_array_equal(before[:3], after[:3])
    np.testing.assert_array_equal(mask.sum(axis=1), [1, 1, 2, 3, 2])
    np.testing.assert_array_equal(before[3], rows[[0, 2, 3]])


def test_actg175_arms_agree_with_the_treat_column(csv):
    frame, cohort = csv("ACTG175.csv"), data.load("actg175")
    np.testing.assert_array_equal(cohort.arm == "zidovudine", frame["treat"] == 0)
    table = cohort.modalities["table"]
    columns = [table.features.index(f) for f in table.features if f.startswith("arm: ")]
    names = np.array([table.features[c].removeprefix("arm: ") for c in columns])
    np.testing.assert_array_equal(names[table.values[:, columns].argmax(axis=1)], cohort.arm)
    np.testing.assert_array_equal(cohort.task.label, frame["cens"])


def test_actg175_holds_nothing_that_was_measured_after_the_start():
    features = data.load("actg175").modalities["table"].features
    assert not {"cd420", "cd820", "cd496", "r", "offtrt", "days", "cens", "treat"} & set(features)


def test_files_carry_the_hash_of_what_was_read():
    content = (resources.files("lifelines") / "datasets" / "lung.csv").read_bytes()
    assert data.load("lung").source.files == {"lung.csv": hashlib.sha256(content).hexdigest()}


def test_a_file_that_is_not_shipped_is_an_error_for_people():
    with pytest.raises(UserError, match=r"lifelines does not ship datasets/nowhere\.csv"):
        sha256("lifelines", "datasets", "nowhere.csv")


def test_bands_hold_their_edges():
    assert band(np.array([49, 50, 59, 60]), (50, 60)).tolist() == ["under 50", "50–59", "50–59", "60 and over"]
