"""Traces of training: learning curves and the settings that were tried."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pmjax.report import labels
from pmjax.report.canvas import BLUE, MUTED, ORANGE, Drawing, draw


def learning(name: str, model: str, history: pd.DataFrame) -> Drawing:
    """Draws loss over epochs, a thin line for every fold (mean of its runs), a thick one for their mean.

    Args:
        name: of the file.
        model: whose curves these are.
        history: its lines at the chosen settings.
    """
    sides = (("loss", "training", BLUE), ("validation_loss", "validation", ORANGE))
    folds = {column: _by_fold(history, column) for column, _, _ in sides}

    def paint(axes: Axes) -> None:
        for column, label, colour in sides:
            table = folds[column]
            for fold in table:
                axes.plot(table.index, table[fold], color=colour, linewidth=0.7, alpha=0.4)
            every = table.dropna()  # a mean over the folds that still train would jump where one stops
            axes.plot(every.index, every.mean(axis=1), color=colour, linewidth=2, label=label)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set(xlabel="Epoch", ylabel="Loss")
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
        axes.legend(loc="upper right")

    last = folds["validation_loss"].ffill().iloc[-1].mean()
    alt = (
        f"Training and validation loss of {model} by epoch; validation ends at {labels.number(float(last))} on average."
    )
    return draw(name, model, alt, paint)


def settings(name: str, model: str, tried: pd.DataFrame) -> Drawing:
    """Draws the validation loss of every setting: a dot for each fold, filled where it was chosen, a bar for the mean.

    Args:
        name: of the file.
        model: whose settings these are.
        tried: setting, fold, validation_loss, chosen.
    """
    order = list(dict.fromkeys(tried["setting"]))

    def paint(axes: Axes) -> None:
        for y, setting in enumerate(order):
            lines = tried[tried["setting"] == setting]
            loss, chosen = lines["validation_loss"].to_numpy(float), lines["chosen"].to_numpy(bool)
            axes.plot(loss[~chosen], np.full((~chosen).sum(), y), "o", mfc="white", mec=MUTED, markersize=5)
            axes.plot(loss[chosen], np.full(chosen.sum(), y), "o", color=BLUE, markersize=5.5)
            axes.vlines(loss.mean(), y - 0.25, y + 0.25, color=ORANGE, linewidth=2)
        axes.set_yticks(range(len(order)), [s.replace(" ", "\n") if len(s) > 24 else s for s in order], fontsize=7.5)
        axes.set_ylim(len(order) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.set_xlabel("Validation loss")

    words = "; ".join(
        f"{s}: mean {labels.number(float(t['validation_loss'].mean()))}, chosen in {int(t['chosen'].sum())}"
        for s, t in ((s, tried[tried["setting"] == s]) for s in order)
    )
    return draw(name, model, f"Validation loss by setting. {words}.", paint, (3.5, 1.1 + 0.34 * len(order)))


def _by_fold(history: pd.DataFrame, column: str) -> pd.DataFrame:
    """Averages over the runs of a fold: index epoch, one column a fold."""
    finite = history[np.isfinite(history[column])]
    return finite.groupby(["epoch", "fold"])[column].mean().unstack("fold")
