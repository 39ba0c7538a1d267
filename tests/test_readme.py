"""Whoever follows README.md gets what it says: its commands run, its code works, its links lead somewhere."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from pmjax import data

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def _commands():
    lines = [line for block in _blocks("sh") for line in block.splitlines() if line]
    # A study is slow, and what reads one needs it.
    slow = [pytest.mark.slow if re.search("launch|--run", line) else () for line in lines]
    return [pytest.param(line, marks=mark) for line, mark in zip(lines, slow, strict=True)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for all commands in their order, since the later ones read what the earlier ones left."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "launch").symlink_to(ROOT / "launch")
    return folder


@pytest.mark.parametrize("command", _commands())
def test_command_runs(folder, command):
    words = shlex.split(command)
    if words[0] == "make":
        words = ["make", "--directory", str(ROOT), "--dry-run", *words[1:]]
    elif words[0].endswith("tensorboard"):
        words.append("--inspect")  # prints what it would serve
    elif "launch" in command and "--help" not in words:
        words += ["--config.scale=smoke", "--quiet"]
    environment = {**os.environ, "PYTHON": sys.executable}
    environment.pop("XLA_FLAGS")  # as a person has it
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    workdir = [word.removeprefix("--workdir=") for word in words if word.startswith("--workdir=")]
    if workdir:
        assert (folder / workdir[0] / "report.html").is_file()


def test_declared_roles_read_a_table_of_ones_own(tmp_path):
    path = tmp_path / "clinic.csv"
    path.write_text(
        "patient,sex,ward,smoking,sodium,readmitted\n"
        "p1,f,north,never,140,no\np2,m,south,former,135,yes\np3,f,south,never,,no\n"
    )
    cohort = data.load(**{**_defined_in_block(0)["cohort"], "path": str(path)})
    assert cohort.patient.tolist() == ["p1", "p2", "p3"]
    assert cohort.task.classes == ("no", "yes")
    assert cohort.task.label.tolist() == [0, 1, 0]
    assert cohort.site.tolist() == ["north", "south", "south"]
    table = cohort.modalities["table"]
    assert set(table.features) == {"sodium", "smoking=former", "smoking=never"}
    assert jnp.isnan(table.values[2, table.features.index("sodium")])


def _defined_in_block(index):
    names = {}
    exec(_blocks("python")[index], names)
    return names


def test_cohort_of_the_readme_loads(tmp_path):
    path = tmp_path / "clinic.csv"
    path.write_text("patient,sodium,creatinine,readmitted,sex\na,140,,0,female\nb,135,1.2,1,male\n")
    cohort = _defined_in_block(1)["clinic"](str(path))
    assert cohort.patient.tolist() == ["a", "b"]
    assert cohort.task.label.tolist() == [0, 1]


def test_model_of_the_readme_is_one_that_build_takes(monkeypatch, key):
    from pmjax import models

    monkeypatch.setitem(models.FAMILIES, "wide", _defined_in_block(2)["Wide"])
    model = models.build("wide", 3, hidden=8)
    inputs = jnp.ones((5, 4))
    outputs = model.apply(model.init(key, inputs), inputs)
    assert outputs.shape == (5, 3)
    assert jnp.isfinite(outputs).all()
    assert any(leaf.shape == (4, 8) for leaf in jax.tree.leaves(model.init(key, inputs)))


def test_every_shipped_config_is_in_the_table():
    table = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)
    assert sorted(table) == sorted(path.stem for path in (ROOT / "configs").glob("*.py"))


def test_links_lead_to_files():
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link
