"""What a study ran on: versions, devices, commit. For environment.json, never for results.json."""

import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    *("pmjax", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "pandas", "scipy"),
    *("scikit-learn", "lifelines", "pyarrow", "matplotlib", "tensorboardX"),
)


def describe() -> dict[str, Any]:
    """Describes this process; initialises JAX."""
    import jax

    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "backend": jax.default_backend(),
        "devices": [d.device_kind for d in jax.devices()],
        "processes": jax.process_count(),
        "git": commit(Path(__file__).parent),
    }


def commit(folder: Path) -> str | None:
    """Returns the commit of the checkout that holds `folder`, with a + where files differ from it; None outside one."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None
