"""A benchmark's case in PyTorch, from pmjax's initial weights and on its prepared rows."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import peer_torch as peer
from benchmarks.cases import CLIP, EPOCHS, WARMUP, WEIGHT_DECAY, Case
from benchmarks.peer_torch import Variant

COMPILED = ("cnn", "dnn")
"""Families that `torch.compile` takes; it leaves nn.RNN as it is."""


class Theirs:
    """What PyTorch needs of a case."""

    def __init__(self, case: Case, prepared: np.ndarray, labels: np.ndarray, params: Any = None) -> None:
        # As XLA does; the moments of a unit that died would otherwise slow Adam down.
        torch.set_flush_denormal(True)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.case, self.params = case, params
        self.values = peer.arrange(case.family, prepared).to(self.device)
        self.labels = torch.from_numpy(labels).to(self.device)

    def network(self) -> torch.nn.Module:
        """A network with the initial weights."""
        case = self.case
        return peer.build(case.family, case.shape, case.classes, case.keywords, self.params).to(self.device)

    def training(self, variant: Variant) -> peer.Training:
        """A training that has not begun."""
        case = self.case
        return peer.Training(
            self.network(),
            self.values,
            self.labels,
            rates=peer.warmup_cosine(case.learning_rate, EPOCHS * case.steps, WARMUP),
            weight_decay=WEIGHT_DECAY,
            clip=CLIP,
            variant=variant,
        )

    def asking(self, variants: Sequence[Variant], rows: np.ndarray) -> dict[str, Callable[[], np.ndarray]]:
        """By variant, a call that answers `rows` by the initial weights.

        What was compiled before is forgotten: `torch.compile` tries every shape it has seen at each call.
        """
        torch.compiler.reset()
        calls = {}
        for variant in variants:
            network = peer.Inference(self.network(), variant)
            calls[str(variant)] = partial(network, network.arrange(self.values[torch.from_numpy(rows)]))
        return calls

    def batches(self, rows: np.ndarray) -> list[Tensor]:
        """Row numbers (steps, B) as PyTorch reads them."""
        return list(torch.from_numpy(rows.astype(np.int64)).to(self.device))

    def training_variants(self) -> list[Variant]:
        """Ways to train that are tried. Compiling takes long, so of each family one size is compiled."""
        fused = Variant("fused")
        last = [replace(fused, channels_last=True)] if self.case.kind == "image" else []
        compiled = self.case.family in COMPILED and "-" not in self.case.name
        return [
            Variant("loop"),
            Variant("foreach"),
            fused,
            replace(fused, threads=1),
            *last,
            *(replace(v, compiled=True) for v in last or [fused] if compiled),
        ]

    def inference_variants(self) -> list[Variant]:
        """Ways to answer that are tried."""
        variants = [Variant(), Variant(threads=1)]
        last = [Variant(channels_last=True)] if self.case.kind == "image" else []
        compiled = [replace(v, compiled=True) for v in last or variants[:1] if self.case.family in COMPILED]
        return [*variants, *last, *compiled]
