"""History: from a timeline, a declared window and a declared outcome to a Cohort."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from pmjax.cohort import Cohort, Modality, Source
from pmjax.data.packaged import band
from pmjax.data.readers.endpoint import judge, read_endpoint
from pmjax.data.readers.timeline import Timeline, settle_units
from pmjax.data.readers.window import index_times, read_window, to_series
from pmjax.types import HostArray

_YEAR = 365.25


def build_history(
    name: str,
    timeline: Timeline,
    source: Source,
    *,
    window: Mapping[str, Any],
    outcome: Mapping[str, Any],
    units: Mapping[str, Mapping[str, Any]],
) -> Cohort:
    """Join series and outcome of every patient who has an index and can be asked.

    `window` and `outcome` are the options of Window and Endpoint, `units` the conversions of `settle_units`. The
    cohort has `series` and `table` (age in years at the index; 1 female), and says when each code was last recorded.
    """
    chosen = read_window(window)
    endpoint = read_endpoint(outcome, chosen.after)
    at = index_times(timeline, chosen.index)
    verdict = judge(timeline, endpoint, at, chosen.after)
    at = at.iloc[verdict.rows]
    series, recorded = to_series(settle_units(_only(timeline, chosen.codes), units), chosen, at)
    table, groups = _person(timeline, at)
    return Cohort(
        name=name,
        patient=at.index.to_numpy().astype(str),
        modalities={"series": series, "table": table},
        task=verdict.task,
        source=source,
        groups=groups,
        flow=(
            ("patients in the source", len(timeline.patients)),
            ("without the index event", len(timeline.patients) - len(verdict.rows) - sum(c for _, c in verdict.flow)),
            *verdict.flow,
            ("analysed", len(at)),
        ),
        recorded=recorded,
        outcome_at=verdict.outcome_at,
    )


def notes_of(timeline: Timeline, excluded: list[str] | None) -> tuple[str, ...]:
    """Tell what of the source is not in the timeline: by count, and each record that was excluded."""
    return (*(f"{reason}: {count}" for reason, count in sorted(timeline.left_out.items())), *(excluded or ()))


def _only(timeline: Timeline, codes: tuple[str, ...]) -> Timeline:
    """Keep the events that the window names, if it does, so that units elsewhere in the record do not matter."""
    if not codes:
        return timeline
    wanted = timeline.events["code"].isin({c.removesuffix("=mentioned") for c in codes})
    return replace(timeline, events=timeline.events[wanted])


def _person(timeline: Timeline, at: pd.Series) -> tuple[Modality, pd.DataFrame]:
    person = timeline.patients.set_index("patient").loc[at.index]
    age = (at.to_numpy() - person["birth"].to_numpy()) / _YEAR
    sex = person["sex"].to_numpy(str)
    female: HostArray = np.select([sex == "female", np.isin(sex, ["male", "other"])], [1.0, 0.0], np.nan)
    bands = np.where(np.isnan(age), "unknown", band(np.nan_to_num(age), (18, 40, 65)))
    return Modality("table", np.column_stack([age, female]), ("age", "female")), pd.DataFrame(
        {"sex": sex, "age": bands}
    )
