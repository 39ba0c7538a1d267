"""One epoch of one run as a pure function of arrays: steps, then validation, then early stopping."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from pmjax.prepare.augment import Augment, mixup
from pmjax.train import losses
from pmjax.train.heads import Loss
from pmjax.train.inputs import Input, take
from pmjax.train.optim import Setting
from pmjax.train.state import State, select
from pmjax.types import AnyArray


class Data(NamedTuple):
    """The cohort as all runs see it: raw inputs by modality and targets, N rows each."""

    inputs: Mapping[str, Input]
    target: Mapping[str, AnyArray]


class Run(NamedTuple):
    """What makes a run itself; under `vmap` every leaf has a leading axis R."""

    key: Array
    setting: Setting
    transform: Mapping[str, Mapping[str, AnyArray]]
    head: Mapping[str, AnyArray]


class Table(NamedTuple):
    """Rows of each step and their weight: 1, or 0 where the row only fills the batch."""

    rows: Int[AnyArray, "*R steps B"]
    weight: Float[AnyArray, "*R steps B"]


class Recipe(NamedTuple):
    """The functions and constants that all runs share.

    Attributes:
        apply: (params, values, mask, train=…, rngs=…) → outputs (B, K).
        prepare: (fitted, inputs) → values and mask, imputed and scaled, as the network takes them.
        augment: (key, values, mask) → values and mask of a training batch, or None.
        mixup: α of the Beta distribution by which rows and losses are blended in training; 0 blends none.
        loss: of the head.
        optimizer: a run's setting → its transformation.
        learning_rate: (setting, step) → rate, for the log.
        patience: epochs without a better validation loss before a run stops.
    """

    apply: Callable[..., Any]
    prepare: Callable[..., tuple[Any, Any]]
    augment: Augment | None
    mixup: float
    loss: Loss
    optimizer: Callable[[Setting], optax.GradientTransformation]
    learning_rate: Callable[[Setting, Array], Array]
    patience: int


Metrics = dict[str, Array]


def make_forward(recipe: Recipe) -> Callable[..., Array]:
    """Makes `(params, run, data, rows) → outputs`, without anything random."""

    def forward(params: Any, run: Run, data: Data, rows: Array) -> Array:
        return recipe.apply(params, *recipe.prepare(run.transform, take(data.inputs, rows)), train=False)

    return forward


def make_blended(recipe: Recipe) -> Callable[..., tuple[Array, list[tuple[Array, Array]]]]:
    """Makes `(params, run, data, rows, key) → outputs, [(rows, share)]`: augmentation, mixup and dropout are on.

    The list holds the rows whose targets each output is to meet, and the share of the loss that is theirs.
    """

    def blended(params: Any, run: Run, data: Data, rows: Array, key: Array) -> tuple[Array, list[tuple[Array, Array]]]:
        values, mask = recipe.prepare(run.transform, take(data.inputs, rows))
        targets = [(rows, jnp.ones(len(rows)))]
        if recipe.augment is not None:
            values, mask = recipe.augment(jax.random.fold_in(key, 1), values, mask)
        if recipe.mixup > 0:
            values, partner, share = mixup(jax.random.fold_in(key, 2), values, alpha=recipe.mixup)
            targets = [(rows, share), (rows[partner], 1 - share)]
        return recipe.apply(params, values, mask, train=True, rngs={"dropout": key}), targets

    return blended


def make_epoch(recipe: Recipe, axis: str | None = None) -> Callable[..., tuple[State, Metrics]]:
    """Makes `(state, train table, validation table, run, data) → (state, metrics)` for one run.

    With `axis` (the mapped axis of pmap, batches split over it) each device runs the network on its rows; outputs,
    targets and weights are gathered before the loss, since a Cox loss is not a sum over patients, and gradients
    averaged after it: the same numbers as on one device, but for dropout, which each device draws for its rows.
    """
    forward, blended = make_forward(recipe), make_blended(recipe)
    gather = (lambda x: x) if axis is None else partial(jax.lax.all_gather, axis_name=axis, tiled=True)

    def sum_and_count(params: Any, run: Run, data: Data, table: Table, key: Array | None) -> losses.SumCount:
        if key is None:
            outputs, targets = forward(params, run, data, table.rows), [(table.rows, table.weight)]
        else:
            outputs, blends = blended(params, run, data, table.rows, key)
            targets = [(rows, table.weight * share) for rows, share in blends]
        total, count = jnp.float32(0), jnp.float32(0)
        for rows, weight in targets:
            target: Mapping[str, Any] = {k: v[rows] for k, v in data.target.items()}
            outputs_of_all, target, weight = jax.tree.map(gather, (outputs, target, weight))
            part = recipe.loss(outputs_of_all, target, weight, run.head)
            total, count = total + part[0], count + part[1]
        return total, count

    def train_step(state: State, table: Table, run: Run, data: Data) -> tuple[State, tuple[Array, Array]]:
        key = jax.random.fold_in(run.key, state.step)
        if axis is not None:
            # Devices must not drop the same units of their rows.
            key = jax.random.fold_in(key, jax.lax.axis_index(axis))
        loss, grads = jax.value_and_grad(lambda p: losses.mean(sum_and_count(p, run, data, table, key)))(state.params)
        if axis is not None:
            grads = jax.lax.pmean(grads, axis)
        updates, opt_state = recipe.optimizer(run.setting).update(grads, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        return state._replace(step=state.step + 1, params=params, opt_state=opt_state), (loss, optax.tree.norm(grads))

    def validate(params: Any, table: Table, run: Run, data: Data) -> Array:
        parts = jax.lax.map(lambda t: sum_and_count(params, run, data, t, None), table)
        return losses.mean((parts[0].sum(), parts[1].sum()))

    def epoch(state: State, train: Table, validation: Table, run: Run, data: Data) -> tuple[State, Metrics]:
        new, (loss, norm) = jax.lax.scan(lambda s, t: train_step(s, t, run, data), state, train)
        validation_loss = validate(new.params, validation, run, data)
        finite = jnp.isfinite(loss) & jnp.isfinite(norm)
        finite = finite.at[-1].set(finite[-1] & jnp.isfinite(validation_loss))
        metrics = {
            "loss": loss.mean(),
            "validation_loss": validation_loss,
            "gradient_norm": norm.mean(),
            "learning_rate": recipe.learning_rate(run.setting, new.step - 1),
            "active": state.active,
        }
        return _keep_best(state, new, finite, validation_loss, recipe.patience, len(loss)), metrics

    return epoch


def _keep_best(old: State, new: State, finite: Array, loss: Array, patience: int, steps: int) -> State:
    """Moves an active run on, remembers its best epoch, and stops it when it fails or no longer gets better."""
    epoch = new.step // steps
    better = loss < old.best_loss
    new = new._replace(
        best_params=select(better, new.params, old.best_params),
        best_loss=jnp.where(better, loss, old.best_loss),
        best_epoch=jnp.where(better, epoch, old.best_epoch),
    )
    new = new._replace(active=epoch - new.best_epoch < patience)
    failed = old._replace(active=jnp.bool_(False), failed_step=old.step + jnp.argmin(finite))
    return select(old.active, select(finite.all(), new, failed), old)
