"""Human promoters without a TATA box: 251 bases of the benchmark's test half, 5-fold.

Overlapping windows (up to 160 of 1807 test rows a fold) are allowed.
Command: python -m pmjax.launch --config=human_nontata_promoters
Time: 109 s on 2 CPU cores · measured (intervals: README): accuracy CNN .828, k-mer logistic .820
"""

from ml_collections import ConfigDict


def get_config():
    return ConfigDict({
        "study": "human_nontata_promoters",
        "scale": "full",  # full | smoke
        "seed": 0,
        "cohort": {"name": "human_nontata_promoters"},
        "splits": {"scheme": "stratified", "folds": 5, "repeats": 1, "inner": 1, "validation": 0.2},
        "prepare": {"indicators": False},
        "models": {
            "cnn": {
                "family": "cnn", "input": "sequence", "head": "classify",
                "features": (64,), "kernel_size": 15, "pool": 4, "hidden": 64, "dropout": 0.3,
            },
        },
        "train": {
            "seeds": 1, "epochs": 12, "batch_size": 128, "patience": 5, "clip": 1.0, "warmup": 0.1,
            "class_weight": False, "precision": "float32", "parallel": "jit", "chunk": 5,
            "checkpoint_every": 20, "profile": False,
        },
        "grid": {"learning_rate": (3e-3,), "weight_decay": (1e-2,)},
        "baselines": {"kmer": {"input": "sequence", "k": (4,), "C": (0.01, 0.1, 1.0)}},
        "evaluate": {"resamples": 2000, "threshold": 0.5, "horizons": (), "groups": ()},
        "audit": {"allow": ("near-duplicates",)},
    })
