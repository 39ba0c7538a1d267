"""Endpoint: the outcome that a rule declares, for patients who are still at risk when their window ends."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import pandas as pd

from pmjax.data.readers.timeline import Timeline
from pmjax.data.readers.window import select
from pmjax.errors import UserError
from pmjax.task import Classify, Survive, Task
from pmjax.types import HostArray


@dataclass(frozen=True)
class Endpoint:
    """What is asked, of the time after the window.

    Attributes:
        event: "death", or {"kind": …, "code": …} whose first event counts.
        within: days from the index; may be None where `task` is survive.
        task: `classify` asks whether the event comes within; `survive` when, from the end of the window.
        name: of the task; None names it by the event.
    """

    event: str | Mapping[str, Any]
    within: float | None = None
    task: Literal["classify", "survive"] = "classify"
    name: str | None = None


@dataclass(frozen=True)
class Verdict:
    """The answer: `rows` (N,) of the patients who can be asked, and for these the task and when it was known."""

    rows: HostArray
    task: Task
    outcome_at: HostArray
    flow: tuple[tuple[str, int], ...]


def read_endpoint(options: Mapping[str, Any], after: float) -> Endpoint:
    """Make an Endpoint of declared options; `after` is that of the window, which it must outlast.

    Raises:
        UserError: an unknown or missing option, or a value that cannot be.
    """
    known = [f.name for f in fields(Endpoint)]
    for name in options:
        if name not in known:
            raise UserError(f"outcome: no option {name!r}; use {', '.join(known)}")
    event, task, within = options.get("event"), options.get("task", "classify"), options.get("within")
    if event != "death" and not (isinstance(event, Mapping) and event and not set(event) - {"kind", "code"}):
        raise UserError(f'outcome: event must be "death" or {{"kind": …, "code": …}}, got {event!r}')
    if task not in ("classify", "survive"):
        raise UserError(f"outcome: task must be classify or survive, got {task!r}")
    if within is None and task == "classify":
        raise UserError("outcome: say within how many days of the index, or ask for task survive")
    if within is not None and (isinstance(within, bool) or not isinstance(within, int | float) or not within > after):
        raise UserError(f"outcome: within must be more days than the window's {after} after the index, got {within!r}")
    return Endpoint(event, None if within is None else float(within), task, options.get("name"))


def judge(timeline: Timeline, endpoint: Endpoint, at: pd.Series, after: float) -> Verdict:
    """Answer the endpoint for each patient of `at` (index times), from the end of the window, `at` + `after`, on.

    Left out, and counted in the flow: who died or had the event before that end, who died on a day not known, and
    whose follow-up ends too early to say. Who dies without the event has not had it; survival is censored there.

    Raises:
        UserError: nobody is left, or all have the same answer.
    """
    end = at.to_numpy() + after
    person = timeline.patients.set_index("patient").loc[at.index]
    death, death_known = person["death"].to_numpy(), person["death_known"].to_numpy()
    time, known, prior = _first_event(timeline, endpoint, person, at.index, end)
    horizon = np.inf if endpoint.within is None else at.to_numpy() + endpoint.within
    happened = (time >= end) & (known > end) & (time < horizon)
    followed = np.fmax(person["followed"].to_numpy(), death_known)
    dead = np.isfinite(death)
    reasons = {
        "died on a day not known": person["dead"].to_numpy(bool) & ~dead,
        "died before the window ended": dead & ((death < end) | (death_known <= end)),
        "had the outcome before the window ended": prior,
    }
    if endpoint.task == "classify":
        reasons["followed too short a time"] = ~happened & ~dead & ~(followed >= horizon)
    else:
        reasons["not followed after the window"] = ~happened & ~(followed > end)
    out, flow = np.zeros(len(at), bool), []
    for reason, holds in reasons.items():
        flow.append((reason, int((holds & ~out).sum())))
        out |= holds
    rows = np.flatnonzero(~out)
    if not len(rows):
        raise UserError(f"{timeline.where}: no patient is left to ask ({'; '.join(f'{c} {r}' for r, c in flow)})")
    until = np.where(happened, known, np.fmin(horizon, followed))[rows]
    name = endpoint.name or (endpoint.event if isinstance(endpoint.event, str) else "event")
    if endpoint.task == "classify":
        return Verdict(rows, Classify(name, happened[rows].astype(int), ("no", "yes")), until, tuple(flow))
    return Verdict(rows, Survive(name, until - end[rows], happened[rows]), until, tuple(flow))


def _first_event(
    timeline: Timeline, endpoint: Endpoint, person: pd.DataFrame, patients: pd.Index, end: HostArray
) -> tuple[HostArray, HostArray, HostArray]:
    """When it came first (earliest, latest), NaN for never, and whether it had come by `end`."""
    if isinstance(endpoint.event, str):
        return person["death"].to_numpy(), person["death_known"].to_numpy(), np.zeros(len(end), bool)
    events = select(timeline, endpoint.event)
    if not len(events):
        raise UserError(f"{timeline.where}: no event is {dict(endpoint.event)}; mend the outcome")
    first = events.groupby("patient")[["time", "known"]].min().reindex(patients)
    time, known = first["time"].to_numpy(), first["known"].to_numpy()
    return time, known, (time < end) | (known <= end)
