"""What a network's outputs mean: the target, its loss, and the columns of Predictions that they become.

A head is fitted on training rows where it has something to fit (class weights, bin edges, baseline hazard), once a
split; arrays that depend on the split have a leading axis S.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from pmjax.cohort import Classify, Survive, Task
from pmjax.errors import UserError
from pmjax.train import losses
from pmjax.types import HostArray

Loss = Callable[
    [Float[Array, "B K"], Mapping[str, Any], Any, Mapping[str, Any]],
    losses.SumCount,
]


@dataclass(frozen=True)
class Head:
    """Attributes:
    outputs: width of the network's last layer.
    target: (N, …) arrays that the loss reads, by name.
    fitted: (S, …) arrays fitted on the training rows of each split.
    loss: (outputs, target, weight, fitted of the split) → (sum, count).
    columns: (outputs (N, K), split) → columns (N,) of Predictions.
    """

    outputs: int
    target: Mapping[str, HostArray]
    fitted: Mapping[str, HostArray]
    loss: Loss
    columns: Callable[[HostArray, int], dict[str, HostArray]]


def build_head(
    kind: str,
    task: Task,
    train: HostArray,
    *,
    class_weight: bool = False,
    bins: int = 10,
    horizons: tuple[float, ...] = (),
) -> Head:
    """Builds the head `kind` (classify, cox or hazard) for the training rows `train` (S, N) bool.

    Raises:
        UserError: the kind is unknown or does not fit the task.
    """
    if kind == "classify" and isinstance(task, Classify):
        return _classify(task, train, class_weight)
    if kind in ("cox", "hazard") and isinstance(task, Survive):
        if task.start is not None and horizons:
            raise UserError(
                "config.evaluate.horizons: survival at a horizon is undefined where covariates change; use ()"
            )
        if not isinstance(bins, int) or bins < 1:
            raise UserError(f"config.models: bins is {bins!r}; it must be a whole number of at least 1")
        return _cox(task, train, horizons) if kind == "cox" else _hazard(task, train, bins, horizons)
    raise UserError(
        f"config.models: head {kind!r} does not fit the task {task.name!r}; use "
        + ("classify" if isinstance(task, Classify) else "cox or hazard")
    )


def _classify(task: Classify, train: HostArray, balanced: bool) -> Head:
    k = len(task.classes)
    onehot = np.eye(k)[task.label]
    share = (train.astype(float) @ onehot) / train.sum(axis=1, keepdims=True)
    weight = 1 / (k * np.maximum(share, 1e-12)) if balanced else np.ones((len(train), k))

    def loss(outputs: Array, target: Mapping[str, Any], w: Array, fitted: Mapping[str, Any]) -> losses.SumCount:
        return losses.cross_entropy(outputs, target["label"], w * fitted["class_weight"][target["label"]])

    def columns(outputs: HostArray, split: int) -> dict[str, HostArray]:
        logits = outputs.astype(np.float64)
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        return {f"probability_{i}": p[:, i] for i in range(k)}

    fitted = {"class_weight": weight.astype(np.float32)}
    return Head(k, {"label": task.label}, fitted, loss, columns)


def _survival_target(task: Survive) -> dict[str, HostArray]:
    start = np.zeros_like(task.time) if task.start is None else task.start
    return {"start": start.astype(np.float32), "time": task.time.astype(np.float32), "event": task.event}


def _cox(task: Survive, train: HostArray, horizons: tuple[float, ...]) -> Head:
    def loss(outputs: Array, target: Mapping[str, Any], w: Array, fitted: Mapping[str, Any]) -> losses.SumCount:
        return losses.cox(outputs[:, 0], target["start"], target["time"], target["event"], w)

    def columns(outputs: HostArray, split: int) -> dict[str, HostArray]:
        return risk_columns(outputs[:, 0].astype(np.float64), task, train[split], horizons)

    return Head(1, _survival_target(task), {}, loss, columns)


def risk_columns(risk: HostArray, task: Survive, train: HostArray, horizons: tuple[float, ...]) -> dict[str, HostArray]:
    """Turns log-hazards (N,) into `risk` and `survival_<h>` by Breslow's baseline hazard of the training rows."""
    risk = risk - risk[train].mean()
    if not horizons:
        return {"risk": risk}
    time, event, relative = task.time[train], task.event[train], np.exp(risk[train])
    order = np.argsort(-time, kind="stable")
    at_risk = np.cumsum(relative[order])
    # Ties in time share the risk set of the last of them.
    last_of_tie = np.searchsorted(-time[order], -time[order], side="right") - 1
    hazard = event[order] / at_risk[last_of_tie]
    columns = {"risk": risk}
    for h in horizons:
        cumulative = hazard[time[order] <= h].sum()
        columns[f"survival_{h:g}"] = np.exp(-cumulative * np.exp(risk))
    return columns


