"""The run directory: claimed by one process, made by one config, written piece by piece without half files."""

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pmjax.errors import UserError

CONFIG = "config.json"
RESULTS = "results.json"
REPORT = "report.html"


def is_finished(workdir: Path) -> bool:
    """Whether a study has run to its end here."""
    return (workdir / RESULTS).exists() and (workdir / REPORT).exists()


@contextmanager
def claim(workdir: Path, config: Mapping[str, Any]) -> Iterator[None]:
    """Holds `workdir` for the study `config` until the block ends, or the process does.

    Raises:
        UserError: it cannot be made, another process holds it, or another config made it.
    """
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        lock = (workdir / ".lock").open("w")
    except OSError as error:
        raise UserError(f"workdir {workdir}: {error.strerror}; choose another with --workdir") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(f"workdir {workdir} is in use by another process; wait for it or choose another") from error
        _check_config(workdir, config)
        yield


def _check_config(workdir: Path, config: Mapping[str, Any]) -> None:
    path = workdir / CONFIG
    # A study that its config, its data or the audit stopped before training left none, so that it can be mended.
    made_by = read_json(path) if path.exists() else config
    if made_by != config:
        where = first_difference(made_by, config)
        raise UserError(
            f"workdir {workdir} was made by another config (they differ in {where}); "
            "choose another --workdir or remove it"
        )


def first_difference(a: Any, b: Any, at: str = "config") -> str:
    """Names the first key, in order, in which two JSON values differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in [*a, *(k for k in b if k not in a)]:
            if key not in a or key not in b or a[key] != b[key]:
                return first_difference(a.get(key), b.get(key), f"{at}.{key}")
    return at


def write_json(path: Path, content: Any) -> None:
    """Writes so that `path` holds either the old or the whole new content."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def read_json(path: Path) -> Any:
    """Reads a JSON file.

    Raises:
        UserError: it is not there or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as JSON ({error})") from error
