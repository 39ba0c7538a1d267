"""Simulated multi-omics, 3,000 patients: four modalities, some absent at random and some not.

Command: python -m pmjax.launch --config=simulated_multiomics
Time: 32 s on 2 CPU cores · measured (intervals: README): AUROC fusion .877, logistic .872, oracle .924
"""

from ml_collections import ConfigDict


def get_config():
    return ConfigDict({
        "study": "simulated_multiomics",
        "scale": "full",  # full | smoke
        "seed": 0,
        "cohort": {"name": "simulated_multiomics", "n": 3_000},
        "splits": {"scheme": "stratified", "folds": 5, "repeats": 1, "inner": 1, "validation": 0.2},
        "prepare": {"indicators": False},
        "models": {
            "fusion": {
                "family": "fusion", "input": ("clinical", "mrna", "mirna", "protein"), "head": "classify",
                "hidden": 32, "modality_dropout": 0.1,
                "encoders": {
                    "clinical": {"family": "dnn", "hidden": (32,), "dropout": 0.3},
                    "mrna": {"family": "dnn", "hidden": (32,), "dropout": 0.3},
                    "mirna": {"family": "dnn", "hidden": (32,), "dropout": 0.3},
                    "protein": {"family": "dnn", "hidden": (32,), "dropout": 0.3},
                },
            },
        },
        "train": {
            "seeds": 1, "epochs": 40, "batch_size": 128, "patience": 10, "clip": 1.0, "warmup": 0.1,
            "class_weight": False, "precision": "float32", "parallel": "jit", "chunk": 0,
            "checkpoint_every": 20, "profile": False,
        },
        "grid": {"learning_rate": (1e-3, 3e-3), "weight_decay": (1e-1,)},
        "baselines": {"logistic": {"input": ("clinical", "mrna", "mirna", "protein"), "C": (0.001, 0.01)}},
        "evaluate": {"resamples": 2000, "threshold": 0.5, "horizons": (), "groups": ("site",)},
        "audit": {"allow": ()},
    })
