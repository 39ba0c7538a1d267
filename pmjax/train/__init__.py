"""Training: many runs at once, to Predictions."""

from pmjax.train.baselines import check_baseline, train_baseline
from pmjax.train.inputs import check_preparation, sources_of
from pmjax.train.loop import Hooks, StoppedError
from pmjax.train.many import Problem
from pmjax.train.model import Plan, Trained, expand, pose, train_model
from pmjax.train.monitor import Monitor
from pmjax.train.oracle import oracle_table

__all__ = [
    "Hooks",
    "Monitor",
    "Plan",
    "Problem",
    "StoppedError",
    "Trained",
    "check_baseline",
    "check_preparation",
    "expand",
    "oracle_table",
    "pose",
    "sources_of",
    "train_baseline",
    "train_model",
]
