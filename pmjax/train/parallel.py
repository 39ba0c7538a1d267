"""Where the runs go: one device, a mesh of runs × data, or pmap over the data. The same numbers from each."""

import math
from collections.abc import Callable
from typing import Any, Literal, get_args

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from pmjax.errors import UserError

Parallel = Literal["jit", "pmap", "sharded"]


def choose(requested: str) -> Parallel:
    """Returns the way to go: several processes need `sharded`, which `jit` becomes there.

    Raises:
        UserError: the name is unknown, or pmap is asked for in several processes.
    """
    if requested not in get_args(Parallel):
        raise UserError(f"config.train.parallel: {requested!r} is unknown; use one of {', '.join(get_args(Parallel))}")
    if jax.process_count() == 1:
        return requested  # type: ignore[return-value]
    if requested == "pmap":
        raise UserError("config.train.parallel: pmap runs in one process only; use sharded for several")
    return "sharded"


def make_mesh(runs: int) -> Mesh:
    """Makes the mesh ("run", "data") over all devices: as many for runs as divide them and are at most `runs`."""
    devices = jax.devices()
    along_runs = max(d for d in range(1, len(devices) + 1) if len(devices) % d == 0 and d <= runs)
    shape = (along_runs, len(devices) // along_runs)
    # Explicit axes, the default of newer versions, would ask every operation for its sharding.
    return jax.make_mesh(shape, ("run", "data"), axis_types=(AxisType.Auto, AxisType.Auto))


def batch_multiple(parallel: Parallel, runs: int) -> int:
    """Returns what the width of a batch must be a multiple of."""
    if parallel == "sharded":
        return make_mesh(runs).shape["data"]
    return len(jax.local_devices()) if parallel == "pmap" else 1


def run_multiple(parallel: Parallel, runs: int) -> int:
    """Returns what the number of runs in one program must be a multiple of."""
    return make_mesh(runs).shape["run"] if parallel == "sharded" else 1


class Placement:
    """Puts host arrays where a program expects them, and brings results back."""

    def __init__(self, parallel: Parallel, runs: int) -> None:
        self.parallel = parallel
        self.mesh = make_mesh(runs) if parallel == "sharded" else None

    def _put(self, tree: Any, *axes: str | None) -> Any:
        if self.mesh is None:
            return jax.device_put(tree)
        sharding = NamedSharding(self.mesh, PartitionSpec(*axes))
        return jax.tree.map(
            lambda x: jax.make_array_from_callback(np.shape(x), sharding, np.asarray(x).__getitem__), tree
        )

    def everywhere(self, tree: Any) -> Any:
        """Places what all runs share."""
        return self._put(tree)

    def runs(self, tree: Any) -> Any:
        """Places arrays with a leading axis R."""
        return self._put(tree, "run")

    def tables(self, tree: Any) -> Any:
        """Places index tables (R, steps, B); under pmap B is split into a leading axis of devices."""
        if self.parallel == "pmap":
            devices = len(jax.local_devices())
            return jax.tree.map(lambda x: np.stack(np.split(np.asarray(x), devices, axis=-1)), tree)
        return self._put(tree, "run", None, "data")

    def fetch(self, tree: Any) -> Any:
        """Returns host copies, complete in every process."""
        if jax.process_count() > 1:
            return multihost_utils.process_allgather(tree, tiled=True)
        return jax.device_get(tree)

    def compile(self, many: Callable[..., Any], *, once: bool = False) -> Callable[..., Any]:
        """Compiles a function whose results have a leading axis R; what runs `once` is compiled with less care.

        Random initial parameters took longer to optimise than a whole epoch (5.4 s against 1.7 s on a busy machine).
        """
        # Of a CPU alone: it was measured there, and not every backend knows the option.
        options = {"xla_backend_optimization_level": 1} if once and jax.default_backend() == "cpu" else {}
        if self.mesh is None:
            return jax.jit(many, compiler_options=options)
        return jax.jit(many, out_shardings=NamedSharding(self.mesh, PartitionSpec("run")), compiler_options=options)

    def compile_outputs(self, forward: Callable[..., Any]) -> Callable[..., Any]:
        """Compiles `forward`, the outputs of one run for shared rows, for R runs; a CPU takes them one after the other.

        Each then has the convolutions of `models.blocks` for answers, and what it holds in between is held once: 100
        runs of a CNN of DNA, a study, took 6.6 s and 1,675 MiB side by side, and take 5.4 s and 630 MiB.
        """
        return self.compile(self._in_turn(forward, 2))

    def compile_epoch(
        self, make: Callable[[str | None], Callable[..., Any]], *, alone: bool = False
    ) -> Callable[..., Any]:
        """Compiles `make(axis)`, an epoch of one run, for R runs; the state given in is donated.

        `make` takes the name of the mapped axis, or None where the batch is whole. With `alone`, a CPU takes the runs
        of the one program one after the other, so that each has the cache to itself.
        """
        in_axes = (0, 0, 0, 0, None)
        if self.parallel == "pmap":
            many = jax.vmap(make("data"), in_axes)
            return jax.pmap(many, "data", in_axes=(None, 0, 0, None, None), out_axes=None, donate_argnums=(0,))
        many = self._in_turn(make(None), 4) if alone else jax.vmap(make(None), in_axes)
        if self.mesh is None:
            return jax.jit(many, donate_argnums=(0,))
        by_run = NamedSharding(self.mesh, PartitionSpec("run"))
        return jax.jit(many, donate_argnums=(0,), out_shardings=by_run)

    def _in_turn(self, one: Callable[..., Any], own: int) -> Callable[..., Any]:
        """Maps `one` over the runs in its first `own` arguments: on a CPU in turn, elsewhere side by side."""
        if self.mesh is not None or jax.default_backend() != "cpu":
            return lambda *arguments: jax.vmap(one, [0 if i < own else None for i in range(len(arguments))])(*arguments)
        return lambda *arguments: jax.lax.map(lambda run: one(*run, *arguments[own:]), arguments[:own])


def agreed(number: int) -> int:
    """Returns the largest `number` of all processes, the same in each: they save and stop at the same epoch."""
    if jax.process_count() == 1:
        return number
    return int(np.max(multihost_utils.process_allgather(np.int32(number))))


def padded(count: int, multiple: int) -> int:
    """Returns the least multiple of `multiple` that is at least `count`."""
    return math.ceil(count / multiple) * multiple
