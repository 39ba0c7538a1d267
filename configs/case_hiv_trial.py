"""ACTG175, an HIV trial of four arms: CD4 decline, AIDS or death within follow-up, from baseline values and arm.

The outcome is classified here; the effect of each arm is a later question.
Command: python -m pmjax.launch --config=case_hiv_trial
Time: 31 s on 2 CPU cores · measured: AUROC DNN .675; boosting .674, logistic regression .694 (intervals: README)
"""

from ml_collections import ConfigDict


def get_config():
    return ConfigDict({
        "study": "case_hiv_trial",
        "scale": "full",  # full | smoke
        "seed": 0,
        "cohort": {"name": "actg175"},
        "splits": {"scheme": "stratified", "folds": 5, "repeats": 1, "inner": 1, "validation": 0.2},
        "prepare": {"indicators": False},
        "models": {
            "dnn": {"family": "dnn", "input": "table", "head": "classify", "hidden": (64, 64), "dropout": 0.2},
        },
        "train": {
            "seeds": 3, "epochs": 40, "batch_size": 128, "patience": 10, "clip": 1.0, "warmup": 0.1,
            "class_weight": False, "precision": "float32", "parallel": "jit", "chunk": 0,
            "checkpoint_every": 20, "profile": False,
        },
        "grid": {"learning_rate": (3e-4, 1e-3, 3e-3), "weight_decay": (1e-2, 1e-1)},
        "baselines": {
            "logistic": {"input": "table", "C": (0.01, 0.1, 1.0, 10.0)},
            "boosting": {"input": "table", "learning_rate": (0.02, 0.05), "max_leaf_nodes": (4, 15)},
        },
        "evaluate": {"resamples": 2000, "threshold": 0.5, "horizons": (), "groups": ("gender", "race")},
        "audit": {"allow": ()},
    })
