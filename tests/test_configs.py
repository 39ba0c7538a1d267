"""Every config that ships, and every one that will, runs to its end at smoke scale and says how it is run."""

import ast
from pathlib import Path

import pytest

from pmjax import launch, study
from pmjax.evidence import load_results
from pmjax.progress import Stages

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


@pytest.mark.slow
@everyone
def test_it_runs_to_the_end_at_smoke_scale(path, tmp_path):
    config, workdir, _ = launch.parse([f"--config={path}", "--config.scale=smoke", f"--workdir={tmp_path}/run"])
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
    assert sorted(judged) == sorted(names)
    for model in names:
        assert 0 < judged[model].low < judged[model].high < 1
    for e in evidence:
        # A bound may be out of reach, such as the upper one of a median survival beyond the last patient.
        known = [x for x in (e.low, e.estimate, e.high) if x is not None]
        assert known == sorted(known), e
        assert e.method
