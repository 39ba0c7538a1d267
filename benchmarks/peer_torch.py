"""The models and the training of pmjax in PyTorch, each way that PyTorch users speed theirs up.

The same arithmetic, so that the losses of both are equal step by step. Knows neither JAX nor pmjax: a process that
runs this alone shows what PyTorch takes.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

CONVOLUTIONAL = ("cnn", "hybrid")
_FROZEN = {"freezing": True}
"""Of Inductor: weights are constants, laid out once as its products like them."""


@dataclass(frozen=True)
class Variant:
    """One way to run PyTorch.

    Attributes:
        optimizer: how AdamW goes over the parameters: one by one (`loop`), `foreach` or `fused`.
        threads: of an operation.
        channels_last: memory format of images and convolutions.
        compiled: by `torch.compile`.
    """

    optimizer: str = "loop"
    threads: int = 2
    channels_last: bool = False
    compiled: bool = False

    def __str__(self) -> str:
        words = [self.optimizer, f"{self.threads} threads" if self.threads > 1 else "1 thread"]
        return ", ".join(words + ["channels-last"] * self.channels_last + ["compiled"] * self.compiled)


class Convolutions(nn.Module):
    """Convolution → max-pool → ReLU, (B, C, *S) → (B, F, *P); pooling first gives the same for less work."""

    def __init__(self, shape: Sequence[int], features: Sequence[int], kernel_size: int, pool: int) -> None:
        super().__init__()
        convolution = (nn.Conv1d, nn.Conv2d)[len(shape) - 2]
        channels = itertools.pairwise((shape[-1], *features))
        self.layers = nn.ModuleList(convolution(c, f, kernel_size, padding="same") for c, f in channels)
        self.pool = (nn.MaxPool1d, nn.MaxPool2d)[len(shape) - 2](pool, ceil_mode=True) if pool > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *S) → (B, F, *P)."""
        for layer in self.layers:
            x = functional.relu(self.pool(layer(x)))
        return x


class CNN(nn.Module):
    """`pmjax.models.CNN` with its head, channels first."""

    def __init__(
        self,
        shape: Sequence[int],
        outputs: int,
        features: Sequence[int] = (32,),
        kernel_size: int = 3,
        pool: int = 2,
        hidden: int = 32,
    ) -> None:
        super().__init__()
        self.convolutions = Convolutions(shape, features, kernel_size, pool)
        self.dense = nn.ModuleList([nn.Linear(features[-1], hidden), nn.Linear(hidden, outputs)])

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *S) → (B, K)."""
        x = self.convolutions(x)
        return _dense(self.dense, x.amax(dim=tuple(range(2, x.ndim))))


class DNN(nn.Module):
    """`pmjax.models.DNN` with its head."""

    def __init__(self, shape: Sequence[int], outputs: int, hidden: Sequence[int] = (64, 64)) -> None:
        super().__init__()
        widths = itertools.pairwise((math.prod(shape), *hidden, outputs))
        self.dense = nn.ModuleList(nn.Linear(a, b) for a, b in widths)

    def forward(self, x: Tensor) -> Tensor:
        """(B, …) → (B, K)."""
        return _dense(self.dense, x.flatten(1))


class RNN(nn.Module):
    """`pmjax.models.RNN` with its head: one bias, the other of nn.RNN is zero and stays so."""

    def __init__(self, shape: Sequence[int], outputs: int, hidden: int = 32) -> None:
        super().__init__()
        self.rnn = nn.RNN(math.prod(shape[1:]), hidden, batch_first=True)
        self.rnn.bias_hh_l0.requires_grad_(False).zero_()
        self.dense = nn.ModuleList([nn.Linear(hidden, outputs)])

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, F) → (B, K)."""
        return _dense(self.dense, self.rnn(x)[1][0])


class Hybrid(nn.Module):
    """`pmjax.models.Hybrid` with its head, channels first: the first spatial axis is that of the RNN."""

    def __init__(
        self,
        shape: Sequence[int],
        outputs: int,
        features: Sequence[int] = (32,),
        kernel_size: int = 3,
        pool: int = 2,
        hidden: int = 32,
    ) -> None:
        super().__init__()
        self.convolutions = Convolutions(shape, features, kernel_size, pool)
        pooled = list(shape[:-1])
        for _ in features:
            pooled = [math.ceil(size / pool) for size in pooled]
        self.recurrent = RNN((*pooled, features[-1]), outputs, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, *S) → (B, K)."""
        x = self.convolutions(x).movedim(1, -1)
        return self.recurrent(x.flatten(2))


FAMILIES: dict[str, type[nn.Module]] = {"cnn": CNN, "dnn": DNN, "rnn": RNN, "hybrid": Hybrid}


def build(
    family: str, shape: Sequence[int], outputs: int, keywords: Mapping[str, Any], params: Any = None
) -> nn.Module:
    """Builds the network of a family for rows of `shape` (channels last), with the weights of pmjax where given."""
    network = FAMILIES[family](shape, outputs, **keywords)
    if params is not None:
        load(network, params)
    return network


def load(network: nn.Module, params: Any) -> None:
    """Copies pmjax's parameters (of one run) into `network`; every leaf must find its place."""
    tree = params["params"]
    encoder = tree["encoder"]
    dense = [*encoder.get("Layers_0", {}).values(), tree["Dense_0"]]
    convolutions = list(encoder.get("Convolutions_0", {}).values())
    recurrent = encoder.get("TanhRNN_0", {})
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Linear):
                _copy(module, dense.pop(0), transpose=(1, 0))
            elif isinstance(module, nn.Conv1d | nn.Conv2d):
                axes = range(module.weight.ndim - 2)
                _copy(module, convolutions.pop(0), transpose=(module.weight.ndim - 1, module.weight.ndim - 2, *axes))
            elif isinstance(module, nn.RNN):
                module.weight_ih_l0.copy_(_tensor(recurrent["w"]).T)
                module.weight_hh_l0.copy_(_tensor(recurrent["u"]).T)
                module.bias_ih_l0.copy_(_tensor(recurrent["b"]))
    if dense or convolutions:
        raise ValueError("the network has fewer layers than the parameters")


