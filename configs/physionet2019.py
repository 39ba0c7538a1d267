"""Sepsis six hours ahead (PhysioNet 2019): every fourth hour of 2000 stays, 5-fold over patients.

Command: python -m pmjax.launch --config=physionet2019
Time: 52 s on 2 CPU cores · measured (intervals: README): AUROC RNN .783, logistic .774
"""

from ml_collections import ConfigDict


def get_config():
    return ConfigDict({
        "study": "physionet2019",
        "scale": "full",  # full | smoke
        "seed": 0,
        "cohort": {"name": "physionet2019", "every_hours": 4, "window_hours": 12},
        "splits": {"scheme": "stratified", "folds": 5, "repeats": 1, "inner": 1, "validation": 0.2},
        "prepare": {"indicators": True, "forward_fill": True, "winsorise": 0.01},
        "models": {
            "rnn": {
                "family": "rnn", "input": "series", "head": "classify", "hidden": 32, "dropout": 0.5,
            },
        },
        "train": {
            "seeds": 1, "epochs": 10, "batch_size": 256, "patience": 4, "clip": 1.0, "warmup": 0.1,
            "class_weight": False, "precision": "float32", "parallel": "jit", "chunk": 5,
            "checkpoint_every": 20, "profile": False,
        },
        "grid": {"learning_rate": (1e-3,), "weight_decay": (1.0,)},
        "baselines": {"logistic": {"input": "table", "C": (0.001, 0.01, 0.1)}},
        "evaluate": {"resamples": 2000, "threshold": 0.5, "horizons": (), "groups": ()},
        "audit": {"allow": ()},
    })
