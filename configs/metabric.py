"""METABRIC breast cancer: 1904 women, survival by a Cox head, official parts.

Command: python -m pmjax.launch --config=metabric
Time: 9 s on 2 CPU cores · measured (intervals: README): Harrell's C DNN-Cox .640, Cox .632; published, unverified:
DeepSurv C .643
"""

from ml_collections import ConfigDict


def get_config():
    return ConfigDict({
        "study": "metabric",
        "scale": "full",  # full | smoke
        "seed": 0,
        "cohort": {"name": "metabric"},
        "splits": {"scheme": "official", "folds": 5, "repeats": 1, "inner": 1, "validation": 0.2},
        "prepare": {"indicators": False},
        "models": {
            "dnn_cox": {
                "family": "dnn", "input": "table", "head": "cox", "hidden": (64, 64), "dropout": 0.3,
            },
        },
        "train": {
            "seeds": 5, "epochs": 60, "batch_size": 256, "patience": 15, "clip": 1.0, "warmup": 0.1,
            "class_weight": False, "precision": "float32", "parallel": "jit", "chunk": 0,
            "checkpoint_every": 20, "profile": False,
        },
        "grid": {"learning_rate": (1e-3, 3e-3, 1e-2), "weight_decay": (1e-2, 1.0)},
        "baselines": {"cox": {"input": "table", "penalizer": (0.001, 0.01, 0.1)}},
        "evaluate": {"resamples": 2000, "threshold": 0.5, "horizons": (60.0, 120.0), "groups": ()},
        "audit": {"allow": ()},
    })
