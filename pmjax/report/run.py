"""Run: a finished run directory, read and checked once; everything that a page is made of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pmjax import predictions
from pmjax.errors import UserError
from pmjax.evidence import Evidence, Finding, load_results

_KEYS = {
    "config.json": ("study", "seed", "models", "baselines", "splits", "train", "evaluate"),
    "environment.json": ("python", "platform", "packages", "devices"),
    "data.json": (),
    "cohort.json": ("name", "title", "simulated", "rows", "patients", "flow", "modalities", "task", "balance", "truth"),
}
_PATIENTS = ("row", "patient", "site", "arm")


@dataclass(frozen=True)
class Run:
    """What a study left behind."""

    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    data: Mapping[str, str]
    cohort: Mapping[str, Any]
    study: str
    sha256: str
    findings: tuple[Finding, ...]
    evidence: tuple[Evidence, ...]
    predictions: pd.DataFrame
    patients: pd.DataFrame
    history: pd.DataFrame

    @property
    def survival(self) -> bool:
        """Whether the outcome is a time to an event."""
        return self.cohort["task"]["kind"] == "survive"

    @cached_property
    def models(self) -> tuple[str, ...]:
        """Names in the order of the config (deep ones, then baselines), others after."""
        present = list(dict.fromkeys(self.predictions["model"]))
        known = [*self.config["models"], *self.config["baselines"]]
        return tuple([m for m in known if m in present] + [m for m in present if m not in known])

    @property
    def baselines(self) -> tuple[str, ...]:
        """The models that the config calls baselines."""
        return tuple(m for m in self.models if m in self.config["baselines"])

    @property
    def deep(self) -> tuple[str, ...]:
        """The models that the study trained by gradient descent."""
        return tuple(m for m in self.models if m in self.config["models"])

    @property
    def headline(self) -> str:
        """The metric that models are ranked by."""
        return "harrell_c" if self.survival else "auroc"

    @cached_property
    def by_key(self) -> dict[tuple[str, str, str], Evidence]:
        """Evidence on test rows by (model, metric, group)."""
        return {(e.model, e.metric, e.group): e for e in self.evidence if e.part == "test"}

    def find(self, model: str, metric: str, group: str = "all") -> Evidence | None:
        """Looks up one estimate on test rows; None where the study has none."""
        return self.by_key.get((model, metric, group))

    def ranked(self, models: tuple[str, ...]) -> list[tuple[str, Evidence]]:
        """Returns `models` with their headline estimate, best first; equal ones keep their order."""
        found = [(m, self.find(m, self.headline)) for m in models]
        known = [(m, e) for m, e in found if e is not None and e.estimate is not None]
        return sorted(known, key=lambda pair: -(pair[1].estimate or 0.0))


def read(directory: Path) -> Run:
    """Reads a run directory.

    Raises:
        UserError: a file is missing, unreadable, or not what this package writes; it names the file.
    """
    if not directory.is_dir():
        raise UserError(f"{directory}: no such run directory; name the folder that holds results.json")
    config, environment, data, cohort = (_json(directory / name) for name in _KEYS)
    for name in ("results.json", "predictions.parquet"):
        _must_exist(directory / name)
    study, sha256, findings, evidence = load_results(directory / "results.json")
    return Run(
        config=config,
        environment=environment,
        data=data,
        cohort=cohort,
        study=study,
        sha256=sha256,
        findings=tuple(findings),
        evidence=tuple(evidence),
        predictions=predictions.load(directory / "predictions.parquet"),
        patients=_parquet(directory / "patients.parquet", _PATIENTS),
        history=_parquet(directory / "history.parquet", ()),
    )


def _must_exist(path: Path) -> None:
    if not path.is_file():
        raise UserError(f"{path}: missing; the study that wrote this folder did not finish, so launch it again")


def _json(path: Path) -> dict[str, Any]:
    _must_exist(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable JSON ({error})") from error
    lacking = [k for k in _KEYS[path.name] if k not in content]
    if lacking:
        raise UserError(f"{path}: the key {lacking[0]!r} is missing; launch the study again")
    return content


def _parquet(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    _must_exist(path)
    try:
        frame = pq.read_table(path).to_pandas()
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path}: not a readable Parquet table ({error})") from error
    lacking = [c for c in columns if c not in frame.columns]
    if lacking:
        raise UserError(f"{path}: the column {lacking[0]!r} is missing; launch the study again")
    return frame
