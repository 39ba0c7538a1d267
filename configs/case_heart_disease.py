"""Stanford heart transplants: survival while waiting and after, a covariate that changes with time.

Rows are intervals of patients; the RNN reads a patient's intervals so far, the others the present one.

Command: python -m pmjax.launch --config=case_heart_disease
Time: 13 s on 2 CPU cores · measured: Harrell's C DNN-Cox .579, RNN-Cox .555; Cox .598 (intervals: README)
"""

from ml_collections import ConfigDict


def get_config():
    return ConfigDict({
        "study": "case_heart_disease",
        "scale": "full",  # full | smoke
        "seed": 0,
        "cohort": {"name": "heart"},
        "splits": {"scheme": "stratified", "folds": 5, "repeats": 1, "inner": 1, "validation": 0.2},
        "prepare": {"indicators": False},
        "models": {
            "dnn_cox": {"family": "dnn", "input": "table", "head": "cox", "hidden": (16,), "dropout": 0.2},
            "rnn_cox": {"family": "rnn", "input": "series", "head": "cox", "hidden": 16, "dropout": 0.2},
        },
        "train": {
            "seeds": 3, "epochs": 60, "batch_size": 128, "patience": 15, "clip": 1.0, "warmup": 0.1,
            "class_weight": False, "precision": "float32", "parallel": "jit", "chunk": 0,
            "checkpoint_every": 20, "profile": False,
        },
        "grid": {"learning_rate": (3e-3, 1e-2), "weight_decay": (1e-2, 1.0)},
        "baselines": {"cox": {"input": "table", "penalizer": (0.01, 0.1, 1.0)}},
        "evaluate": {"resamples": 2000, "threshold": 0.5, "horizons": (), "groups": ()},
        "audit": {"allow": ()},
    })
