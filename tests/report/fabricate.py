"""Fabricates complete run directories from scikit-learn and lifelines models, so that a page can be tested alone."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter
from lifelines.datasets import load_lung
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pmjax import predictions
from pmjax.cohort import Classify, Cohort, Modality, Source, Survive
from pmjax.data.summary import summarise
from pmjax.evaluate import evaluate
from pmjax.evidence import Finding, config_sha256, save_results

RESAMPLES, HORIZONS = 200, (365.0, 730.0)
ENVIRONMENT = {
    "python": "3.11.2",
    "platform": "Linux x86_64",
    "packages": {"pmjax": "0.1.0", "jax": "0.10.2"},
    "devices": ["cpu"],
    "backend": "cpu",
    "processes": 1,
    "git": "0123abc",
}
FINDINGS = (
    Finding("duplicate_rows", "blocking", "2 patients have the same values: a, b", ("a", "b"), allowed=True),
    Finding("small_class", "note", "the smaller class has 212 patients"),
)


def wisconsin(rows: int = 569) -> Cohort:
    """Real patients, two classes, two made-up columns of groups and some holes."""
    data = load_breast_cancer()
    values = data.data[:rows].copy()
    values[::50, 3] = np.nan
    return Cohort(
        name="wisconsin",
        patient=np.array([f"p{i}" for i in range(rows)]),
        modalities={"table": Modality("table", values, tuple(data.feature_names))},
        task=Classify("diagnosis", 1 - data.target[:rows], ("benign", "malignant")),
        source=Source(
            "Wisconsin breast cancer", "Street, Wolberg, Mangasarian 1993.", "CC BY 4.0", {"bc.csv": "ab" * 32}
        ),
        groups=pd.DataFrame({"size": np.where(data.data[:rows, 0] > 14, "large", "small")}),
        flow=(("in the source", rows + 3), ("analysed", rows)),
    )


def three_classes() -> Cohort:
    """The first 150 patients of `wisconsin` in thirds of a column that is then taken away."""
    cohort = wisconsin(150)
    table = cohort.modalities["table"]
    order = np.argsort(np.argsort(table.values[:, 0]))
    rest = replace(table, values=table.values[:, 1:], features=table.features[1:])
    task = Classify("radius", order // 50, ("small", "middle", "large"))
    return replace(cohort, modalities={"table": rest}, task=task)


def lung() -> Cohort:
    """Real patients with times to death, in two groups."""
    frame = load_lung()[["time", "status", "age", "sex", "ph.ecog"]].dropna()
    features = ("age", "sex", "ph.ecog")
    return Cohort(
        name="lung",
        patient=np.array([f"p{i}" for i in range(len(frame))]),
        modalities={"table": Modality("table", frame[list(features)].to_numpy(np.float64), features)},
        task=Survive("death", frame["time"].to_numpy(), frame["status"].to_numpy()),
        source=Source("Advanced lung cancer (NCCTG)", "Loprinzi et al. 1994.", "LGPL"),
        groups=pd.DataFrame({"sex": np.where(frame["sex"] == 1, "male", "female")}),
        flow=(("in the source", 228), ("analysed", len(frame))),
    )


def write(cohort: Cohort, run: Path) -> Path:
    """Writes the run directory of a study of `cohort`, without its report."""
    run.mkdir(parents=True)
    survival = isinstance(cohort.task, Survive)
    config = {
        "study": f"study of {cohort.name}",
        "scale": "full",
        "seed": 0,
        "models": {"dnn": {"family": "dnn"}, "cnn": {"family": "cnn"}},
        "baselines": {"cox": {}} if survival else {"logistic": {}},
        "splits": {"scheme": "stratified", "folds": 3},
        "train": {"class_weight": False},
        "evaluate": {
            "resamples": RESAMPLES,
            "threshold": 0.5,
            "horizons": HORIZONS if survival else (),
            "groups": tuple(cohort.groups) if cohort.groups is not None else (),
        },
    }
    table = _predict(cohort, _cox if survival else _classes)
    patients = pd.DataFrame({"row": range(len(cohort)), "patient": cohort.patient, "site": "", "arm": ""})
    patients = patients.join(cohort.groups)
    predictions.save(table, run / "predictions.parquet")
    patients.to_parquet(run / "patients.parquet", index=False)
    _history(table).to_parquet(run / "history.parquet", index=False)
    files = {
        "config": config,
        "environment": ENVIRONMENT,
        "data": dict(cohort.source.files),
        "cohort": summarise(cohort),
        "timing": {"total_s": 1.0, "stages": {}, "peak_memory_mib": 1},
    }
    for name, content in files.items():
        (run / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    evidence = evaluate(table, patients, baselines=tuple(config["baselines"]), seed=0, **config["evaluate"])
    save_results(run / "results.json", config["study"], config_sha256(config), FINDINGS, evidence)
    return run


def hostile(text: str) -> Cohort:
    """A cohort whose every name is `text` with something that tells it apart."""
    cohort = wisconsin(120)
    groups = pd.DataFrame({f"group {text}": np.where(np.arange(120) % 2, f"odd {text}", f"even {text}")})
    table = cohort.modalities["table"]
    return replace(
        cohort,
        name=text,
        patient=np.array([f"{text}{i}" for i in range(120)]),
        modalities={text: replace(table, features=tuple(f"{text}{i}" for i in range(30)))},
        task=replace(cohort.task, name=text, classes=(f"no {text}", f"yes {text}")),
        source=replace(cohort.source, title=text, citation=text, licence=text, notes=(text,)),
        groups=groups,
        flow=((text, 120),),
    )


def _predict(cohort: Cohort, fit) -> pd.DataFrame:
    values = next(iter(cohort.modalities.values())).values
    values = np.where(np.isnan(values), np.nanmean(values, axis=0), values)
    baseline = "cox" if isinstance(cohort.task, Survive) else "logistic"
    runs = [(m, s, k) for m in ("dnn", "cnn") for s in (0.01, 1.0) for k in (0, 1)] + [
        (baseline, s, 0) for s in (0.1, 1.0)
    ]
    tables = []
    for fold, (rest, test) in enumerate(
        StratifiedKFold(3, shuffle=True, random_state=0).split(values, cohort.task.stratum)
    ):
        train, validation = rest[len(rest) // 4 :], rest[: len(rest) // 4]
        for model, strength, seed in runs:
            columns = fit(cohort, values, train, model, strength, seed)
            for part, rows in (("validation", validation), ("test", test)):
                frame = pd.DataFrame({name: column[rows] for name, column in columns.items()})
                keys = {"cohort": cohort.name, "task": cohort.task.name, "model": model, "fold": fold, "inner": 0}
                keys |= {"setting": f"strength={strength}", "seed": seed, "part": part, "row": rows, "site": ""}
                tables.append(frame.assign(**keys, patient=cohort.patient[rows]))
    return pd.concat(tables, ignore_index=True)


def _classes(cohort: Cohort, values, train, model, strength, seed) -> dict[str, np.ndarray]:
    estimator = GaussianNB(var_smoothing=strength * 1e-3) if model == "cnn" else LogisticRegression(C=strength)
    columns = np.arange(values.shape[1])[seed::2] if model == "dnn" else np.arange(values.shape[1])
    fitted = make_pipeline(StandardScaler(), estimator).fit(values[train][:, columns], cohort.task.label[train])
    p = fitted.predict_proba(values[:, columns])
    return {"label": cohort.task.label, **{f"probability_{k}": p[:, k] for k in range(p.shape[1])}}


def _cox(cohort: Cohort, values, train, model, strength, seed) -> dict[str, np.ndarray]:
    names = [f"x{i}" for i in range(values.shape[1])][(1 if model == "cnn" else 0) :]
    frame = pd.DataFrame(values, columns=[f"x{i}" for i in range(values.shape[1])])[names]
    truth = {"time": cohort.task.time, "event": cohort.task.event}
    fitted = CoxPHFitter(penalizer=strength * (1 + seed)).fit(frame.assign(**truth).iloc[train], "time", "event")
    survival = fitted.predict_survival_function(frame, times=HORIZONS).to_numpy()
    columns = {f"survival_{h:g}": s for h, s in zip(HORIZONS, survival, strict=True)}
    risk = fitted.predict_log_partial_hazard(frame).to_numpy()
    return {"start": np.zeros(len(frame)), **truth, "risk": risk, **columns}


def _history(table: pd.DataFrame) -> pd.DataFrame:
    """Curves that fall and stop at different epochs, for the deep models."""
    keys = ["model", "setting", "fold", "inner", "seed"]
    runs = table.loc[table["model"].isin(["dnn", "cnn"]), keys].drop_duplicates()
    lines = []
    for i, run in enumerate(runs.to_dict("records")):
        epoch = np.arange(20 + i % 5)
        loss = 0.1 + 0.5 * np.exp(-epoch / 5) + 0.01 * run["fold"]
        lines.append(pd.DataFrame({**run, "epoch": epoch, "loss": loss, "validation_loss": loss + 0.002 * epoch}))
    rest = {"learning_rate": 1e-3, "gradient_norm": 1.0, "failed_step": -1}
    return pd.concat(lines, ignore_index=True).assign(**rest)
