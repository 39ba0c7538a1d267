"""Wisconsin breast cancer: malignant or benign from 10 measurements of cell nuclei, four families and two baselines.

Command: make study   (python -m pmjax.launch --config=configs/quickstart.py)
Minutes: see README · device: 2 CPU cores · result: see README
"""

from ml_collections import ConfigDict


def get_config():
    c = ConfigDict()
    c.study = "quickstart"
    c.scale = "full"  # full | smoke
    c.seed = 0
    # The 30 columns are 10 measurements × (mean, standard error, worst): `table` holds all 30 side by side,
    # `series` holds 3 steps of 10. Each family below names the form that it takes.
    c.cohort = ConfigDict({"name": "wisconsin"})
    c.splits = ConfigDict({"scheme": "stratified", "folds": 5, "repeats": 1, "inner": 1, "validation": 0.2})
    c.models = ConfigDict({
        "cnn": {"family": "cnn", "input": "series", "features": (32,), "kernel_size": 3, "pool": 1, "hidden": 32},
        "rnn": {"family": "rnn", "input": "series", "hidden": 32},
        "dnn": {"family": "dnn", "input": "table", "hidden": (64, 64)},
        "hybrid": {"family": "hybrid", "input": "series", "features": (32,), "kernel_size": 3, "pool": 1, "hidden": 32},
    })
    c.head = "classify"  # classify | cox | hazard
    c.train = ConfigDict({
        "seeds": 3, "epochs": 60, "batch_size": 64, "patience": 15, "clip": 1.0, "warmup": 0.1,
        "class_weight": False, "precision": "float32", "parallel": "jit", "chunk": 0,
        "checkpoint_every": 20, "profile": False,
    })
    c.grid = ConfigDict({"learning_rate": (1e-3, 3e-3, 1e-2), "weight_decay": (1e-2,)})
    c.baselines = ConfigDict({
        "logistic": {"C": (0.01, 0.1, 1.0, 10.0)},
        "boosting": {"learning_rate": (0.05, 0.1), "max_leaf_nodes": (7, 31)},
    })
    c.evaluate = ConfigDict({"resamples": 2000, "threshold": 0.5, "horizons": (), "groups": ()})
    c.audit = ConfigDict({"allow": ()})
    return c
