"""A study, from config to report: the way of the data, readable on one screen."""

import resource
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd

from pmjax import audit, data, environment, evaluate, predictions, train
from pmjax import workdir as directory
from pmjax.cohort import Classify, Cohort, Survive
from pmjax.data.summary import summarise
from pmjax.errors import UserError
from pmjax.evidence import Finding, config_sha256, save_results
from pmjax.prepare import harmonise
from pmjax.prepare.preparation import Preparation
from pmjax.prepare.splits import Splits, make_splits
from pmjax.progress import Stages

Config = Mapping[str, Any]
Problems = Mapping[str, Sequence[train.Problem]]


def run(config: Config, workdir: Path, *, stages: Stages, stop: Callable[[], int]) -> Path | None:
    """Runs the study `config` in `workdir` and returns the report; None in every process but the first.

    Raises:
        UserError: the config, the data or the workdir is at fault; a run that failed is named after the report of
            the others is written.
        AuditError: a blocking finding stopped the study.
        StoppedError: `stop()` gave the number of a signal; the same call goes on from there.
    """
    config = at_scale(config)
    first = jax.process_index() == 0
    with directory.claim(workdir, config) if first else nullcontext():
        if first and directory.is_finished(workdir):
            raise UserError(f"{workdir} holds a finished study; see {workdir / directory.REPORT}, or choose --workdir")
        with stages.stage("cohort and audit"):
            cohort = data.load(**config["cohort"])
            splits = make_splits(cohort, **config["splits"], seed=config["seed"])
            findings = audit.inspect(cohort, splits, allow=tuple(config["audit"]["allow"]))
            findings += unharmonised(common(config)["preparation"], cohort, splits)
            if first:
                describe(cohort, findings, workdir)
            audit.stop_if_blocked(findings)
            problems = check_fit(config, cohort, splits)
            if first:
                directory.write_json(workdir / directory.CONFIG, config)
        table, history = train_all(config, cohort, splits, problems, workdir, stages, stop)
        if not first:
            return None
        failures = failed_runs(history)
        with stages.stage("evidence"):
            table = only_whole_settings(table, history)
            if "recalibrate" in config["evaluate"]:
                corrected = evaluate.recalibrated(table, config["evaluate"]["recalibrate"], config["seed"])
                table = pd.concat([table, corrected], ignore_index=True)
            predictions.save(table, workdir / "predictions.parquet")
            history.to_parquet(workdir / "history.parquet", index=False)
            patients = pd.read_parquet(workdir / "patients.parquet")
            evidence = evaluate.evaluate(
                table, patients, baselines=tuple(config["baselines"]), seed=config["seed"], **evaluation(config)
            )
            log_results(table, config, workdir)
        with stages.stage("report"):
            from pmjax import report  # Matplotlib takes half a second, which the first step need not wait for

            findings = [*findings, *failures]
            directory.write_json(workdir / "findings.json", [asdict(f) for f in findings])
            save_results(workdir / directory.RESULTS, config["study"], config_sha256(config), findings, evidence)
            page = report.build(workdir)
        directory.write_json(workdir / "timing.json", timing(stages))
    if failures:
        raise UserError(f"{failures[0].message} ({len(failures)} in all); the report of the others: {page}")
    return page


def at_scale(config: Config) -> Config:
    """Shrinks a config to seconds where `scale` is smoke: two folds, one seed and setting, three epochs."""
    if config["scale"] not in ("full", "smoke"):
        raise UserError(f"config.scale: {config['scale']!r} is unknown; use full or smoke")
    if config["scale"] == "full":
        return config

    def first(grid: Config) -> Config:
        return {k: v[:1] if isinstance(v, tuple | list) else v for k, v in grid.items()}

    splits = config["splits"]
    held_out = max(0.3, splits["validation"])  # of half the patients, so that it holds some of each class
    # Simulated patients are made to measure, and few of them serve here.
    fewer = {"n": min(400, config["cohort"]["n"])} if "n" in config["cohort"] else {}
    return {
        **config,
        "cohort": {**config["cohort"], **fewer},
        "splits": {**splits, "folds": 2, "repeats": 1, "inner": min(2, splits["inner"]), "validation": held_out},
        "train": {**config["train"], "seeds": 1, "epochs": 3},
        "grid": first(config["grid"]),
        "baselines": {name: first(grid) for name, grid in config["baselines"].items()},
        "evaluate": {**config["evaluate"], "resamples": 200},
    }


