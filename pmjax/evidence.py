"""Evidence: one number with its interval, what it was computed on and how. The stable form of results.json."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pmjax.errors import UserError


@dataclass(frozen=True, order=True)
class Evidence:
    """One estimate. `setting` is "chosen" for the setting picked on validation rows, `group` is "all" or e.g.
    "sex=female", `low`/`high` bound the 95 % interval (None where there is none, and `method` says why)."""

    cohort: str
    task: str
    model: str
    setting: str
    part: str
    group: str
    metric: str
    estimate: float | None
    low: float | None
    high: float | None
    n: int
    events: int
    method: str

    def __post_init__(self) -> None:
        for name in ("estimate", "low", "high"):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ValueError(f"{self.metric} of {self.model}: {name} is {value}; use None and say why in method")


@dataclass(frozen=True)
class Finding:
    """What the audit found. A `blocking` one stops the study unless its `check` is in `config.audit.allow`."""

    check: str
    severity: str  # "blocking" | "warning" | "note"
    message: str
    rows: tuple[str, ...] = ()
    allowed: bool = False


def config_sha256(config: Mapping[str, Any]) -> str:
    """sha256 of the config's canonical JSON."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def save_results(
    path: Path, study: str, sha256: str, findings: Iterable[Finding], evidence: Iterable[Evidence]
) -> None:
    """Writes results.json: the same bytes for the same study, whatever the clock, host or path."""
    content = {
        "study": study,
        "config_sha256": sha256,
        "findings": [asdict(f) for f in findings],
        "evidence": [asdict(e) for e in evidence],
    }
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    partial.replace(path)


def load_results(path: Path) -> tuple[str, str, list[Finding], list[Evidence]]:
    """Reads results.json: study, config_sha256, findings, evidence."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        findings = [Finding(**{**f, "rows": tuple(f["rows"])}) for f in content["findings"]]
        return content["study"], content["config_sha256"], findings, [Evidence(**e) for e in content["evidence"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not a results.json of pmjax ({error})") from error
