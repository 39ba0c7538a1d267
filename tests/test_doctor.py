"""The doctor is run as a person runs it; a set-up that cannot work is made by hiding or ageing one part of it."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from pmjax import doctor

ROOT = Path(__file__).parents[1]


def _run(tmp_path, *arguments, python=sys.executable, **environment):
    environment = {**os.environ, "PMJAX_CACHE": str(tmp_path / "cache"), "COLUMNS": "200", **environment}
    command = [python, "-m", "pmjax.doctor", f"--workdir={tmp_path}", *arguments]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_working_set_up_is_fine(tmp_path):
    done = _run(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("jax", "flax", "scikit-learn"):
        assert re.search(rf"✓\s+{name}\s+{re.escape(metadata.version(name))}", done.stdout), name
    assert "8: cpu:0" in done.stdout
    assert "JAX_PLATFORMS=cpu says so" in done.stdout
    assert re.search(r"✓\s+allocator\s+\S", done.stdout)
    assert not (tmp_path / "cache").exists(), "looking must not make folders"


def test_it_says_who_turned_the_allocator_s_settings_off(tmp_path):
    assert "left as it is: PMJAX_NO_REEXEC is set" in _run(tmp_path, PMJAX_NO_REEXEC="1").stdout


def test_every_failing_part_is_one_line_and_code_2(tmp_path):
    (tmp_path / "file").touch()
    done = _run(
        tmp_path,
        f"--workdir={tmp_path}/file/runs",
        PMJAX_CACHE=f"{tmp_path}/file/cache",
        PMJAX_DATA=f"{tmp_path}/absent",
        JAX_PLATFORMS="no_such_platform",
    )
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["devices", "cache", "workdir", "data"]
    assert "set PMJAX_CACHE" in lines[1]
    assert "no_such_platform" in lines[0]


@pytest.mark.parametrize("name", ["jax", "rich", "optax"])
def test_a_missing_package_is_named_and_nothing_is_traced_back(tmp_path, name):
    hide = f"""
import importlib.util, sys
from importlib import metadata
version, find_spec = metadata.version, importlib.util.find_spec
def hidden_version(name):
    if name == {name!r}:
        raise metadata.PackageNotFoundError(name)
    return version(name)
metadata.version = hidden_version
importlib.util.find_spec = lambda name: None if name == {name!r} else find_spec(name)
sys.modules[{name!r}] = None  # import then raises ImportError
from pmjax import doctor
sys.exit(doctor.main(["--workdir={tmp_path}"]))
"""
    environment = {**os.environ, "PMJAX_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", hide], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"pmjax.doctor: {name}: missing; run `pip install '{name}>=" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("found", "requirement", "fine"),
    [
        ("0.10.0", "jax>=0.10", True),
        ("0.9.12", "jax>=0.10", False),
        ("0.10", "jax>=0.10.0", True),
        ("1.0", "lifelines>=0.30.3", True),
        ("0.30.2", "lifelines>=0.30.3", False),
        ("3.14.0", ">=3.11,<3.14", False),
        ("3.13.9", ">=3.11,<3.14", True),
        ("1.0", "anything", True),
    ],
)
def test_versions_are_compared_by_number(found, requirement, fine):
    assert (doctor._version("x", found, requirement).problem is None) == fine


def test_an_old_python_is_told_so(tmp_path):
    old = next(iter(sorted(Path.home().glob(".pyenv/versions/3.[89]*/bin/python"))), None)
    if old is None:
        pytest.skip("no Python older than 3.11 on this machine")
    done = _run(tmp_path, python=old)
    assert done.returncode == 2
    assert "is older than 3.11" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_supported_pythons_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == doctor._PYTHON
    makefile = (ROOT / "Makefile").read_text()
    least, below = re.findall(r"\((3), (\d+)\)", makefile)
    assert f">={'.'.join(least)},<{'.'.join(below)}" == doctor._PYTHON


@pytest.mark.parametrize(
    ("environment", "nvidia", "plugin", "reason"),
    [
        ({"JAX_PLATFORMS": "cpu"}, True, True, "JAX_PLATFORMS=cpu"),
        ({}, False, True, "no NVIDIA device"),
        ({}, True, False, "CUDA plugin of jaxlib is missing"),
        ({"CUDA_VISIBLE_DEVICES": ""}, True, True, "CUDA_VISIBLE_DEVICES hides it"),
        ({}, True, True, "nvidia-smi"),
    ],
)
def test_why_no_gpu_names_the_first_obstacle(monkeypatch, environment, nvidia, plugin, reason):
    for name in ("JAX_PLATFORMS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(doctor.Path, "glob", lambda *_: iter([Path("/dev/nvidia0")] if nvidia else []))
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda _: object() if plugin else None)
    assert reason in doctor._why_no_gpu()
