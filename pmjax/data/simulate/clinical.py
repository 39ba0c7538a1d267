"""Clinical: irregular visits in four demographic groups, a confounded treatment, and an outcome of known chance."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from pmjax.cohort import Classify, Cohort, Modality, Source, Survive, Task, Truth
from pmjax.data.packaged import band
from pmjax.data.simulate import BLOCK, Rows, blocks, gather, keys, patient_ids, simulated
from pmjax.data.simulate.ceiling import classification_ceiling, survival_ceiling
from pmjax.data.simulate.outcome import (
    ARMS,
    BASELINE_DAYS,
    FIRST_END,
    LAST_END,
    SHAPE,
    choose,
    diagnose,
    follow,
    survival,
)
from pmjax.data.simulate.visits import ETHNICITIES, STATIC, Measurement, carriers, draw_patient, measurement
from pmjax.errors import UserError
from pmjax.types import Array, HostArray

HORIZONS = (365.0, 730.0)
_CENSORING_STEPS = 10


def simulate_clinical(
    n: int = 15_000, visits: int = 48, variables: int = 24, seed: int = 0, first: int = 0, outcome: str = "classify"
) -> Cohort:
    """Simulate rows `first` … `first + n − 1` of the patients that `seed` makes, at their last visit, time zero.

    Modality `series` (N, visits, F) has the variables (NaN where not recorded), the time, the static covariates at
    every visit and the drug from the last one on; `table` (N, F) has each variable's last value and mean instead. The
    treatment depends on severity, age and ethnicity; the outcome on the hidden state, which the first half of the
    variables shows. `classify` asks for the event within a year, `survive` for days to it, at most three years.

    Truth: `probability` (classify) given series and arm by a Kalman filter; `log_hazard` and `survival` (survive), for
    the arm received; `outcomes` under each arm, the chance of the event within a year; `propensity`.

    Raises:
        UserError: for an unknown outcome, fewer than 4 variables or less than 1 visit or row.
    """
    if outcome not in ("classify", "survive"):
        raise UserError(f"simulated clinical: outcome {outcome!r} is unknown; use classify or survive")
    if variables < 4 or visits < 1:
        raise UserError(f"simulated clinical: {variables} variables, {visits} visits; needs at least 4 and 1")
    population, row_keys = keys(seed)
    draw = partial(_draw, measurement(population, variables), visits=visits)
    rows = gather(blocks(draw, row_keys, first, n), n)
    names = tuple(f"v{i + 1:02d}" for i in range(variables))
    task, truth = (_classify if outcome == "classify" else _survive)(rows)
    age = rows["age"].astype(int)
    return Cohort(
        name="simulated_clinical",
        patient=patient_ids(first, n),
        modalities=_modalities(rows, names),
        task=task,
        source=_source(outcome),
        groups=pd.DataFrame(
            {
                "ethnicity": np.asarray(ETHNICITIES)[rows["group"]],
                "sex": np.where(rows["female"] == 1, "female", "male"),
                "age": band(age, (50, 65)),
            }
        ),
        arm=np.asarray(ARMS)[rows["treated"].astype(int)],
        flow=(("simulated", n), ("analysed", n)),
        recorded=pd.DataFrame({"series": rows["zero"], "table": rows["zero"]}),
        outcome_at=rows["zero"] + (rows["time"] if outcome == "survive" else HORIZONS[0]),
        truth=Truth(
            **truth,
            arms=ARMS,
            propensity=np.column_stack([1 - rows["propensity"], rows["propensity"]]),
            planted=_planted(names),
            notes=("Exact given `series`; `table`, which sums it up, holds less.",),
        ),
    )


@partial(jax.jit, static_argnames="visits")
def _draw(how: Measurement, key: Array, visits: int) -> dict[str, Array]:
    return jax.vmap(lambda k: _row(k, how, visits))(jax.random.split(key, BLOCK))


def _row(key: Array, how: Measurement, visits: int) -> dict[str, Array]:
    """Draw one patient with treatment and both kinds of outcome, laid out as the columns of the cohort."""
    person, treatment, year, life = jax.random.split(key, 4)
    patient = draw_patient(person, visits, how)
    choice = choose(treatment, patient)
    drug = choice.treated.astype(patient.day.dtype)
    count = patient.real.sum()
    series = [
        patient.values,
        jnp.stack([patient.day, patient.gap], axis=1),
        jnp.tile(patient.static[None], (visits, 1)),
        jnp.where(jnp.arange(visits) == count - 1, drug, 0.0)[:, None],
    ]
    extra = jnp.stack([count.astype(drug.dtype), patient.day.max(), choice.severity, drug])
    return {
        "series": jnp.where(patient.real[:, None], jnp.concatenate(series, axis=1), 0.0),
        "real": patient.real,
        "table": jnp.concatenate([patient.last, patient.average, patient.static, extra]),
        "group": patient.group,
        "age": patient.static[0],
        "female": patient.static[1],
        "zero": patient.day.max(),
        "treated": choice.treated,
        "propensity": choice.propensity,
        **diagnose(year, patient, choice.treated)._asdict(),
        **follow(life, patient, choice.treated)._asdict(),
    }


def _modalities(rows: Rows, names: tuple[str, ...]) -> dict[str, Modality]:
    series = (*names, "day", "days since the last visit", *STATIC, "drug")
    summary = (*(f"last {name}" for name in names), *(f"mean {name}" for name in names))
    table = (*summary, *STATIC, "visits", "days observed", "severity", "drug")
    return {
        "series": Modality("series", rows["series"], series, mask=rows["real"]),
        "table": Modality("table", rows["table"], table),
    }


def _planted(names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    carry = names[: carriers(len(names))]
    static = (*STATIC, "drug")
    table = (*(f"last {v}" for v in carry), *(f"mean {v}" for v in carry), *static)
    return {"series": (*carry, *static), "table": table}


def _classify(rows: Rows) -> tuple[Task, dict[str, Any]]:
    received = np.take_along_axis(rows["probability"], rows["treated"][:, None].astype(int), axis=1)
    probability = np.concatenate([1 - received, received], axis=1)
    truth = {
        "probability": probability,
        "outcomes": rows["probability"],
        "ceiling": classification_ceiling(probability),
    }
    return Classify("event within a year", rows["ill"].astype(int), ("no event", "event")), truth


def _survive(rows: Rows) -> tuple[Task, dict[str, Any]]:
    received = np.take_along_axis(rows["log_hazard"], rows["treated"][:, None].astype(int), axis=1)[:, 0]
    free = {day: survival(received, day) for day in HORIZONS}
    truth = {
        "log_hazard": received,
        "survival": free,
        "outcomes": 1 - survival(rows["log_hazard"], HORIZONS[0]),
        "ceiling": _survival_ceiling(received, free),
    }
    return Survive("event", rows["time"], rows["event"]), truth


def _survival_ceiling(log_hazard: HostArray, free: dict[float, HostArray]) -> dict[str, float]:
    """Average Harrell's C over the ends of follow-up that pairs have in common, weighted by how many are comparable.

    Two ends, each even on [a, b], have their smaller one at b − (b − a) √(1 − u) for u even on [0, 1].
    """
    u = (np.arange(_CENSORING_STEPS) + 0.5) / _CENSORING_STEPS
    ends = LAST_END - (LAST_END - FIRST_END) * np.sqrt(1 - u)
    value, weight = [], []
    for end in ends:
        until = (end / BASELINE_DAYS) ** SHAPE
        s = np.exp(-until * np.exp(log_hazard.astype(np.float64)))
        weight.append(1 - (s.sum() ** 2 - (s**2).sum()) / (len(s) * (len(s) - 1)))
        value.append(survival_ceiling(log_hazard, None, until)["harrell_c"])
    return survival_ceiling(log_hazard, free) | {"harrell_c": float(np.average(value, weights=weight))}


def _source(outcome: str) -> Source:
    return simulated(
        "clinical records",
        "State: R. E. Kalman. A new approach to linear filtering and prediction problems. J Basic Eng 82, 35–45, 1960.",
        f"Outcome `{outcome}`. Demographic groups as in Table V of the paper, 300 : 200 : 150 : 100.",
        "Planted: prevalence differs by ethnicity; v01 reads 0.75 low with twice the noise in African American "
        "patients, who get the drug less often; Hispanic patients have fewer visits.",
        "Missing values and visits do not depend on the hidden state.",
    )
