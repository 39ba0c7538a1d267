"""What every test runs under: a strict JAX on eight CPU devices, and the fixtures that all rooms share."""

import os
import sys
import tempfile
from pathlib import Path

# Read by JAX when it is imported or makes its devices; subprocesses of the tests inherit them.
assert "jax" not in sys.modules, "a pytest plugin imported jax before its settings were made"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
os.environ["JAX_NUMPY_RANK_PROMOTION"] = "raise"
os.environ["MPLBACKEND"] = "Agg"
# Programs compiled by an earlier run of the tests are read back, and the user's own cache stays as it is.
os.environ["PMJAX_CACHE"] = str(Path(tempfile.gettempdir()) / f"pmjax-tests-{os.getuid()}" / "jax")
os.environ["JAX_COMPILATION_CACHE_DIR"] = os.environ["PMJAX_CACHE"]
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"

import jax
import pytest
from hypothesis import settings

# Compilation makes the first example slow, and CI must see what a developer saw.
settings.register_profile("pmjax", deadline=None, derandomize=True, max_examples=30)
settings.load_profile("pmjax")


@pytest.fixture
def key() -> jax.Array:
    """A PRNG key; split it or fold into it."""
    return jax.random.key(0)


@pytest.fixture
def data_folder(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of public data, named by PMJAX_DATA for the test; a skip where this machine has none."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("PMJAX_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no public data at {folder}; set PMJAX_DATA to the folder that holds them")
    monkeypatch.setenv("PMJAX_DATA", str(folder))
    return folder
