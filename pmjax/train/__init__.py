"""Training: many runs at once, to Predictions."""

from pmjax.train.baselines import check_baseline, train_baseline
from pmjax.train.inputs import check_preparation, sources_of
from pmjax.train.loop import Hooks, StoppedError
from pmjax.train.model import Plan, Trained, check_model, expand, train_model
from pmjax.train.monitor import Monitor
from pmjax.train.oracle import oracle_table

__all__ = [
    "Hooks",
    "Monitor",
    "Plan",
    "StoppedError",
    "Trained",
    "check_baseline",
    "check_model",
    "check_preparation",
    "expand",
    "oracle_table",
    "sources_of",
    "train_baseline",
    "train_model",
]