def check_fit(config: Config, cohort: Cohort, splits: Splits) -> Problems:
    """Returns what each model is to train, its inputs fitted.

    Raises:
        UserError: models, baselines or evidence do not fit the cohort; none of them has cost time yet.
    """
    specs = {f"config.{s}.{name}": spec for s in ("models", "baselines") for name, spec in config[s].items()}
    sources = [source for at, spec in specs.items() for source in train.sources_of(spec, cohort, at)]
    train.check_preparation(cohort, sources, common(config)["preparation"])
    problems = {
        name: train.pose(spec, cohort, splits, grid=config["grid"], plan=make_plan(config), **common(config))
        for name, spec in config["models"].items()
    }
    for name, spec in config["baselines"].items():
        train.check_baseline(name, spec, cohort)
    columns = ["site", "arm", *([] if cohort.groups is None else cohort.groups)]
    end = cohort.task.time.max() if isinstance(cohort.task, Survive) else None
    evaluate.check(columns, end, **evaluation(config))
    if method := config["evaluate"].get("recalibrate"):
        tested = splits.test.any(axis=0)
        classes = len(cohort.task.classes) if isinstance(cohort.task, Classify) else 0
        evaluate.check_recalibration(method, classes, cohort.patient[tested], cohort.task.stratum[tested])
    return problems


def make_plan(config: Config) -> train.Plan:
    """The plan of training; `profile` is the study's own."""
    return train.Plan(**{k: v for k, v in config["train"].items() if k != "profile"})


def common(config: Config) -> dict[str, Any]:
    """The keywords that models and baselines share."""
    return {
        "preparation": Preparation(**config["prepare"]),
        "horizons": tuple(config["evaluate"]["horizons"]),
        "seed": config["seed"],
    }


def evaluation(config: Config) -> dict[str, Any]:
    """The keywords of `evaluate.evaluate` that a config sets."""
    e = {k: v for k, v in config["evaluate"].items() if k != "recalibrate"}
    return {**e, "horizons": tuple(e["horizons"]), "groups": tuple(e["groups"])}


def describe(cohort: Cohort, findings: list[Finding], workdir: Path) -> None:
    """Writes what is known before training: cohort, patients, inputs, environment, findings."""
    directory.write_json(workdir / "cohort.json", summarise(cohort))
    directory.write_json(workdir / "data.json", dict(cohort.source.files))
    directory.write_json(workdir / "environment.json", environment.describe())
    directory.write_json(workdir / "findings.json", [asdict(f) for f in findings])
    patients = {
        "row": range(len(cohort)),
        "patient": cohort.patient,
        "site": "" if cohort.site is None else cohort.site,
        "arm": "" if cohort.arm is None else cohort.arm,
    }
    frame = pd.DataFrame(patients)
    if cohort.groups is not None:
        frame = frame.join(cohort.groups)
    frame.to_parquet(workdir / "patients.parquet", index=False)


