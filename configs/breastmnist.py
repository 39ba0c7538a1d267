"""Breast ultrasound, 28 × 28: malignant or not (BreastMNIST), official parts.

One copy and 12 near copies among 156 test images are allowed, as in what was published.
Command: python -m pmjax.launch --config=breastmnist
Time: 265 s on 2 CPU cores · measured (intervals: README): AUROC CNN .878, logistic .836; published, unverified:
ResNet-18 AUC .901
"""

from ml_collections import ConfigDict


def get_config():
    return ConfigDict({
        "study": "breastmnist",
        "scale": "full",  # full | smoke
        "seed": 0,
        "cohort": {"name": "breastmnist"},
        "splits": {"scheme": "official", "folds": 5, "repeats": 1, "inner": 1, "validation": 0.2},
        "prepare": {"indicators": False},
        "models": {
            "cnn": {
                "family": "cnn", "input": "image", "head": "classify",
                "features": (16, 32, 64), "kernel_size": 3, "pool": 2, "hidden": 64, "dropout": 0.3,
            },
        },
        "train": {
            "seeds": 4, "epochs": 80, "batch_size": 64, "patience": 30, "clip": 1.0, "warmup": 0.1,
            "class_weight": False, "precision": "float32", "parallel": "jit", "chunk": 5,
            "checkpoint_every": 20, "profile": False,
            "augment": ("flip", {"name": "shift", "pixels": 2}, {"name": "rotate", "degrees": 10.0}),
        },
        "grid": {"learning_rate": (3e-3, 1e-2), "weight_decay": (1e-1,)},
        "baselines": {"logistic": {"input": "image", "C": (0.0001, 0.001, 0.01)}},
        "evaluate": {"resamples": 2000, "threshold": 0.5, "horizons": (), "groups": ()},
        "audit": {"allow": ("duplicate-rows", "near-duplicates")},
    })
