"""Every config that ships, and every one that will, runs to its end at smoke scale and says how it is run."""

import ast
from pathlib import Path

import pytest

from pmjax import data, launch, study
from pmjax.data.public import REGISTRY
from pmjax.data.public.fetch import find
from pmjax.errors import AuditError
from pmjax.evidence import load_results
from pmjax.predictions import ORACLE, RECALIBRATED
from pmjax.progress import Stages

REFUSED = ("whas",)
CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.py"))
everyone = pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)


@everyone
def test_it_fits_one_screen_and_names_its_command(path):
    text = path.read_text(encoding="utf-8")
    header = ast.get_docstring(ast.parse(text))
    command = "python -m pmjax.launch" + ("" if path.stem == "quickstart" else f" --config={path.stem}")
    assert f"{command}\n" in f"{header}\n".replace(")", "\n")
    assert "Time: " in header
    assert len(text.splitlines()) <= 45


@everyone
def test_its_study_has_its_own_name_and_folder(path):
    config, workdir, _ = launch.parse([f"--config={path}"])
    assert (config["study"], workdir) == (path.stem, Path("runs") / path.stem)


def smoke(path, tmp_path):
    """The config at smoke scale and its folder; a skip where its cohort is public and not at hand."""
    config, workdir, _ = launch.parse([f"--config={path}", "--config.scale=smoke", f"--workdir={tmp_path}/run"])
    name = config["cohort"]["name"]
    if name in data.PUBLIC and not all(map(find, REGISTRY[name].files)):
        pytest.skip(f"the files of {name} are not at hand; set PMJAX_DATA to the folder that holds them")
    return config, workdir


@pytest.mark.slow
@pytest.mark.parametrize("path", [p for p in CONFIGS if p.stem not in REFUSED], ids=lambda path: path.stem)
def test_it_runs_to_the_end_at_smoke_scale(path, tmp_path):
    config, workdir = smoke(path, tmp_path)
    page = study.run(config, workdir, stages=Stages(quiet=True), stop=lambda: 0)
    assert page == workdir / "report.html"
    html = page.read_text(encoding="utf-8")
    assert html.rstrip().endswith("</html>")
    assert "Research use only" in html
    name, _, _, evidence = load_results(workdir / "results.json")
    assert name == path.stem
    names = [*config["models"], *config["baselines"]]
    headline = "auroc" if "auroc" in {e.metric for e in evidence} else "harrell_c"
    judged = {e.model: e for e in evidence if (e.metric, e.group, e.part) == (headline, "all", "test")}
    others = {ORACLE, *(model + RECALIBRATED for model in names)}
    assert set(names) <= set(judged) <= {*names, *others}
    for model in names:
        # A bound of 1 is that of patients whom a model tells apart without an error.
        assert 0 < judged[model].low <= judged[model].estimate <= judged[model].high <= 1
    for e in evidence:
        # A bound may be out of reach, such as the upper one of a median survival beyond the last patient.
        # A percentile interval need not hold an estimate that is skewed, as slope and intercept over few mice are.
        skewed = e.metric.startswith("calibration_")
        known = [x for x in (e.low, None if skewed else e.estimate, e.high) if x is not None]
        assert known == sorted(known), e
        assert e.method


def test_the_leak_that_ships_as_a_fixture_is_refused(tmp_path):
    """229 of the 328 test rows of DeepSurv's WHAS are training rows: 3 is the exit code of a leak."""
    config, workdir = smoke(next(p for p in CONFIGS if p.stem == "whas"), tmp_path)
    with pytest.raises(AuditError, match="229 of 328 test rows") as refused:
        study.run(config, workdir, stages=Stages(quiet=True), stop=lambda: 0)
    assert refused.value.exit_code == 3
    assert not (workdir / "report.html").exists()