def train_all(
    config: Config,
    cohort: Cohort,
    splits: Splits,
    problems: Problems,
    workdir: Path,
    stages: Stages,
    stop: Callable[[], int],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trains every model and baseline; returns Predictions and history."""
    plan, shared = make_plan(config), common(config)
    tables, histories = [], []
    with ExitStack() as stack:
        monitor = stack.enter_context(train.Monitor(workdir / "tensorboard"))
        if config["train"]["profile"] and jax.process_index() == 0:
            stack.enter_context(jax.profiler.trace(str(workdir / "profile")))
        for name, spec in config["models"].items():
            runs = len(splits.train) * plan.seeds * len(train.expand(config["grid"]))
            with stages.stage(name, runs * plan.epochs):
                hooks = train.Hooks(stop, make_log(name, splits, stages, monitor))
                trained = train.train_model(
                    name,
                    spec,
                    cohort,
                    splits,
                    grid=config["grid"],
                    plan=plan,
                    problems=problems[name],
                    workdir=workdir,
                    hooks=hooks,
                )
                monitor.close()
            tables.append(trained.predictions)
            histories.append(trained.history)
    if jax.process_index() == 0:
        for name, spec in config["baselines"].items():
            grid = {k: v for k, v in spec.items() if k != "input"}
            with stages.stage(name, len(train.expand(grid)) * len(splits.train)):
                progress = make_progress(stages, stop)
                tables.append(train.train_baseline(name, spec, cohort, splits, progress=progress, **shared))
        tables.append(train.oracle_table(cohort, splits, horizons=shared["horizons"]))
    history = pd.concat(histories, ignore_index=True) if histories else pd.DataFrame()
    return pd.concat(tables, ignore_index=True), history


def make_log(name: str, splits: Splits, stages: Stages, monitor: train.Monitor) -> Callable[..., None]:
    """Makes what the loop calls with each epoch's metrics: the bar moves, TensorBoard's files grow."""

    def log(specs: list[Any], epoch: int, metrics: Mapping[str, Any]) -> None:
        stages.advance(len(specs))
        if jax.process_index() == 0:
            runs = [
                f"{name}/{s.name.replace(' ', '_')}/fold{splits.fold[s.split]}.{splits.inner[s.split]}/seed{s.seed}"
                for s in specs
            ]
            monitor.epoch(runs, epoch, metrics)

    return log


def make_progress(stages: Stages, stop: Callable[[], int]) -> Callable[[], None]:
    """Makes what a baseline calls after each fit; a stop loses the fits of that baseline, which take seconds."""

    def progress() -> None:
        stages.advance()
        if number := stop():
            raise train.StoppedError(number)

    return progress


def unharmonised(preparation: Preparation, cohort: Cohort, splits: Splits) -> list[Finding]:
    """Says which sites harmonisation leaves as they are in some split, for want of a training row to learn from."""
    if not preparation.harmonise or cohort.site is None:
        return []
    levels = np.unique(cohort.site).tolist()
    codes = harmonise.site_codes(cohort.site, levels)
    unseen = {code for rows in splits.train for code in harmonise.unseen_sites(codes, rows)}
    if not unseen:
        return []
    sites = ", ".join(repr(levels[code]) for code in sorted(unseen))
    message = f"site {sites} has no training row in some fold and is not harmonised there"
    return [Finding("harmonise", "warning", message)]


def failed_runs(history: pd.DataFrame) -> list[Finding]:
    """One finding for each run whose loss was not finite: which, and at which step."""
    if history.empty:
        return []
    failed = history[history["failed_step"] >= 0].drop_duplicates(["model", "setting", "fold", "inner", "seed"])
    return [
        Finding(
            "non-finite-loss",
            "warning",
            f"{r.model}: the loss of the run fold {r.fold}.{r.inner}, seed {r.seed}, {r.setting} was not finite "
            f"at step {r.failed_step}; its setting is left out, lower the learning rate",
        )
        for r in failed.itertuples()
    ]


def only_whole_settings(table: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """Drops the settings of which a run failed: half a setting must neither be chosen nor reported.

    Raises:
        UserError: nothing is left.
    """
    if not history.empty and not table.empty:
        failed = history[history["failed_step"] >= 0][["model", "setting"]].drop_duplicates()
        broken = pd.MultiIndex.from_frame(table[["model", "setting"]]).isin(pd.MultiIndex.from_frame(failed))
        table = table[~broken].reset_index(drop=True)
    if table.empty:
        raise UserError(f"every setting failed; {failed_runs(history)[0].message}")
    return table


def log_results(table: pd.DataFrame, config: Config, workdir: Path) -> None:
    """Adds to TensorBoard what each setting came to (HPARAMS) and the precision-recall curves of the chosen."""
    choice = evaluate.choose(table)
    chosen = evaluate.chosen_rows(table, "test", choice)
    with train.Monitor(workdir / "tensorboard") as monitor:
        for keys, rows in choice.groupby(["model", "setting"], sort=False):
            model, setting = map(str, keys)
            hparams = {"model": model, **dict(pair.split("=", 1) for pair in setting.split())}
            metrics = {"validation_loss": rows["validation_loss"].mean(), "folds_chosen": float(rows["chosen"].sum())}
            monitor.setting(f"{model}/{setting.replace(' ', '_')}", hparams, metrics)
        for name, rows in chosen.groupby("model", sort=False):
            for column in predictions.probability_columns(rows)[1:]:
                k = int(column.removeprefix("probability_"))
                monitor.pr_curve(f"{name}/test/class{k}", (rows["label"] == k).to_numpy(), rows[column].to_numpy())


def timing(stages: Stages) -> dict[str, Any]:
    """Seconds of each stage and the peak resident memory of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"total_s": round(sum(stages.seconds.values()), 3), "stages": stages.seconds, "peak_memory_mib": round(peak)}
