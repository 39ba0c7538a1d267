"""Outcome: what the state of a patient leads to under each of two treatments, chosen by the look of the record.

Everything here is linear in the state, whose posterior is normal, so every truth is a closed form.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from pmjax.data.simulate.visits import CARRYING, MEAN_AGE, SD_AGE, Patient, carriers
from pmjax.types import Array, HostArray

ARMS = ("standard", "drug")
PREVALENCE = (0.0, 0.6, 0.3, -0.4)  # by ethnicity, added to the linear predictor
TREATED = (0.0, -0.8, 0.0, 0.0)  # by ethnicity, added to the log-odds of the drug
INTERCEPT, AGE, FEMALE = -0.4, 0.35, -0.2
STATE = (1.1, 0.9)
EFFECT, EFFECT_AGE, EFFECT_STATE = -0.5, 0.2, (-0.4, 0.0)  # the drug does more for the young and the ill
BASELINE_DAYS, SHAPE = 900.0, 1.2  # Weibull
FIRST_END, LAST_END = 365.0, 1095.0  # follow-up ends evenly between these: patients enter over two years


class Choice(NamedTuple):
    """What the treating physician saw and did: `severity`, the mean of each carrying variable's last recorded value."""

    severity: Float[Array, ""]
    propensity: Float[Array, ""]
    treated: Bool[Array, ""]


class Diagnosis(NamedTuple):
    """Whether the event came within the year, and its exact chance (A,) under each arm given the record."""

    ill: Bool[Array, ""]
    probability: Float[Array, " A"]


class FollowUp(NamedTuple):
    """Days to the event or the end of follow-up, and the true log-hazard (A,) under each arm."""

    time: Float[Array, ""]
    event: Bool[Array, ""]
    log_hazard: Float[Array, " A"]


def choose(key: Array, patient: Patient) -> Choice:
    """Draw the treatment at time zero: logistic in severity, age and ethnicity, all of them in the record."""
    last = patient.last[: carriers(len(patient.last))]
    known = ~jnp.isnan(last)
    severity = jnp.where(known, last, 0.0).sum() / jnp.maximum(known.sum(), 1)
    logit = -0.1 + 1.2 * severity + 0.3 * _age(patient) + jnp.asarray(TREATED)[patient.group]
    return Choice(severity, jax.nn.sigmoid(logit), jax.random.bernoulli(key, jax.nn.sigmoid(logit)))


def predictor(patient: Patient, state: Float[Array, " D"]) -> Float[Array, " A"]:
    """Compute the linear predictor under each arm, had the patient this state."""
    standard = INTERCEPT + jnp.asarray(PREVALENCE)[patient.group]
    standard = standard + AGE * _age(patient) + FEMALE * patient.static[1]
    drug = EFFECT + EFFECT_AGE * _age(patient)
    return jnp.stack([standard, standard + drug]) + _slopes() @ state[:CARRYING]


def diagnose(key: Array, patient: Patient, treated: Array) -> Diagnosis:
    """Draw a probit outcome of the hidden state; its chance given the record is Φ(E η / √(1 + Var η)).

    The arms share the noise, so who gains from the drug is one and the same person in both worlds.
    """
    slopes = _slopes()
    variance = jnp.einsum("ad,de,ae->a", slopes, patient.cov[:CARRYING, :CARRYING], slopes)
    probability = jax.scipy.stats.norm.cdf(predictor(patient, patient.mean) / jnp.sqrt(1 + variance))
    event = predictor(patient, patient.state) + jax.random.normal(key) > 0
    return Diagnosis(event[treated.astype(int)], probability)


def follow(key: Array, patient: Patient, treated: Array) -> FollowUp:
    """Draw a Weibull time whose log-hazard is linear in the posterior mean of the state.

    In the mean, not in the state: averaging over a hidden state would bend the hazards out of proportion, and the
    log-hazard given the record would be nobody's closed form. The record thus holds all there is to know, but only a
    filter of the whole history reads it.
    """
    life, end = jax.random.split(key)
    log_hazard = predictor(patient, patient.mean)
    hazard = jnp.exp(log_hazard[treated.astype(int)])
    days = BASELINE_DAYS * (jax.random.exponential(life) / hazard) ** (1 / SHAPE)
    days = jnp.maximum(days, 1e-3)  # an event at 0 would be no follow-up at all
    last = jax.random.uniform(end, minval=FIRST_END, maxval=LAST_END)
    return FollowUp(jnp.minimum(days, last), days <= last, log_hazard)


def survival(log_hazard: HostArray, day: float) -> HostArray:
    """Compute the chance to be event-free at `day`."""
    return np.exp(-((day / BASELINE_DAYS) ** SHAPE) * np.exp(log_hazard))


def _slopes() -> Array:
    return jnp.stack([jnp.asarray(STATE), jnp.asarray(STATE) + jnp.asarray(EFFECT_STATE)])


def _age(patient: Patient) -> Array:
    return (patient.static[0] - MEAN_AGE) / SD_AGE
