"""Cox's partial likelihood with Efron's ties (Efron, JASA 1977) of log-hazards, in O(n log n) for any spread of them.

Row j is at risk at t where start_j < t ≤ time_j. At a time with d events the l-th (l = 0 … d−1) sees the risk set less
l/d of the tied events: `within`. Everything that does not depend on the risks is sorted and counted once.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

PerRow = Float[np.ndarray, " N"]

# Below this share of all who leave later, a risk set is summed by itself, not as a difference of two sums.
_CANCELLED = 1e-4


@dataclass(frozen=True)
class RiskSets:
    """Who is at risk when: N rows, of which E fail, at U distinct times.

    Attributes:
        start, time: (N,) of the rows.
        by_time: (N,) rows in order of time.
        passed: (N,) how many of the U times each row survives; missed: (L,) how many each late row came too late for.
        failing: (E,) rows that fail, in order of time; which: (E,) their place among the U times.
        fraction: (E,) l/d of each.
        times: (U,) distinct times of failure; first: (U,) where each begins in `failing`.
        tail: (U,) where those who leave then or later begin in `by_time`.
        late: (L,) rows that enter after the first failure, in order of start.
        late_tail: (U,) where those who enter then or later begin in `late`.
    """

    start: PerRow
    time: PerRow
    by_time: Int[np.ndarray, " N"]
    passed: Int[np.ndarray, " N"]
    missed: Int[np.ndarray, " L"]
    failing: Int[np.ndarray, " E"]
    which: Int[np.ndarray, " E"]
    fraction: Float[np.ndarray, " E"]
    times: Float[np.ndarray, " U"]
    first: Int[np.ndarray, " U"]
    tail: Int[np.ndarray, " U"]
    late: Int[np.ndarray, " L"]
    late_tail: Int[np.ndarray, " U"]


def risk_sets(start: PerRow | None, time: PerRow, event: Bool[np.ndarray, " N"]) -> RiskSets:
    """Sort the rows; at least one must fail. `start` is None where all are at risk from the beginning."""
    start = np.zeros_like(time) if start is None else start
    by_time = np.argsort(time)
    ordered = time[by_time]
    failing = by_time[event[by_time]]
    failed_at = time[failing]
    first = np.flatnonzero(np.concatenate([[True], failed_at[1:] != failed_at[:-1]]))
    times, deaths = failed_at[first], np.diff(first, append=len(failing))
    passed = np.empty_like(by_time)
    passed[by_time] = np.searchsorted(times, ordered, side="right") - event[by_time]
    late = np.flatnonzero(start >= times[0])
    late = late[np.argsort(start[late])]
    return RiskSets(
        start=start,
        time=time,
        by_time=by_time,
        passed=passed,
        missed=np.searchsorted(times, start[late], side="right"),
        failing=failing,
        which=np.repeat(np.arange(len(first)), deaths),
        fraction=(np.arange(len(failing)) - np.repeat(first, deaths)) / np.repeat(deaths, deaths),
        times=times,
        first=first,
        tail=np.searchsorted(ordered, times),
        late=late,
        late_tail=np.searchsorted(start[late], times),
    )


def log_likelihood(sets: RiskSets, risk: PerRow) -> tuple[float, Float[np.ndarray, " E"]]:
    """Return the log partial likelihood of log-hazards, and log Σ exp(risk) within each failing row's risk set."""
    at_risk = _log_tails(risk[sets.by_time])[sets.tail]
    if len(sets.late):
        at_risk = _without_late(sets, risk, at_risk)
    within = at_risk[sets.which]
    if len(sets.first) < len(sets.failing):
        tied = np.logaddexp.reduceat(risk[sets.failing], sets.first)
        # Rounding must not let the tied outweigh the whole risk set.
        share = np.exp(np.minimum(tied - at_risk, 0))
        within = within + np.log1p(-sets.fraction * share[sets.which])
    return float((risk[sets.failing] - within).sum()), within


def expected_events(sets: RiskSets, risk: PerRow, within: Float[np.ndarray, " E"]) -> PerRow:
    """Return how many events the likelihood expects of each row; event − expected is its gradient by `risk`.

    Args:
        sets, risk: as for `log_likelihood`; finite where risks are less than 700 apart.
        within: what it returned.
    """
    shift = risk.max()
    inverse = np.exp(shift - within)
    increments = np.add.reduceat(inverse, sets.first)
    cumulative = np.concatenate([[0.0], np.cumsum(increments)])
    exposure = cumulative[sets.passed]
    if len(sets.late):
        exposure[sets.late] = _from_entry(sets, increments, cumulative)
    exposure[sets.failing] += np.add.reduceat((1 - sets.fraction) * inverse, sets.first)[sets.which]
    return np.exp(risk - shift) * exposure


def _from_entry(
    sets: RiskSets, increments: Float[np.ndarray, " U"], cumulative: Float[np.ndarray, " V"]
) -> Float[np.ndarray, " L"]:
    """Sum the increments of each late row from its entry on."""
    passed = sets.passed[sets.late]
    whole = cumulative[passed]
    sums = whole - cumulative[sets.missed]
    doubtful = (sums < _CANCELLED * whole) & (sets.missed < passed)
    ranges = np.stack([sets.missed, passed], axis=1)[doubtful]
    sums[doubtful] = np.add.reduceat(np.append(increments, 0.0), ranges.ravel())[::2]
    return sums


def _log_tails(risk: PerRow) -> PerRow:
    """Compute log Σ exp(risk) over each row and all behind it."""
    return np.logaddexp.accumulate(risk[::-1])[::-1]


def _without_late(sets: RiskSets, risk: PerRow, leaving: Float[np.ndarray, " U"]) -> Float[np.ndarray, " U"]:
    """Take those who have not entered yet out of all who leave later."""
    entering = np.append(_log_tails(risk[sets.late]), -np.inf)[sets.late_tail]
    left = -np.expm1(np.minimum(entering - leaving, 0))
    at_risk = leaving + np.log(np.maximum(left, _CANCELLED))
    for u in np.flatnonzero(left < _CANCELLED):
        inside = (sets.start < sets.times[u]) & (sets.time >= sets.times[u])
        at_risk[u] = np.logaddexp.reduce(risk[inside])
    return at_risk
