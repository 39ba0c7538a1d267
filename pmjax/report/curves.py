"""Curves: which drawings a run has, from its chosen test predictions; the arithmetic is that of `evaluate`."""

import re
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import pandas as pd

from pmjax import evaluate
from pmjax.evaluate import benefit, kaplan_meier
from pmjax.evaluate.pool import Pool, survival_name
from pmjax.predictions import RECALIBRATED
from pmjax.report import canvas, figures, labels, tables, traces
from pmjax.report.canvas import Drawing
from pmjax.report.run import Run

_THRESHOLDS = tuple(round(0.02 * i, 2) for i in range(1, 50))
_THIRDS = ("lowest third", "middle third", "highest third")
_LEVELS = 6  # more curves in one figure cannot be told apart


class Curves:
    """The drawings of one run; resamples are those of its evidence (same count and seed)."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.choice = evaluate.choose(run.predictions)
        resamples = int(run.config["evaluate"]["resamples"])
        self.pool: Pool = evaluate.build_pool(run.predictions, resamples, int(run.config["seed"]), self.choice)

    def colour(self, model: str) -> str:
        """Gives every model one colour on the whole page; baselines are grey."""
        trained = model.removesuffix(RECALIBRATED)
        if trained in self.run.deep:
            return canvas.COLOURS[self.run.deep.index(trained) % len(canvas.COLOURS)]
        others = [m for m in self.run.models if m not in self.run.deep]
        return canvas.GREYS[(others.index(trained) if trained in others else 0) % len(canvas.GREYS)]

    def forest(self) -> Drawing:
        """Draws the headline metric of every model."""
        metric = self.run.headline
        found = [(m, self.run.find(m, metric)) for m in self.run.models]
        lines = [(labels.model(m), e, self.colour(m)) for m, e in found if e is not None]
        return figures.forest("discrimination", f"{labels.metric(metric)} by model", labels.metric(metric), lines)

    def differences(self) -> Drawing | None:
        """Draws paired differences of the headline metric; None where there are none."""
        metric = f"{self.run.headline}_difference"
        pairs = [(d, f"{d} {labels.MINUS} {b}") for d in self.run.deep for b in self.run.baselines]
        found = [(d, pair, self.run.find(pair, metric)) for d, pair in pairs]
        lines = [(labels.model(pair), e, self.colour(d)) for d, pair, e in found if e is not None]
        if not lines:
            return None
        title = f"Paired differences of {labels.metric(self.run.headline)}"
        return figures.forest("paired-differences", title, "Model minus baseline (right: model better)", lines, 0.0)

    def clinical(self, model: str) -> list[Drawing]:
        """Draws calibration, decision curve and distribution of one model of two classes."""
        if self.pool.classes != 2:
            return []
        name, colour, said = labels.model(model), self.colour(model), self._calibration_words(model, "")
        bins = self._calibration[self._calibration["model"] == model]
        curve = self._decision[self._decision["model"] == model]
        everyone = self._decision[self._decision["model"] == benefit.TREAT_ALL]
        rows = self.pool.replicates[model]
        risk = np.concatenate([r["probability"][:, 1] for r in rows])
        event = np.concatenate([r["label"] == 1 for r in rows])
        without, having = self.run.cohort["task"]["classes"]
        return [
            figures.calibration(self._name("calibration", model), "Calibration", bins, colour, said),
            figures.decision(self._name("decision", model), "Decision curve", curve, everyone, colour),
            figures.distribution(self._name("risk", model), f"Predicted risk, {name}", risk, event, (without, having)),
        ]

    def survival(self, model: str) -> list[Drawing]:
        """Draws Kaplan-Meier by thirds of predicted risk, and calibration at every horizon that was predicted."""
        patients = self._by_risk(model)
        drawings = [self._observed(self._name("thirds", model), "By thirds of predicted risk", patients, _THIRDS)]
        for horizon in map(float, self.run.config["evaluate"]["horizons"]):
            if (self.pool.truth["start"] > 0).any() or not self._predicts(horizon):
                continue
            curve = evaluate.calibration_curve(self.pool, bins=5, horizon=horizon)
            bins, at = curve[curve["model"] == model], f"@{horizon:g}"
            name = self._name(f"calibration-{horizon:g}", model)
            title = f"Calibration at {horizon:g} {tables.unit(self.run)}"
            drawings.append(
                figures.calibration(name, title, bins, self.colour(model), self._calibration_words(model, at))
            )
        return drawings

    def by_group(self) -> Iterator[Drawing]:
        """Draws Kaplan-Meier by arm, site and each group column that has two to six levels."""
        patients = self.run.patients.set_index("row").drop(columns="patient")
        for i, column in enumerate(c for c in patients if 1 < patients[c].nunique() <= _LEVELS):
            level = patients[column].reindex(self.pool.truth["row"]).astype(str)
            rows = kaplan_meier.per_patient(self.pool.truth.assign(level=level.to_numpy()))
            yield self._observed(f"survival-{i + 1}", f"By {column}", rows, tuple(sorted(level.unique())))

    def learning(self) -> list[Drawing]:
        """Draws learning curves of every deep model at its chosen settings."""
        if self.run.history.empty:
            return []
        keys = ["model", "fold", "setting"]
        lines = self.run.history.merge(self.choice.loc[self.choice["chosen"], keys], on=keys)
        trained = [m for m in self.run.deep if (lines["model"] == m).any()]
        return [
            traces.learning(self._name("learning", m), labels.model(m), lines[lines["model"] == m]) for m in trained
        ]

    def settings(self) -> list[Drawing]:
        """Draws the settings of every model that had a choice."""
        tried = {m: self.choice[self.choice["model"] == m] for m in self.run.models}
        return [
            traces.settings(self._name("settings", m), labels.model(m), t)
            for m, t in tried.items()
            if t["setting"].nunique() > 1
        ]

    @cached_property
    def _calibration(self) -> pd.DataFrame:
        return evaluate.calibration_curve(self.pool)

    @cached_property
    def _decision(self) -> pd.DataFrame:
        return benefit.decision_curve(self.pool, _THRESHOLDS)

    def _name(self, kind: str, model: str) -> str:
        """Names a file from a model of any name: safe letters, and its number so that two never meet."""
        return f"{kind}-{self.run.models.index(model) + 1}-{re.sub('[^a-z0-9]+', '-', model.lower()).strip('-')}"

    def _calibration_words(self, model: str, at: str) -> str:
        wanted = {"Slope": "calibration_slope", "Intercept": "calibration_intercept", "O/E": f"observed_expected{at}"}
        found = {word: self.run.find(model, metric) for word, metric in wanted.items()}
        return "\n".join(f"{word} {labels.interval(e)}" for word, e in found.items() if e is not None)

    def _predicts(self, horizon: float) -> bool:
        return all(survival_name(horizon) in r.columns for rs in self.pool.replicates.values() for r in rs)

    def _by_risk(self, model: str) -> pd.DataFrame:
        """Sorts patients into thirds of their first predicted risk: ranked inside each fold, since risks of folds
        have no common zero, and averaged over replicates."""
        total, times = np.zeros(len(self.pool.truth)), np.zeros(len(self.pool.truth))
        for r in self.pool.replicates[model]:
            total[r.position] += pd.Series(r["risk"]).groupby(r["fold"]).rank(pct=True).to_numpy()
            times[r.position] += 1
        mean = np.divide(total, times, out=np.full(len(times), np.nan), where=times > 0)
        patients = kaplan_meier.per_patient(self.pool.truth.assign(level=mean)).dropna(subset="level")
        place = patients["level"].rank(method="first").to_numpy() - 1
        return patients.assign(level=np.array(_THIRDS)[(3 * place // len(patients)).astype(int)])

    def _observed(self, name: str, title: str, patients: pd.DataFrame, order: tuple[str, ...]) -> Drawing:
        """Draws one line a level of the column `level`."""
        parts = {k: patients[patients["level"] == k] for k in order}
        curves = {k or "missing": kaplan_meier.kaplan_meier(rows) for k, rows in parts.items() if len(rows)}
        return figures.kaplan_meier(name, title, curves, tables.unit(self.run))
