"""Tables that ship inside our dependencies: read from the package, never from the network."""

import hashlib
import itertools
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd

from pmjax.errors import UserError
from pmjax.types import HostArray


def packaged(package: str, *path: str) -> Path:
    """Find the file at `path` inside `package` without importing that, which would take a second."""
    spec = find_spec(package)
    (folder,) = (spec and spec.submodule_search_locations) or ("",)
    return Path(folder, *path)


def sha256(package: str, *path: str) -> str:
    """Hash the file at `path` inside `package`.

    Raises:
        UserError: when the installed version of the package does not ship the file.
    """
    try:
        return hashlib.sha256(packaged(package, *path).read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"{package} does not ship {'/'.join(path)}; reinstall it from the lock ({error})") from error


def read_lifelines(name: str) -> tuple[pd.DataFrame, dict[str, str]]:
    """Read one of lifelines' csv files; returns the table and `Source.files`."""
    files = {name: sha256("lifelines", "datasets", name)}
    return pd.read_csv(packaged("lifelines", "datasets", name)), files


def band(values: HostArray, edges: Sequence[int]) -> HostArray:
    """Name the band of every whole-numbered value: edges (50, 60) give "under 50", "50–59" and "60 and over"."""
    inner = [f"{low}–{high - 1}" for low, high in itertools.pairwise(edges)]
    labels = np.array([f"under {edges[0]}", *inner, f"{edges[-1]} and over"])
    return labels[np.digitize(values, edges)]
