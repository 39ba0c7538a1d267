"""What the device can do at most, measured in the same run: a matrix product, and a copy."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from benchmarks import measure

_SIDE, _NUMBERS = 2048, 1 << 26


def find(*, torch: bool) -> dict[str, float]:
    """Operations a second of a float32 matrix product, and bytes a second that a copy reads and writes."""
    a = jax.random.normal(jax.random.key(0), (_SIDE, _SIDE))
    multiply = jax.jit(lambda a: jnp.matmul(a, a))
    products: dict[str, Callable[[], object]] = {"ours": lambda: multiply(a).block_until_ready()}
    if torch:
        products["torch"] = _product_of_torch()
    product = measure.in_turns(products, rounds=5)
    copied = measure.in_turns({"copy": _copy()}, rounds=5)
    return {
        "product": 2 * _SIDE**3 / min(float(s.min()) for s in product.seconds.values()),
        "copy": 2 * 4 * _NUMBERS / float(copied.seconds["copy"].min()),
    }


def _copy() -> Callable[[], object]:
    """Reads and writes every number, in place: fresh memory would cost more than the copy."""
    add = jax.jit(lambda x: x + 1, donate_argnums=0)
    held = [jnp.zeros(_NUMBERS, jnp.float32)]

    def copy() -> None:
        held.append(add(held.pop()).block_until_ready())

    return copy


def _product_of_torch() -> Callable[[], object]:
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    a = torch.randn(_SIDE, _SIDE, device=device)

    def multiply() -> None:
        torch.matmul(a, a)
        if device == "cuda":
            torch.cuda.synchronize()

    return multiply
