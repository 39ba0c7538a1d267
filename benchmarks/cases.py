"""The models that are timed, at three sizes each, with data that they can learn: the same for every peer."""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

WEIGHT_DECAY, CLIP, WARMUP, EPOCHS = 1e-2, 1.0, 0.02, 60

_WRONG = 0.05
"""Share of labels that are wrong, so that no loss falls to zero and no gradient vanishes while being timed."""


@dataclass(frozen=True)
class Case:
    """A model, and the data that it learns.

    Attributes:
        family, keywords: as `pmjax.models.build` takes them.
        kind: of the modality.
        shape: of one row, channels last.
        classes: of the label.
        batch, steps: rows of a batch, and batches of an epoch.
        learning_rate: at its peak.
        goal: the validation loss that both are timed to.
        signal: how far the classes are apart.
    """

    name: str
    family: str
    kind: str
    shape: tuple[int, ...]
    classes: int
    batch: int
    steps: int
    goal: float
    signal: float
    learning_rate: float
    keywords: Mapping[str, Any]

    @property
    def train(self) -> int:
        """Training rows: every batch is full."""
        return self.batch * self.steps

    @property
    def held_out(self) -> int:
        """Rows to validate, and as many to test."""
        return max(128, self.train // 8)

    @property
    def rows(self) -> int:
        """All rows: first those that train, then those that validate, then those that test."""
        return self.train + 2 * self.held_out


@dataclass(frozen=True)
class Data:
    """Rows of a case: values (N, …) and labels (N,)."""

    values: np.ndarray
    labels: np.ndarray


def _dna(name: str, rate: float, length: int, batch: int, steps: int, family: str = "cnn", **keywords: Any) -> Case:
    return Case(name, family, "sequence", (length, 4), 2, batch, steps, 0.4, 0.1, rate, keywords)


def _image(
    name: str, rate: float, side: int, channels: int, batch: int, steps: int, goal: float, **keywords: Any
) -> Case:
    return Case(name, "cnn", "image", (side, side, channels), 4, batch, steps, goal, 0.8, rate, keywords)


def _series(name: str, rate: float, length: int, features: int, batch: int, steps: int, hidden: int) -> Case:
    return Case(name, "rnn", "series", (length, features), 4, batch, steps, 0.5, 2.0, rate, {"hidden": hidden})


def _table(
    name: str, rate: float, features: int, classes: int, batch: int, steps: int, hidden: tuple[int, ...], goal: float
) -> Case:
    return Case(name, "dnn", "table", (features,), classes, batch, steps, goal, 6.0, rate, {"hidden": hidden})


CASES = {
    case.name: case
    for case in (
        _table("dnn-small", 3e-4, 30, 2, 32, 256, (64, 64), 0.2),
        _table("dnn", 3e-4, 128, 10, 256, 32, (256, 256), 0.5),
        _table("dnn-large", 1e-4, 784, 10, 256, 12, (1024, 1024), 0.6),
        _dna("cnn1d-small", 3e-3, 200, 32, 32, features=(32,), kernel_size=9, pool=4, hidden=32),
        _dna("cnn1d", 3e-4, 500, 64, 8, features=(64, 128), kernel_size=11, pool=4, hidden=128),
        _dna("cnn1d-large", 3e-4, 1000, 64, 4, features=(128, 128), kernel_size=11, pool=4, hidden=128),
        _image("cnn2d-small", 1e-3, 16, 1, 32, 32, 0.4, features=(16, 32), kernel_size=3, pool=2, hidden=32),
        _image("cnn2d", 1e-3, 32, 3, 64, 8, 0.5, features=(32, 64), kernel_size=3, pool=2, hidden=64),
        _image("cnn2d-large", 3e-4, 64, 3, 32, 6, 1.0, features=(32, 64, 128), kernel_size=3, pool=2, hidden=128),
        _series("rnn-small", 1e-3, 48, 16, 64, 32, 64),
        _series("rnn", 1e-3, 128, 32, 128, 8, 128),
        _series("rnn-large", 1e-3, 256, 64, 256, 2, 256),
        _dna("hybrid-small", 1e-3, 200, 32, 16, "hybrid", features=(32,), kernel_size=9, pool=4, hidden=32),
        _dna("hybrid", 5e-4, 500, 64, 8, "hybrid", features=(64,), kernel_size=19, pool=4, hidden=128),
        _dna("hybrid-large", 3e-4, 1000, 64, 4, "hybrid", features=(128,), kernel_size=19, pool=4, hidden=256),
    )
}
"""By name. `dnn-small` to `rnn-large`, `cnn1d`, `cnn2d` and `hybrid` are the shapes of earlier measurements."""


def make_data(case: Case, seed: int = 0) -> Data:
    """Draws the rows of a case, with a signal in them that its family can find."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(case.classes, size=case.rows)
    values = _SIGNALS[case.kind](case, labels, rng)
    wrong = rng.random(case.rows) < _WRONG
    return Data(values, np.where(wrong, rng.integers(case.classes, size=case.rows), labels))


def _centres(case: Case, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Tables and series: each class around its own centre, at about `signal` sd from the others."""
    centres = rng.normal(size=(case.classes, case.shape[-1])) * case.signal / math.sqrt(2 * case.shape[-1])
    between = (1,) * (len(case.shape) - 1)
    noise = rng.standard_normal((len(labels), *case.shape), np.float32)
    return noise + centres[labels].reshape(len(labels), *between, -1).astype(np.float32)


def _motifs(case: Case, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Sequences: class 1 holds a motif of eight bases, `signal` copies a base, at random places."""
    length = case.shape[0]
    letters = rng.integers(4, size=(len(labels), length))
    motif = rng.integers(4, size=8)
    copies = max(1, round(case.signal * length))
    for row in np.flatnonzero(labels):
        starts = rng.integers(length - len(motif), size=copies)
        letters[row, starts[:, None] + np.arange(len(motif))] = motif
    return np.eye(4, dtype=np.uint8)[letters]


def _gratings(case: Case, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Images: stripes of one direction a class, at a random phase, of height `signal` in noise of 1."""
    side = np.arange(case.shape[0], dtype=np.float32)
    angle = np.pi * labels / case.classes
    along = np.cos(angle)[:, None, None] * side[:, None] + np.sin(angle)[:, None, None] * side
    stripes = case.signal * np.sin(1.5 * along + rng.uniform(0, 2 * np.pi, (len(labels), 1, 1)))
    return rng.standard_normal((len(labels), *case.shape), np.float32) + stripes[..., None].astype(np.float32)


_SIGNALS: dict[str, Callable[[Case, np.ndarray, np.random.Generator], np.ndarray]] = {
    "table": _centres,
    "series": _centres,
    "sequence": _motifs,
    "image": _gratings,
}


def macs(case: Case) -> list[int]:
    """Multiplications (each with its addition) of one row's way forward, layer by layer."""
    layers, spatial, channels = [], case.shape[:-1], case.shape[-1]
    for features in case.keywords.get("features", ()):
        kernel = case.keywords["kernel_size"] ** len(spatial)
        layers.append(math.prod(spatial) * kernel * channels * features)
        spatial, channels = tuple(math.ceil(s / case.keywords["pool"]) for s in spatial), features
    hidden = case.keywords["hidden"]
    if case.family in ("rnn", "hybrid"):
        width = math.prod(spatial[1:]) * channels
        layers += [spatial[0] * width * hidden, spatial[0] * hidden * hidden, hidden * case.classes]
    else:
        widths = [channels, *(hidden if case.family == "dnn" else (hidden,)), case.classes]
        layers += [a * b for a, b in itertools.pairwise(widths)]
    return layers


def train_flops(case: Case) -> int:
    """Operations that one training step cannot do without: forward, both gradients, but none of the inputs."""
    first, *rest = macs(case)
    return 2 * case.batch * (2 * first + 3 * sum(rest))


def timed_steps(case: Case) -> int:
    """Steps of a training turn: the epoch, or what takes a part of a second; two at least, so that it is a loop."""
    return min(case.steps, max(2, 20_000_000_000 // train_flops(case)))


def forward_flops(case: Case) -> int:
    """Operations of one row's answer."""
    return 2 * sum(macs(case))
