"""Numbers as a table shows them."""


def seconds(value: float) -> str:
    """A duration with its unit, three digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e9:.0f} ns"


def ratio(triple: tuple[float, float, float]) -> str:
    """A ratio with its quartiles."""
    middle, low, high = triple
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


def count(value: float) -> str:
    """A large number, three digits."""
    for letter, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"


def size(value: float) -> str:
    """Bytes in MiB."""
    return f"{value / 2**20:.0f} MiB"
