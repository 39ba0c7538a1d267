"""Simulated proteins, 5,000 × 500: batches, a detection limit and ten planted markers.

Command: python -m pmjax.launch --config=simulated_proteomic
Time: 45 s on 2 CPU cores · measured (intervals: README): AUROC DNN .872, logistic .889, oracle .937
"""

from ml_collections import ConfigDict


def get_config():
    return ConfigDict({
        "study": "simulated_proteomic",
        "scale": "full",  # full | smoke
        "seed": 0,
        "cohort": {"name": "simulated_proteomic", "n": 5_000, "features": 500},
        "splits": {"scheme": "stratified", "folds": 5, "repeats": 1, "inner": 1, "validation": 0.2},
        "prepare": {"indicators": True, "harmonise": True},
        "models": {
            "dnn": {
                "family": "dnn", "input": "table", "head": "classify", "hidden": (128,), "dropout": 0.5,
            },
        },
        "train": {
            "seeds": 1, "epochs": 30, "batch_size": 128, "patience": 8, "clip": 1.0, "warmup": 0.1,
            "class_weight": False, "precision": "float32", "parallel": "jit", "chunk": 0,
            "checkpoint_every": 20, "profile": False,
        },
        "grid": {"learning_rate": (1e-3,), "weight_decay": (1e-1, 1.0)},
        "baselines": {"logistic": {"input": "table", "C": (0.001, 0.01)}},
        "evaluate": {"resamples": 2000, "threshold": 0.5, "horizons": (), "groups": ("site",)},
        "audit": {"allow": ()},
    })
