"""Recalibration: the probabilities of a model corrected on patients like those that it is judged on.

Logistic recalibration (Cox, Biometrika 45, 1958; Steyerberg, Clinical Prediction Models, 2019, ch. 15): the logit of
the corrected probability is a + b·logit(p); `intercept` holds b at 1 and corrects prevalence alone. It is fitted on
nine tenths of the test patients and applied to the rest in turn, so that nobody's own outcome enters.
"""

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from pmjax.errors import UserError
from pmjax.evaluate.calibration import intercept, logit
from pmjax.evaluate.choose import chosen_rows
from pmjax.predictions import ORACLE, RECALIBRATED, probability_columns
from pmjax.types import HostArray

METHODS = ("intercept", "logistic")
_FOLDS = 10
_RUN = ["model", "fold", "inner", "seed"]


def recalibrated(predictions: pd.DataFrame, method: str, seed: int) -> pd.DataFrame:
    """Return the chosen test predictions of every model once more, recalibrated, as models of their own.

    Args:
        predictions: of two classes.
        method: `intercept` or `logistic`.
        seed: of the tenths into which patients are dealt, stratified by outcome.

    Raises:
        UserError: an unknown method, another task than two classes, or too few test patients of a class.
    """
    test = chosen_rows(predictions, "test")
    test = test[test["model"] != ORACLE]
    labels = test["label"].to_numpy() if "label" in test else np.zeros(len(test), int)
    check_recalibration(method, len(probability_columns(predictions)), test["patient"].to_numpy(), labels)
    tenth = test["patient"].map(_tenths(test, seed)).to_numpy()
    corrected = np.full(len(test), np.nan)
    for _, rows in test.reset_index(drop=True).groupby(_RUN, sort=False):
        at = rows.index.to_numpy()
        truth, p = rows["label"].to_numpy() == 1, rows["probability_1"].to_numpy(np.float64)
        for k in range(_FOLDS):
            here = tenth[at] == k
            corrected[at[here]] = correct(truth[~here], p[~here], p[here], method)
    columns = {"probability_0": 1 - corrected, "probability_1": corrected}
    return test.assign(model=test["model"] + RECALIBRATED, setting=f"recalibrate={method}", **columns)


def check_recalibration(method: str, classes: int, patient: HostArray, label: HostArray) -> None:
    """Raise a UserError where `recalibrated` would: `patient` and `label` are those of test rows."""
    if method not in METHODS:
        raise UserError(f"evaluate.recalibrate: {method!r} is unknown; use {' or '.join(METHODS)}")
    if classes != 2:
        raise UserError("evaluate.recalibrate: only the probabilities of two classes are recalibrated; leave it out")
    outcome = pd.DataFrame({"patient": patient, "label": label}).groupby("patient")["label"].max()
    fewest = min(int((outcome == k).sum()) for k in (0, 1))
    if fewest < _FOLDS:
        raise UserError(
            f"evaluate.recalibrate: {fewest} test patients of one outcome, fewer than {_FOLDS}; leave it out"
        )


def correct(
    truth: Bool[np.ndarray, " N"], p: Float[np.ndarray, " N"], target: Float[np.ndarray, " M"], method: str
) -> Float[np.ndarray, " M"]:
    """Fit the recalibration on outcomes and predictions, and apply it to the predictions `target`."""
    if method == "intercept":
        linear = intercept(truth, p, np.ones((1, len(p))))[0] + logit(target)
    else:
        from sklearn.linear_model import LogisticRegression

        # C is large, and not infinite, so that predictions that separate the classes still give a finite slope.
        fitted = LogisticRegression(C=1e4).fit(logit(p)[:, None], truth)
        linear = fitted.decision_function(logit(target)[:, None])
    return 1 / (1 + np.exp(-linear))


def _tenths(test: pd.DataFrame, seed: int) -> dict[str, int]:
    """Deal patients into tenths, each outcome by itself."""
    patients = test.groupby("patient")["label"].max()
    dealt: dict[str, int] = {}
    for label in (0, 1):
        ids = patients.index[patients == label].to_numpy()
        order = np.random.default_rng([seed, label]).permutation(len(ids))
        dealt |= {str(ids[i]): n % _FOLDS for n, i in enumerate(order)}
    return dealt
