"""Training: many runs at once, to Predictions."""

from pmjax.train.baselines import train_baseline
from pmjax.train.loop import Hooks, StoppedError
from pmjax.train.model import Plan, Trained, expand, train_model
from pmjax.train.monitor import Monitor

__all__ = ["Hooks", "Monitor", "Plan", "StoppedError", "Trained", "expand", "train_baseline", "train_model"]
