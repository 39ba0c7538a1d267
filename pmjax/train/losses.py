"""Losses over a batch: weighted by a 0/1 mask (or class weights), float32, finite when everything is masked.

Each returns (sum, count), so that batches and devices merge by adding both: a mean of means is wrong where parts
are padded, and a Cox loss is not a sum over patients at all (see `cox`).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

SumCount = tuple[Float[Array, ""], Float[Array, ""]]


def mean(sum_and_count: SumCount) -> Float[Array, ""]:
    """Divides, and gives 0 where nothing was counted."""
    total, count = sum_and_count
    return total / jnp.where(count > 0, count, 1)


def cross_entropy(logits: Float[Array, "B K"], label: Int[Array, " B"], weight: Float[Array, " B"]) -> SumCount:
    """L = −Σ_i y_i log ŷ_i over K classes, ŷ = softmax(logits) (paper, equation 9)."""
    log_p = jax.nn.log_softmax(logits.astype(jnp.float32))
    picked = jnp.take_along_axis(log_p, label[:, None], axis=1)[:, 0]
    return -jnp.sum(jnp.where(weight > 0, picked * weight, 0)), jnp.sum(weight)


def cox(
    risk: Float[Array, " B"],
    start: Float[Array, " B"],
    time: Float[Array, " B"],
    event: Bool[Array, " B"],
    weight: Float[Array, " B"],
) -> SumCount:
    """Negative log partial likelihood with Efron's ties (Efron, JASA 1977), and its number of events.

    Row j is at risk at t where start_j < t ≤ time_j. At a time with d events the l-th (l = 0 … d−1) sees the risk
    set less l/d of the tied events. Rows of weight 0 are absent; the weight has no other meaning here. The terms are
    pairs of rows (B²), each row's sum stabilised by its own maximum: exact in float32 for any spread of risks.
    The likelihood couples all rows, so callers gather the batch before they call.
    """
    risk = risk.astype(jnp.float32)
    real = weight > 0
    fails = event & real
    tied = fails[:, None] & fails[None, :] & (time[:, None] == time[None, :])
    earlier = jnp.tril(tied, -1).sum(axis=1)
    fraction = earlier / jnp.maximum(tied.sum(axis=1), 1)
    at_risk = real[None, :] & (start[None, :] < time[:, None]) & (time[:, None] <= time[None, :])
    share = at_risk - fraction[:, None] * tied
    # A row that does not fail contributes nothing; it sees only itself, so that its gradient is 0 and not NaN.
    share = jnp.where(fails[:, None], share, jnp.eye(len(risk), dtype=share.dtype))
    denominator = jax.nn.logsumexp(jnp.broadcast_to(risk[None, :], share.shape), axis=1, b=share)
    return jnp.sum(jnp.where(fails, denominator - risk, 0)), jnp.sum(fails, dtype=jnp.float32)


def logistic_hazard(
    logits: Float[Array, "B K"],
    first: Int[Array, " B"],
    last: Int[Array, " B"],
    event: Bool[Array, " B"],
    weight: Float[Array, " B"],
) -> SumCount:
    """Negative log-likelihood of discrete-time hazards h_k = σ(logit_k) (Gensheimer & Narasimhan, PeerJ 2019).

    A row is at risk in bins first … last and fails in `last` where `event`; a bin in which it was censored does
    not count, so a row with last < first counts nothing. Divided by rows, not by bins.
    """
    logits = logits.astype(jnp.float32)
    k = jnp.arange(logits.shape[1])[None, :]
    exposed = (k >= first[:, None]) & (k <= last[:, None])
    fails = (k == last[:, None]) & event[:, None]
    per_bin = jax.nn.softplus(logits) - fails * logits
    per_row = jnp.sum(jnp.where(exposed, per_bin, 0), axis=1)
    return jnp.sum(jnp.where(weight > 0, per_row * weight, 0)), jnp.sum(weight)
