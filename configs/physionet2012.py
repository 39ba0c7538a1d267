"""ICU mortality from the first 48 hours (PhysioNet 2012, set A): 3996 stays, 5-fold.

Command: python -m pmjax.launch --config=physionet2012
Time: 89 s on 2 CPU cores · measured (intervals: README): AUROC fusion .848, RNN .829, boosting .850, logistic .849;
published, unverified: winner's min(Se, +P) .535 on set C, another measure
"""

from ml_collections import ConfigDict


def get_config():
    return ConfigDict({
        "study": "physionet2012",
        "scale": "full",  # full | smoke
        "seed": 0,
        "cohort": {"name": "physionet2012", "bin_hours": 6.0},
        "splits": {"scheme": "stratified", "folds": 5, "repeats": 1, "inner": 1, "validation": 0.2},
        "prepare": {"indicators": True, "forward_fill": True, "winsorise": 0.01},
        "models": {
            "rnn": {
                "family": "rnn", "input": "series", "head": "classify", "hidden": 64, "dropout": 0.5,
            },
            "fusion": {
                "family": "fusion", "input": ("series", "table"), "head": "classify",
                "hidden": 32, "modality_dropout": 0.2,
                "encoders": {
                    "series": {"family": "rnn", "hidden": 32, "dropout": 0.5},
                    "table": {"family": "dnn", "hidden": (64,), "dropout": 0.5},
                },
            },
        },
        "train": {
            "seeds": 2, "epochs": 30, "batch_size": 64, "patience": 8, "clip": 1.0, "warmup": 0.1,
            "class_weight": False, "precision": "float32", "parallel": "jit", "chunk": 10,
            "checkpoint_every": 20, "profile": False,
        },
        "grid": {"learning_rate": (3e-3,), "weight_decay": (1.0, 3.0)},
        "baselines": {
            "logistic": {"input": "table", "C": (0.003, 0.01, 0.03)},
            "boosting": {"input": "table", "learning_rate": (0.03,), "max_leaf_nodes": (4, 8)},
        },
        "evaluate": {"resamples": 2000, "threshold": 0.5, "horizons": (), "groups": ()},
        "audit": {"allow": ()},
    })
