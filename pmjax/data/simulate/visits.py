"""Visits: patients whose hidden state drifts between irregular visits, and what was recorded at each."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from pmjax.data.simulate.kalman import filter_state
from pmjax.types import Array

ETHNICITIES = ("Caucasian", "African American", "Hispanic", "Asian")
SHARES = (0.4, 0.8 / 3, 0.2, 0.4 / 3)  # 300 : 200 : 150 : 100, the paper's Table V
BIASED_GROUP = 1  # the group in which the first variable reads low, and with twice the noise
BIAS, BIAS_NOISE = -0.75, 2.0
ACCESS = (1.0, 1.0, 1.8, 1.0)  # a larger power leaves a group with fewer visits
DAYS = np.array([30.0, 120.0, 15.0, 365.0])  # time constants of the states; the outcome hangs on the first CARRYING
CARRYING = 2
MEAN_GAP = 20.0
MEAN_AGE, SD_AGE = 60.0, 12.0
STATIC = ("age", "female", *ETHNICITIES)


class Measurement(NamedTuple):
    """How F variables show D states, by group G; `noise` is a variance, `rate` how often a visit records."""

    loading: Float[Array, "F D"]
    bias: Float[Array, "G F"]
    noise: Float[Array, "G F"]
    rate: Float[Array, " F"]


class Patient(NamedTuple):
    """One patient at time zero, the last visit: what was recorded, and what only the simulator knows.

    `values` (T, F) is NaN where not recorded and past the last visit, `real` (T,) is True at visits; `day` and `gap`
    (T,) count days since the first visit and since the one before; `static` follows `STATIC`, `last` and `average` (F,)
    are NaN for what was never recorded. `state` (D,) is the hidden truth, `mean` (D,) and `cov` (D, D) its exact
    posterior given the record.
    """

    values: Float[Array, "T F"]
    real: Bool[Array, " T"]
    day: Float[Array, " T"]
    gap: Float[Array, " T"]
    static: Float[Array, " S"]
    group: Int[Array, ""]
    last: Float[Array, " F"]
    average: Float[Array, " F"]
    state: Float[Array, " D"]
    mean: Float[Array, " D"]
    cov: Float[Array, "D D"]


def carriers(variables: int) -> int:
    """Count the variables that show the states on which the outcome hangs: the first half."""
    return variables // 2


def measurement(key: Array, variables: int) -> Measurement:
    """Draw how the population's variables show its states: the first half the carrying ones, all of them the others."""
    others, carried = jax.random.split(key)
    planted = np.arange(carriers(variables))
    loading = jnp.zeros((variables, len(DAYS)))
    loading = loading.at[planted, planted % CARRYING].set(jax.random.uniform(carried, planted.shape, minval=0.5))
    hidden = jax.random.uniform(others, (variables, len(DAYS) - CARRYING), minval=-0.6, maxval=0.6)
    group = np.arange(len(SHARES))[:, None]
    biased = (group == BIASED_GROUP) & (np.arange(variables) == 0)
    rate = np.concatenate([np.linspace(0.9, 0.3, n) for n in (len(planted), variables - len(planted))])
    return Measurement(
        loading.at[:, CARRYING:].set(hidden),
        jnp.where(biased, BIAS, 0.0),
        jnp.where(biased, BIAS_NOISE**2, 1.0),
        jnp.asarray(rate, jnp.float32),
    )


def draw_patient(key: Array, visits: int, how: Measurement) -> Patient:
    """Draw one patient with 1 to `visits` visits; fewer in a group with less access."""
    person, count, gaps, drift, errors, records = jax.random.split(key, 6)
    group, static = _person(person)
    share = jax.random.uniform(count) ** jnp.asarray(ACCESS)[group]
    real = jnp.arange(visits) < 1 + jnp.floor(visits * share)
    gap = jnp.where(real, MEAN_GAP * jax.random.exponential(gaps, (visits,)), 0.0).at[0].set(0.0)
    state = _drift(drift, gap)
    variables = len(how.rate)
    noise, bias = how.noise[group], how.bias[group]
    error = jnp.sqrt(noise)[None] * jax.random.normal(errors, (visits, variables))
    seen = real[:, None] & (jax.random.uniform(records, (visits, variables)) < how.rate[None])
    values = jnp.where(seen, state @ how.loading.T + bias[None] + error, jnp.nan)
    mean, cov = filter_state(values - bias[None], seen, gap, how.loading, noise, jnp.asarray(DAYS))
    return Patient(
        values=values,
        real=real,
        day=jnp.where(real, jnp.cumsum(gap), 0.0),
        gap=gap,
        static=static,
        group=group,
        last=_last(values, seen),
        average=jnp.nanmean(values, axis=0),
        state=state[-1],
        mean=mean,
        cov=cov,
    )


def _person(key: Array) -> tuple[Array, Array]:
    """Draw (group, static)."""
    ethnicity, years, sex = jax.random.split(key, 3)
    group = jax.random.categorical(ethnicity, jnp.log(jnp.asarray(SHARES)))
    age = jnp.clip(jnp.round(MEAN_AGE + SD_AGE * jax.random.normal(years)), 18, 95)
    female = jax.random.bernoulli(sex).astype(age.dtype)
    return group, jnp.concatenate([jnp.stack([age, female]), jax.nn.one_hot(group, len(SHARES))])


def _drift(key: Array, gap: Array) -> Array:
    """Draw the states (T, D) at visits `gap` days apart; past the last visit, gap 0, they stay where they are."""

    def step(state: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        since, shock = now
        decay = jnp.exp(-since / jnp.asarray(DAYS))
        state = decay * state + jnp.sqrt(1 - decay**2) * shock
        return state, state

    since = gap.at[0].set(jnp.inf)  # an endless gap leaves the stationary law
    shocks = jax.random.normal(key, (len(gap), len(DAYS)))
    return jax.lax.scan(step, jnp.zeros(len(DAYS)), (since, shocks))[1]


def _last(values: Array, seen: Array) -> Array:
    """Take each variable's last recorded value (F,), NaN where there is none."""
    at = jnp.max(jnp.where(seen, jnp.arange(len(seen))[:, None], 0), axis=0)
    return jnp.take_along_axis(values, at[None], axis=0)[0]
