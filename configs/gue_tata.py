"""Core promoters with a TATA box (GUE): 70 bases, official parts.

Copies are allowed, as in what was published: 16 of 613 test rows are copies of training rows, 12 more nearly so.
Command: python -m pmjax.launch --config=gue_tata
Time: 32 s on 2 CPU cores · measured (intervals: README): MCC CNN .785, k-mer logistic .520, logistic .733;
published, unverified: DNABERT-2 MCC .742
"""

from ml_collections import ConfigDict


def get_config():
    return ConfigDict({
        "study": "gue_tata",
        "scale": "full",  # full | smoke
        "seed": 0,
        "cohort": {"name": "gue_tata"},
        "splits": {"scheme": "official", "folds": 5, "repeats": 1, "inner": 1, "validation": 0.2},
        "prepare": {"indicators": False},
        "models": {
            "cnn": {
                "family": "cnn", "input": "sequence", "head": "classify", "flatten": True,
                "features": (64,), "kernel_size": 9, "pool": 2, "hidden": 64, "dropout": 0.5,
            },
        },
        "train": {
            "seeds": 3, "epochs": 30, "batch_size": 128, "patience": 8, "clip": 1.0, "warmup": 0.1,
            "class_weight": False, "precision": "float32", "parallel": "jit", "chunk": 3,
            "checkpoint_every": 20, "profile": False,
        },
        "grid": {"learning_rate": (1e-3, 3e-3), "weight_decay": (1e-2,)},
        "baselines": {
            "logistic": {"input": "sequence", "C": (0.03, 0.1, 0.3)},
            "kmer": {"input": "sequence", "k": (4,), "C": (0.01, 0.1, 1.0)},
        },
        "evaluate": {"resamples": 2000, "threshold": 0.5, "horizons": (), "groups": ()},
        "audit": {"allow": ("duplicate-rows", "near-duplicates")},
    })
