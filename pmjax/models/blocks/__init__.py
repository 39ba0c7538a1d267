"""The building blocks: convolution (paper, equation 1), max-pool, the tanh RNN (equation 2) and dense layers, as pure
functions and as the flax modules that hold their parameters. All of them work under `vmap` over runs."""

from pmjax.models.blocks.convolution import Convolution, Convolutions, convolve, max_pool, pool_mask
from pmjax.models.blocks.dense import Dtype, Layers, mask_steps
from pmjax.models.blocks.rnn import TanhRNN, orthogonal, tanh_rnn

__all__ = [
    "Convolution",
    "Convolutions",
    "Dtype",
    "Layers",
    "TanhRNN",
    "convolve",
    "mask_steps",
    "max_pool",
    "orthogonal",
    "pool_mask",
    "tanh_rnn",
]
