"""Timeline, window and endpoint: no value from beyond the window, no unit mixed, no patient lost in silence."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pmjax.cohort import Source
from pmjax.data.readers.endpoint import judge, read_endpoint
from pmjax.data.readers.history import build_history
from pmjax.data.readers.timeline import EVENT, PATIENT, Timeline, settle_units
from pmjax.data.readers.window import SINCE, index_times, read_window, to_series
from pmjax.errors import UserError

NAN = np.nan


def timeline(events, deaths=None, followed=1000.0):
    """Of (patient, time, code, value[, known[, unit]]); every patient among them, born on day −10000."""
    rows = []
    for patient, time, code, value, *more in events:
        known, unit = (more + [time, ""][len(more) :])[:2]
        kind = "visit" if code == "index" else "observation"
        rows.append((patient, float(time), float(known), kind, code, code, float(value), unit))
    deaths = deaths or {}
    people = [
        (p, -10000.0, "female", p in deaths, deaths.get(p, NAN), deaths.get(p, NAN), followed)
        for p in sorted({e[0] for e in events} | set(deaths))
    ]
    return Timeline(pd.DataFrame(rows, columns=list(EVENT)), pd.DataFrame(people, columns=list(PATIENT)), "test")


BASE = [
    ("a", 100, "index", NAN),
    ("a", 91, "hr", 60),
    ("a", 91, "hr", 62),
    ("a", 95.5, "sbp", 120),
    ("a", 101, "hr", 99),
    ("b", 200, "index", NAN),
    ("b", 150, "hr", 1),
    ("b", 199, "sbp", 130),
]


def cut_by(options):
    window = read_window(options)
    return to_series(timeline(BASE), window, index_times(timeline(BASE), window.index))


def cut(line, **options):
    window = read_window({"index": {"kind": "visit"}, "before": 10, "codes": ["hr", "sbp"]} | options)
    return to_series(line, window, index_times(line, window.index))


def test_binned_by_hand():
    series, recorded = cut(timeline(BASE), bins=5)
    np.testing.assert_array_equal(series.values[0], [[62, NAN], [NAN, 120]])
    np.testing.assert_array_equal(series.values[1], [[NAN, NAN], [NAN, 130]])
    np.testing.assert_array_equal(recorded, [[91, 95.5], [NAN, 199]])
    mean, _ = cut(timeline(BASE), bins=10, summary="mean")
    count, _ = cut(timeline(BASE), bins=10, summary="count")
    np.testing.assert_array_equal(mean.values[0], [[61, 120]])
    np.testing.assert_array_equal(count.values, [[[2, 1]], [[0, 1]]])


def test_irregular_by_hand():
    series, _ = cut(timeline(BASE))
    assert series.features == ("hr", "sbp", SINCE)
    np.testing.assert_array_equal(series.values[0], [[62, NAN, 0], [NAN, 120, 4.5]])
    np.testing.assert_array_equal(series.mask, [[True, True], [True, False]])
    shorter, _ = cut(timeline(BASE), max_steps=1)
    np.testing.assert_array_equal(shorter.values[0], [[NAN, 120, 4.5]])  # the latest step is kept


def test_who_has_no_event_is_not_present():
    series, _ = cut(timeline([*BASE, ("c", 300, "index", NAN)]))
    np.testing.assert_array_equal(series.present, [True, True, False])


def test_an_event_without_a_value_counts_as_one():
    series, _ = cut(timeline([*BASE, ("b", 195, "stroke", NAN)]), codes=["stroke"], bins=10)
    np.testing.assert_array_equal(series.values[:, 0, 0], [NAN, 1])


events = st.tuples(
    st.sampled_from("ab"), st.floats(0, 300), st.sampled_from(["hr", "sbp"]), st.floats(-9, 9), st.floats(0, 50)
)


@given(st.lists(events, max_size=12), st.sampled_from([None, 3, 7.5]), st.sampled_from(["last", "mean", "count"]))
def test_nothing_known_after_the_end_changes_the_series(some, bins, summary):
    some = [(p, t, c, v, t + late) for p, t, c, v, late in some]
    end = {"a": 102.0, "b": 202.0}
    inside = [e for e in some if e[4] < end[e[0]]]
    given_all = cut(timeline(BASE + some), bins=bins, after=2, summary=summary)
    given_past = cut(timeline(BASE + inside), bins=bins, after=2, summary=summary)
    np.testing.assert_array_equal(given_all[0].values, given_past[0].values)
    np.testing.assert_array_equal(given_all[1], given_past[1])
    assert not (given_all[1].to_numpy() >= np.array([[102.0], [202.0]])).any()


@given(st.lists(events, min_size=1, max_size=12), st.sampled_from(["last", "mean", "count"]))
def test_binned_equals_a_loop(some, summary):
    line = timeline(BASE + [(p, t, c, v) for p, t, c, v, _ in some])
    series, _ = cut(line, bins=4, summary=summary)
    reducers = {"last": lambda v: v.iloc[-1], "mean": lambda v: v.mean(), "count": len}
    for row, (patient, index) in enumerate({"a": 100, "b": 200}.items()):
        for step in range(3):
            low, high = index - 10 + 4 * step, min(index - 10 + 4 * (step + 1), index)
            for column, code in enumerate(["hr", "sbp"]):
                e = line.events
                here = e[(e.patient == patient) & (e.code == code) & (e.time >= low) & (e.time < high)]["value"]
                empty = 0 if summary == "count" else NAN
                want = np.float32(reducers[summary](here) if len(here) else empty)
                np.testing.assert_allclose(series.values[row, step, column], want, rtol=1e-6)


def test_two_units_are_an_error_or_converted():
    line = timeline([*BASE, ("a", 92, "t", 37, 92, "Cel"), ("b", 192, "t", 98.6, 192, "[degF]")])
    with pytest.raises(UserError, match=r"'t' is in 'Cel' and '\[degF\]'"):
        settle_units(line, {})
    with pytest.raises(UserError, match=r"'t' is also in"):
        settle_units(line, {"t": {"Cel": 1}})
    with pytest.raises(UserError, match="has no number"):
        settle_units(line, {"temperature": {"Cel": 1}})
    with pytest.raises(UserError, match="factor"):
        settle_units(line, {"t": {"Cel": "one", "[degF]": 1}})
    settled = settle_units(line, {"t": {"Cel": 1, "[degF]": [5 / 9, -160 / 9]}}).events
    np.testing.assert_allclose(settled.value[settled.code == "t"], [37, 37])


def test_a_mention_is_kept_apart_from_numbers():
    settled = settle_units(timeline([*BASE, ("a", 92, "hr", NAN)]), {}).events
    assert list(settled.code[settled.patient == "a"]).count("hr=mentioned") == 1


def answer(line, after=0.0, **options):
    return judge(line, read_endpoint(options, after), index_times(line, {"kind": "visit"}), after)


def test_death_within_days_of_the_index():
    stays = [(p, 100, "index", NAN) for p in "abcdef"]
    line = timeline(stays, {"a": 105.0, "b": 140.0, "c": 99.0}, followed=131.0)
    people = line.patients.copy()
    people.loc[people.patient == "d", "dead"] = True
    people.loc[people.patient == "e", "followed"] = 110.0
    verdict = answer(replace(line, patients=people), event="death", within=30)
    assert list(verdict.rows) == [0, 1, 5]
    assert list(verdict.task.label) == [1, 0, 0]
    np.testing.assert_array_equal(verdict.outcome_at, [105, 130, 130])
    assert dict(verdict.flow) == {
        "died on a day not known": 1,
        "died before the window ended": 1,
        "had the outcome before the window ended": 0,
        "followed too short a time": 1,
    }


def test_survival_from_the_end_of_the_window():
    line = timeline([("a", 100, "index", NAN), ("b", 100, "index", NAN), ("a", 150, "mi", NAN), ("b", 90, "hr", 1)])
    verdict = answer(line, after=10.0, event={"code": "mi"}, task="survive", within=365)
    np.testing.assert_array_equal(verdict.task.time, [40, 355])
    np.testing.assert_array_equal(verdict.task.event, [True, False])


def test_who_had_the_outcome_is_not_asked():
    line = timeline([(p, 100, "index", NAN) for p in "abc"] + [("a", 99, "mi", NAN), ("b", 101, "mi", NAN)])
    verdict = answer(line, event={"code": "mi"}, within=30)
    assert list(verdict.rows) == [1, 2]
    assert dict(verdict.flow)["had the outcome before the window ended"] == 1


def test_history_counts_everyone():
    line = timeline([*BASE, ("c", 7, "hr", 60)], {"a": 110.0})
    cohort = build_history(
        "test",
        line,
        Source("t", "c", "l"),
        window={"index": {"kind": "visit"}, "before": 10, "bins": 5},
        outcome={"event": "death", "within": 30},
        units={},
    )
    flow = dict(cohort.flow)
    assert flow["patients in the source"] == sum(flow.values()) - flow["patients in the source"] == 3
    assert (cohort.recorded.to_numpy() <= cohort.outcome_at[:, None])[cohort.recorded.notna()].all()
    np.testing.assert_allclose(cohort.modalities["table"].values[:, 0], [10100 / 365.25, 10200 / 365.25])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"index": {"kind": "visit"}}, "needs an index"),
        ({"index": {"kind": "visit"}, "before": "ten"}, "before must be a number"),
        ({"index": {"kind": "visit"}, "before": NAN}, "before must be a number"),
        ({"index": {"kind": "visit"}, "before": 0}, "hold no time"),
        ({"index": {"kind": "visit"}, "before": 1, "bins": 0}, "bins must be above zero"),
        ({"index": {"kind": "visit"}, "before": 1, "steps": 0}, "no option 'steps'"),
        ({"index": {"kind": "visit"}, "before": 1, "max_steps": 0}, "max_steps must be"),
        ({"index": {"kind": "visit"}, "before": 9, "bins": 1e-9, "codes": ["hr"]}, "cells, more than"),
        ({"index": {"kind": "stay"}, "before": 1}, "kind 'stay'"),
        ({"index": {"code": "nobody"}, "before": 1}, "no patient has the index"),
        ({"index": {"date": "1st of May"}, "before": 1}, "not ISO 8601"),
        ({"index": {"kind": "visit"}, "before": 9, "codes": ["hrr"]}, "no event has the code 'hrr'"),
        ({"index": {"kind": "visit"}, "before": 9, "bins": 1, "summary": "mode"}, "summary 'mode'"),
    ],
)
def test_window_options_that_cannot_be(options, message):
    with pytest.raises(UserError, match=message):
        cut_by(options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"event": "birth", "within": 1}, "event must be"),
        ({"event": "death"}, "within how many days"),
        ({"event": "death", "within": 1}, "more days than the window's"),
        ({"event": "death", "within": 9, "task": "rank"}, "task must be"),
        ({"event": "death", "within": 9, "day": 3}, "no option 'day'"),
        ({"event": {"code": "none"}, "within": 9}, "mend the outcome"),
        ({"event": "death", "within": 99999}, "no patient is left"),
    ],
)
def test_outcome_options_that_cannot_be(options, message):
    with pytest.raises(UserError, match=message):
        answer(timeline(BASE), after=2.0, **options)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patient": "z"}, "of no patient of the record"),
        ({"time": NAN}, "has no time"),
        ({"known": 0.0}, "known before it happened"),
        ({"value": 1e300}, "has a value above"),
    ],
)
def test_events_that_cannot_be(change, message):
    line = timeline(BASE)
    broken = line.events.copy()
    for column, value in change.items():
        broken.loc[3, column] = value
    with pytest.raises(UserError, match=message):
        replace(line, events=broken)