def bin_edges(time: HostArray, event: HostArray, bins: int) -> HostArray:
    """Right edges (bins,) of time bins with about the same number of events; spare ones lie at infinity."""
    inner = np.quantile(time[event], np.arange(1, bins) / bins)
    edges = np.unique(np.append(inner, time.max()))
    return np.append(edges, np.full(bins - len(edges), np.inf)).astype(np.float32)


def life_table(task: Survive, rows: HostArray, edges: HostArray) -> HostArray:
    """Log-odds (bins,) of failing in each bin among `rows` at risk in it, half an event added for empty bins."""
    start = np.zeros_like(task.time) if task.start is None else task.start
    start, time, event = start[rows, None], task.time[rows, None], task.event[rows, None]
    left = np.append(0.0, edges[:-1])
    fails = event & (time > left) & (time <= edges)
    exposed = (start <= left) & ((time >= edges) | fails)
    odds = (fails.sum(axis=0) + 0.5) / (exposed.sum(axis=0) - fails.sum(axis=0) + 0.5)
    return np.log(odds).astype(np.float32)


def _hazard(task: Survive, train: HostArray, bins: int, horizons: tuple[float, ...]) -> Head:
    edges = np.stack([bin_edges(task.time[rows], task.event[rows], bins) for rows in train])
    # The network says how a patient departs from the life table; to learn the table itself would take it long.
    table = np.stack([life_table(task, rows, e) for rows, e in zip(train, edges, strict=True)])

    def loss(outputs: Array, target: Mapping[str, Any], w: Array, fitted: Mapping[str, Any]) -> losses.SumCount:
        find = partial(jnp.searchsorted, fitted["edges"])
        first = find(target["start"], side="right")
        holds_time = find(target["time"], side="left")
        event = target["event"] & (holds_time < bins)
        survived = find(target["time"], side="right") - 1
        last = jnp.where(event, holds_time, jnp.minimum(survived, bins - 1))
        return losses.logistic_hazard(outputs + fitted["table"][None], first, last, event, w)

    def columns(outputs: HostArray, split: int) -> dict[str, HostArray]:
        # The hazard is constant within a bin, so −log S is linear between edges.
        finite = np.isfinite(edges[split])
        logits = outputs.astype(np.float64) + table[split]
        cumulative = np.cumsum(np.logaddexp(0, logits), axis=1)[:, finite]
        knots = np.concatenate([[0.0], edges[split][finite]])
        values = np.concatenate([np.zeros((len(outputs), 1)), cumulative], axis=1)
        at = {f"survival_{h:g}": np.exp([-np.interp(h, knots, row) for row in values]) for h in horizons}
        # Mortality as survival forests sum it (Ishwaran et al., 2008): late, poorly known bins do not rule alone.
        return {"risk": np.log(cumulative.sum(axis=1)), **at}

    return Head(bins, _survival_target(task), {"edges": edges, "table": table}, loss, columns)
