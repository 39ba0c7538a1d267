"""Shuffled folds of rows, alike in the share of each class or not.

They hold, number for number, what scikit-learn's KFold, StratifiedKFold, ShuffleSplit and StratifiedShuffleSplit draw
from the same seed: importing those takes half of the time in which a study can be in its first step.
"""

import numpy as np

from pmjax.types import HostArray


def shuffled_folds(stratum: HostArray, folds: int, seed: int, *, stratified: bool) -> HostArray:
    """(n,) int, the fold of each row.

    Args:
        stratum: (n,) int class of each row.
        stratified: whether each fold gets the same share of each class, within one row.
    """
    draw = np.random.RandomState(seed)
    n = len(stratum)
    if not stratified:
        order = np.arange(n)
        draw.shuffle(order)
        fold = np.empty(n, int)
        fold[order] = np.repeat(np.arange(folds), [n // folds + (k < n % folds) for k in range(folds)])
        return fold
    # Dealt out class by class, in order of the classes' first rows.
    _, first, code = np.unique(stratum, return_index=True, return_inverse=True)
    code = np.argsort(np.argsort(first))[code]
    dealt = np.sort(code)
    share = np.stack([np.bincount(dealt[k::folds], minlength=len(first)) for k in range(folds)])
    fold = np.empty(n, int)
    for c in range(len(first)):
        of_class = np.repeat(np.arange(folds), share[:, c])
        draw.shuffle(of_class)
        fold[code == c] = of_class
    return fold


def held_out(stratum: HostArray, count: int, seed: int, *, stratified: bool) -> HostArray:
    """(n,) bool, `count` rows drawn without replacement; with `stratified` the same share of each class."""
    draw = np.random.RandomState(seed)
    n = len(stratum)
    held = np.zeros(n, bool)
    if not stratified:
        held[draw.permutation(n)[:count]] = True
        return held
    _, code, of_class = np.unique(stratum, return_inverse=True, return_counts=True)
    kept = _in_proportion(of_class, n - count, draw)
    _in_proportion(of_class - kept, count, draw)  # all that is left; what is drawn for it moves the draws below
    for c, number in enumerate(of_class):
        held[np.flatnonzero(code == c)[draw.permutation(number)[kept[c] :]]] = True
    return held


def _in_proportion(of_class: HostArray, count: int, draw: np.random.RandomState) -> HostArray:
    """Shares `count` out over the classes: whole shares first, the rest to the largest remainders, ties by lot."""
    exact = of_class / of_class.sum() * count
    whole = np.floor(exact)
    remainder, missing = exact - whole, int(count - whole.sum())
    for value in np.unique(remainder)[::-1]:
        if missing == 0:
            break
        tied = np.flatnonzero(remainder == value)
        chosen = draw.choice(tied, size=min(len(tied), missing), replace=False)
        whole[chosen] += 1
        missing -= len(chosen)
    return whole.astype(int)
