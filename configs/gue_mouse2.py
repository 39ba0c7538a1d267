"""Mouse transcription-factor sites (GUE): 101 bases, bound or not, official parts.

Command: python -m pmjax.launch --config=gue_mouse2
Time: 37 s on 2 CPU cores · measured (intervals: README): MCC CNN .814, k-mer logistic .637, logistic .159;
published, unverified: DNABERT-2 MCC .793
"""

from ml_collections import ConfigDict


def get_config():
    return ConfigDict({
        "study": "gue_mouse2",
        "scale": "full",  # full | smoke
        "seed": 0,
        "cohort": {"name": "gue_mouse2"},
        "splits": {"scheme": "official", "folds": 5, "repeats": 1, "inner": 1, "validation": 0.2},
        "prepare": {"indicators": False},
        "models": {
            "cnn": {
                "family": "cnn", "input": "sequence", "head": "classify",
                "features": (64,), "kernel_size": 15, "pool": 4, "hidden": 64, "dropout": 0.3,
            },
        },
        "train": {
            "seeds": 3, "epochs": 40, "batch_size": 128, "patience": 10, "clip": 1.0, "warmup": 0.1,
            "class_weight": False, "precision": "float32", "parallel": "jit", "chunk": 3,
            "checkpoint_every": 20, "profile": False,
            "augment": ("reverse_complement",),
        },
        "grid": {"learning_rate": (1e-3, 3e-3), "weight_decay": (1e-2,)},
        "baselines": {
            "logistic": {"input": "sequence", "C": (0.03, 0.1, 0.3)},
            "kmer": {"input": "sequence", "k": (4,), "C": (0.01, 0.1, 1.0)},
        },
        "evaluate": {"resamples": 2000, "threshold": 0.5, "horizons": (), "groups": ()},
        "audit": {"allow": ()},
    })
