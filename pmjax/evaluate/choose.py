"""Choice of a setting: per model and outer fold, the one with the least loss on validation rows."""

import numpy as np
import pandas as pd

from pmjax.errors import UserError
from pmjax.evaluate.classification import log_loss
from pmjax.evaluate.survival import cox_loss
from pmjax.predictions import probability_columns

_FOLD = ["model", "fold"]
_RUN = [*_FOLD, "setting", "inner", "seed"]


def choose(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return one line a model, fold and setting, with its validation loss and whether it is the chosen one.

    The loss is averaged over inner folds and seeds: log-loss for classes; for survival the negative Cox partial
    log-likelihood per event (Efron ties), each run by itself. A setting that lost a run (a non-finite loss) yields to
    one that kept all; of equal ones the first in order wins.

    Returns:
        Columns model, fold, setting (each in order of appearance), runs, validation_loss, chosen (bool). A model with
        one setting and no validation rows keeps it, with NaN as its loss.

    Raises:
        UserError: several settings and no validation rows, or no event among them, to choose by.
    """
    runs = predictions[[*_RUN]].drop_duplicates()
    table = runs.groupby([*_FOLD, "setting"], sort=False).size().rename("runs").reset_index()
    validation = predictions[predictions["part"] == "validation"]
    losses = [(*key, _loss(rows)) for key, rows in validation.groupby(_RUN, sort=False)]
    frame = pd.DataFrame(losses, columns=[*_RUN, "validation_loss"])
    mean = frame.groupby([*_FOLD, "setting"], sort=False)["validation_loss"].mean()
    table = table.merge(mean.reset_index(), how="left", on=[*_FOLD, "setting"])
    best = [_best(tried) for _, tried in table.groupby(_FOLD, sort=False)]
    table["chosen"] = table.index.isin(best)
    return table[[*_FOLD, "setting", "runs", "validation_loss", "chosen"]]


def chosen_rows(predictions: pd.DataFrame, part: str, settings: pd.DataFrame | None = None) -> pd.DataFrame:
    """Keep the rows of `part` that were predicted by the chosen setting of their model and fold.

    `settings` is what `choose` returned, computed here where it is not given.
    """
    settings = choose(predictions) if settings is None else settings
    keys = settings.loc[settings["chosen"], [*_FOLD, "setting"]]
    return predictions[predictions["part"] == part].merge(keys, on=[*_FOLD, "setting"], how="inner")


def _best(tried: pd.DataFrame) -> int:
    """Find the index of the chosen line among the settings of one model and fold."""
    if len(tried) == 1:
        return int(tried.index[0])
    whole = tried[tried["runs"] == tried["runs"].max()]
    if whole["validation_loss"].isna().all():
        raise UserError(
            f"model {tried['model'].iloc[0]}, fold {tried['fold'].iloc[0]}: {len(tried)} settings and no "
            "validation row to choose by; set splits.validation or give one setting"
        )
    return int(whole["validation_loss"].astype(np.float64).idxmin())


def _loss(rows: pd.DataFrame) -> float:
    if "label" in rows.columns:
        p = rows[probability_columns(rows)].to_numpy(np.float64)
        return float(log_loss(rows["label"].to_numpy(), p, np.ones((1, len(rows))))[0])
    start, time, risk = (rows[c].to_numpy(np.float64) for c in ("start", "time", "risk"))
    return cox_loss(start, time, rows["event"].to_numpy(bool), risk)
