"""Forward filling of series: the last value seen, and how long ago that was. Causal, in NumPy or JAX alike."""

from typing import Any


def carry_forward(values: Any, mask: Any = None, clock: Any = None) -> tuple[Any, Any]:
    """Carry the last seen value of each feature forward; a step knows nothing of later steps.

    Args:
        values: (…, T, F), NaN where missing.
        mask: (…, T) bool, False where a step is padding, which is never seen.
        clock: index of the feature that tells the time; None counts real steps.

    Returns:
        Values (…, T, F), NaN where nothing was seen yet, and the time since last seen (…, T, F): 0 where seen now,
        and the time since the first real step where never seen. A step without a time has that of the step before.
    """
    xp = values.__array_namespace__()
    real = xp.ones(values.shape[:-1], dtype=bool) if mask is None else mask
    steps = xp.reshape(xp.arange(values.shape[-2]), (1,) * (values.ndim - 2) + (-1, 1))
    seen = ~xp.isnan(values) & xp.expand_dims(real, -1)
    last = _running_max(xp, xp.where(seen, steps, -1))
    filled = xp.where(last >= 0, xp.take_along_axis(values, xp.maximum(last, 0), axis=-2), xp.nan)
    if clock is None:
        time = xp.astype(xp.cumsum(xp.astype(real, xp.int32), axis=-1), values.dtype)
    else:
        time = filled[..., clock]
        time = xp.where(xp.isnan(time), xp.zeros_like(time), time)
    time = xp.broadcast_to(xp.expand_dims(time, -1), values.shape)
    first = xp.expand_dims(xp.argmax(real, axis=-1), (-2, -1))
    return filled, time - xp.take_along_axis(time, xp.where(last >= 0, last, first), axis=-2)


def _running_max(xp: Any, index: Any) -> Any:
    """Largest index so far along the steps, in log2(T) doublings rather than T steps."""
    step = 1
    while step < index.shape[-2]:
        before = xp.full_like(index[..., :step, :], -1)
        index = xp.maximum(index, xp.concat([before, index[..., :-step, :]], axis=-2))
        step *= 2
    return index
