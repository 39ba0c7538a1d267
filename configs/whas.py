"""WHAS as DeepSurv split it: the leak that the audit must refuse (exit code 3), and never a target.

229 of its 328 test rows are copies of training rows.
Command: python -m pmjax.launch --config=whas
Time: 5 s on 2 CPU cores · measured: refused
"""

from ml_collections import ConfigDict


def get_config():
    return ConfigDict({
        "study": "whas",
        "scale": "full",  # full | smoke
        "seed": 0,
        "cohort": {"name": "whas"},
        "splits": {"scheme": "official", "folds": 5, "repeats": 1, "inner": 1, "validation": 0.2},
        "prepare": {"indicators": False},
        "models": {
            "dnn_cox": {
                "family": "dnn", "input": "table", "head": "cox", "hidden": (64, 64), "dropout": 0.3,
            },
        },
        "train": {
            "seeds": 3, "epochs": 40, "batch_size": 256, "patience": 15, "clip": 1.0, "warmup": 0.1,
            "class_weight": False, "precision": "float32", "parallel": "jit", "chunk": 0,
            "checkpoint_every": 20, "profile": False,
        },
        "grid": {"learning_rate": (1e-3, 3e-3, 1e-2), "weight_decay": (1e-2, 1.0)},
        "baselines": {"cox": {"input": "table", "penalizer": (0.001, 0.01, 0.1)}},
        "evaluate": {"resamples": 2000, "threshold": 0.5, "horizons": (), "groups": ()},
        "audit": {"allow": ()},
    })