def arrange(family: str, values: np.ndarray) -> Tensor:
    """Rows as the network takes them: float32, channels first for convolutions."""
    tensor = _tensor(values)
    return tensor.movedim(-1, 1).contiguous() if family in CONVOLUTIONAL else tensor


def use_threads(count: int) -> None:
    """Sets the threads of an operation; costs nothing where they are set."""
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)


def warmup_cosine(peak: float, steps: int, warmup: float) -> list[float]:
    """The learning rate of each step: linear from 0 to `peak` over the share `warmup`, then half a cosine to 0."""
    rise = max(1, round(warmup * steps))
    fall = max(2, steps) - rise
    cosine = [peak * (1 + math.cos(math.pi * min(i / fall, 1))) / 2 for i in range(steps - rise + 1)]
    return [peak * i / rise for i in range(rise)] + cosine


class Training:
    """A network in training: AdamW as `pmjax.train.optim` sets it, gradients clipped by their global norm."""

    def __init__(
        self,
        network: nn.Module,
        values: Tensor,
        labels: Tensor,
        *,
        rates: Sequence[float],
        weight_decay: float,
        clip: float,
        variant: Variant = Variant(),
    ) -> None:
        if variant.channels_last:
            network, values = network.to(memory_format=torch.channels_last), _channels_last(values)
        self.variant, self.network, self.values, self.labels = variant, network, values, labels
        self.forward = torch.compile(network, dynamic=False) if variant.compiled else network
        self.parameters = [p for p in network.parameters() if p.requires_grad]
        ways = {"foreach": variant.optimizer == "foreach", "fused": variant.optimizer == "fused"}
        self.optimizer = torch.optim.AdamW(self.parameters, lr=0.0, eps=1e-6, weight_decay=weight_decay, **ways)
        self.rates, self.step, self.clip = rates, 0, clip

    def restart(self, params: Any) -> None:
        """Goes back to the weights `params` of pmjax, and forgets all steps."""
        load(self.network, params)
        self.optimizer.state.clear()
        self.step = 0

    def train_step(self, rows: Tensor) -> Tensor:
        """Moves one step on the batch `rows` (B,) and returns its loss."""
        loss = functional.cross_entropy(
            self.forward(self.values.index_select(0, rows)), self.labels.index_select(0, rows)
        )
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimizer.param_groups[0]["lr"] = self.rates[min(self.step, len(self.rates) - 1)]
        self.optimizer.step()
        self.step += 1
        return loss.detach()

    def epoch(self, batches: Sequence[Tensor]) -> np.ndarray:
        """Moves a step a batch; returns the loss of each (steps,), when all is done."""
        use_threads(self.variant.threads)
        return torch.stack([self.train_step(rows) for rows in batches]).cpu().numpy()

    @torch.inference_mode()
    def outputs(self, batches: Sequence[Tensor]) -> Tensor:
        """Outputs for the rows of `batches`, one below the other."""
        use_threads(self.variant.threads)
        return torch.cat([self.network(self.values.index_select(0, rows)) for rows in batches])

    def validate(self, batches: Sequence[Tensor]) -> float:
        """The mean loss over the rows of `batches`, without a gradient."""
        return float(functional.cross_entropy(self.outputs(batches), self.labels[torch.cat(list(batches))]))


class Inference:
    """A network that answers: rows in, a NumPy array out."""

    def __init__(self, network: nn.Module, variant: Variant) -> None:
        if variant.channels_last:
            network = network.to(memory_format=torch.channels_last)
        self.variant = variant
        network.eval().requires_grad_(False)
        self.network = torch.compile(network, dynamic=False, options=_FROZEN) if variant.compiled else network

    @torch.inference_mode()
    def __call__(self, values: Tensor) -> np.ndarray:
        """Outputs of rows as `arrange` gives them, (B, K)."""
        use_threads(self.variant.threads)
        return self.network(values).cpu().numpy()

    def arrange(self, values: Tensor) -> Tensor:
        """The rows in the memory format of this variant."""
        return _channels_last(values) if self.variant.channels_last else values


def _dense(layers: nn.ModuleList, x: Tensor) -> Tensor:
    *hidden, last = layers
    for layer in hidden:
        x = functional.relu(layer(x))
    return last(x)


def _copy(module: Any, layer: Mapping[str, Any], transpose: tuple[int, ...]) -> None:
    module.weight.copy_(_tensor(layer["kernel"]).permute(transpose))
    module.bias.copy_(_tensor(layer["bias"]))


def _tensor(values: Any) -> Tensor:
    return torch.from_numpy(np.array(values, np.float32))


def _channels_last(values: Tensor) -> Tensor:
    return values.contiguous(memory_format=torch.channels_last)
