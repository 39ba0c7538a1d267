"""Truth: what a simulator knows of its patients, the best that any model could say of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pmjax.errors import UserError
from pmjax.types import HostArray


@dataclass(frozen=True)
class Truth:
    """What is known of N simulated rows; None where the simulator says nothing.

    Attributes:
        probability: (N, K) Bayes-optimal class probabilities given the observed inputs.
        log_hazard: (N,) true log-hazard.
        survival: by horizon, (N,) true probability to be event-free then.
        outcomes: (N, A) expected outcome under each arm.
        arms: names of the A arms, in the order of the columns.
        propensity: (N, A) probability of each arm given the covariates.
        planted: by modality, the features or motifs that carry the outcome.
        ceiling: by metric, what the oracle reaches in the population.
        notes: how the truth was computed.
    """

    probability: HostArray | None = None
    log_hazard: HostArray | None = None
    survival: Mapping[float, HostArray] = field(default_factory=dict)
    outcomes: HostArray | None = None
    arms: tuple[str, ...] = ()
    propensity: HostArray | None = None
    planted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ceiling: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def _columns(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("probability", "log_hazard", "outcomes", "propensity")}

    def check(self, rows: int) -> None:
        """Raise a UserError where a column has another number of rows."""
        survival = {f"survival at {h:g}": s for h, s in self.survival.items()}
        for name, column in (self._columns() | survival).items():
            if column is not None and len(column) != rows:
                raise UserError(f"truth: {name} has {len(column)} rows, there are {rows} patients")

    def take(self, rows: HostArray) -> "Truth":
        """Keep `rows` (indices or bool)."""
        kept: dict[str, Any] = {
            name: None if column is None else column[rows] for name, column in self._columns().items()
        }
        return replace(self, survival={h: s[rows] for h, s in self.survival.items()}, **kept)
