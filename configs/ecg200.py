"""Heartbeats, 96 steps: normal or infarction (ECG200), official parts.

Command: python -m pmjax.launch --config=ecg200
Time: 28 s on 2 CPU cores · measured (intervals: README): accuracy CNN .828, CNN+RNN .740, RNN .758, logistic .820;
published: 1-nearest-neighbour accuracy .88 (reproduced)
"""

from ml_collections import ConfigDict


def get_config():
    return ConfigDict({
        "study": "ecg200",
        "scale": "full",  # full | smoke
        "seed": 0,
        "cohort": {"name": "ecg200"},
        "splits": {"scheme": "official", "folds": 5, "repeats": 1, "inner": 1, "validation": 0.2},
        "prepare": {"indicators": False},
        "models": {
            "cnn": {
                "family": "cnn", "input": "series", "head": "classify",
                "features": (32, 32), "kernel_size": 7, "pool": 2, "hidden": 32, "dropout": 0.3,
            },
            "rnn": {
                "family": "rnn", "input": "series", "head": "classify", "hidden": 32,
            },
            "hybrid": {
                "family": "hybrid", "input": "series", "head": "classify",
                "features": (32,), "kernel_size": 7, "pool": 2, "hidden": 32,
            },
        },
        "train": {
            "seeds": 5, "epochs": 100, "batch_size": 16, "patience": 30, "clip": 1.0, "warmup": 0.1,
            "class_weight": False, "precision": "float32", "parallel": "jit", "chunk": 0,
            "checkpoint_every": 20, "profile": False,
        },
        "grid": {"learning_rate": (3e-3, 1e-2), "weight_decay": (1e-2,)},
        "baselines": {"logistic": {"input": "series", "C": (0.01, 0.1, 1.0)}},
        "evaluate": {"resamples": 2000, "threshold": 0.5, "horizons": (), "groups": ()},
        "audit": {"allow": ()},
    })
