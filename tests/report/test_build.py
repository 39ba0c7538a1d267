"""The report of a run: complete, true to its evidence, the same on every rebuild, safe and readable."""

import csv
import json
import re
import shutil
from html.parser import HTMLParser
from xml.etree import ElementTree

import fabricate
import pandas as pd
import pytest

from pmjax import report
from pmjax.evidence import load_results
from pmjax.report import labels
from pmjax.report.__main__ import main
from pmjax.report.run import read

SVG = "{http://www.w3.org/2000/svg}"
COMMON = ("Audit", "Cohort", "Performance for a clinical reader", "Models against baselines", "Subgroups", "Training",
          "Environment", "Limits", "Reporting checklist", "How to rebuild", "References")  # fmt: skip
TABLES = {
    "wisconsin": "flow outcome modalities missingness balance groups findings clinical net-benefit paper-metrics "
    "paper-table-x-published differences subgroups settings environment inputs tripod-ai",
    "lung": "flow outcome modalities balance groups findings clinical differences subgroups observed-survival log-rank "
    "settings environment tripod-ai",
}
FIGURES = {
    "wisconsin": "calibration-1-dnn decision-1-dnn risk-1-dnn calibration-2-cnn decision-2-cnn risk-2-cnn "
    "calibration-3-logistic decision-3-logistic risk-3-logistic discrimination paired-differences learning-1-dnn "
    "learning-2-cnn settings-1-dnn settings-2-cnn settings-3-logistic",
    "lung": "calibration-365-1-dnn calibration-730-1-dnn thirds-1-dnn calibration-365-2-cnn calibration-730-2-cnn "
    "thirds-2-cnn calibration-365-3-cox calibration-730-3-cox thirds-3-cox discrimination paired-differences "
    "survival-1 learning-1-dnn learning-2-cnn settings-1-dnn settings-2-cnn settings-3-cox",
}


class Elements(HTMLParser):
    """Collects every start tag with its attributes, and the text of headings and cells of estimates."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.texts, self._open = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if (tag in ("h2", "td") and ("class", "estimate") in attrs) or tag == "h2":
            self._open = tag
            self.texts.append((tag, ""))

    def handle_data(self, data):
        if self._open:
            tag, text = self.texts[-1]
            self.texts[-1] = (tag, text + data)

    def handle_endtag(self, tag):
        if tag == self._open:
            self._open = None


def page(run) -> str:
    return (run / "report.html").read_text(encoding="utf-8")


def files(run) -> dict[str, bytes]:
    made = [run / "report.html", *(run / "tables").iterdir(), *(run / "figures").iterdir()]
    return {str(f.relative_to(run)): f.read_bytes() for f in made}


def test_every_table_figure_and_section_is_there(run):
    assert {f.stem for f in (run / "tables").glob("*.csv")} == set(TABLES[run.name].split())
    assert {f.stem for f in (run / "figures").glob("*.svg")} == set(FIGURES[run.name].split())
    assert {f.suffix for f in [*(run / "tables").iterdir(), *(run / "figures").iterdir()]} == {".csv", ".svg"}
    headings = [text for tag, text in Elements(page(run)).texts if tag == "h2"]
    assert [h for h in headings if h in COMMON] == list(COMMON)
    for figure in (run / "figures").glob("*.svg"):
        assert f'aria-labelledby="{figure.stem}-title' in page(run)
    for sentence in ("Research use only", "Real patients", "--run DIR"):
        assert sentence in page(run)


def test_every_estimate_on_the_page_is_one_of_results_json(run):
    evidence = load_results(run / "results.json")[3]
    allowed = {labels.interval(e) for e in evidence} | {labels.estimate(e) for e in evidence}
    shown = [" ".join(text.split()) for tag, text in Elements(page(run)).texts if tag == "td"]
    assert len(shown) > 20
    assert [s for s in shown if s not in allowed] == []


def test_csv_holds_the_unrounded_evidence(run):
    evidence = {(e.model, e.group, e.metric): e for e in load_results(run / "results.json")[3]}
    for name in ("clinical", "differences", "subgroups"):
        with (run / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
            lines = list(csv.DictReader(stream))
        assert lines
        for line in lines:
            e = evidence[line["model"], line["group"], line["metric"]]
            assert float(line["estimate"]) == e.estimate
            assert (line["low"], line["high"]) == (str(e.low), str(e.high))
            assert int(line["n"]) == e.n


def test_rebuilt_is_original_byte_for_byte(run, tmp_path, capsys):
    copy = tmp_path / "elsewhere"
    shutil.copytree(run, copy)
    for made in ("tables", "figures"):
        shutil.rmtree(copy / made)
    (copy / "report.html").unlink()
    assert main(["--run", str(copy)]) == 0
    assert str(copy / "report.html") in capsys.readouterr().out
    assert files(copy) == files(run)


def test_page_needs_neither_network_nor_script(run):
    text = page(run)
    for tag, attributes in Elements(text).tags:
        assert tag not in ("script", "iframe", "link", "object", "img")
        assert not [a for a in attributes if a.startswith("on")]
        for name in ("src", "href"):
            assert attributes.get(name, "#").startswith(("#", "tables/")), (tag, attributes)
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_links_and_ids_of_a_page_meet(run):
    tags = Elements(page(run)).tags
    ids = [a["id"] for _, a in tags if "id" in a]
    assert len(ids) == len(set(ids))
    for _, attributes in tags:
        target = attributes.get("href", "")
        if target.startswith("#"):
            assert target[1:] in ids
        elif target:
            assert (run / target).is_file()


def test_every_figure_can_be_read_aloud(run):
    for path in (run / "figures").glob("*.svg"):
        root = ElementTree.parse(path).getroot()
        title, desc = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
        assert root.get("role") == "img"
        assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
        assert title.text
        assert len(desc.text) > 20
        assert "nan" not in desc.text.split()


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "{{ 7 * 7 }}{% raw %}",
        "$x_{$ & ]]> ü 乳癌",
        "long " * 30 + "name",
    ],
)
def test_hostile_names_stay_text(text, tmp_path):
    run = fabricate.write(fabricate.hostile(text), tmp_path / "run")
    report.build(run)
    tags = {tag for tag, _ in Elements(page(run)).tags}
    assert not tags & {"script", "img", "raw"}
    assert text in Plain(page(run)).text
    for path in (run / "figures").glob("*.svg"):
        assert not [e for e in ElementTree.parse(path).iter() if e.tag in (f"{SVG}script", f"{SVG}img")]


class Plain(HTMLParser):
    """The text of a page as it is read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.feed(text)

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    "name",
    ["config.json", "environment.json", "data.json", "cohort.json", "results.json", "predictions.parquet",
     "patients.parquet", "history.parquet"],
)  # fmt: skip
@pytest.mark.parametrize("damage", ["missing", "torn"])
def test_missing_or_torn_file_is_one_line_and_exit_code_2(name, damage, classify_run, tmp_path, capsys):
    copy = tmp_path / "run"
    shutil.copytree(classify_run, copy)
    (copy / name).unlink() if damage == "missing" else (copy / name).write_bytes(b"{\xff")
    assert main(["--run", str(copy)]) == 2
    error = capsys.readouterr().err
    assert name in error
    assert error.count("\n") == 1


def test_no_such_run_is_one_line_and_debug_shows_the_traceback(tmp_path, capsys):
    assert main(["--run", str(tmp_path / "none")]) == 2
    assert "no such run directory" in capsys.readouterr().err
    with pytest.raises(report.UserError):
        main(["--run", str(tmp_path / "none"), "--debug"])


def test_simulated_cohort_says_so(classify_run, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(classify_run, copy)
    cohort = json.loads((copy / "cohort.json").read_text())
    (copy / "cohort.json").write_text(json.dumps({**cohort, "simulated": True}))
    report.build(copy)
    assert "Simulated patients" in page(copy)
    assert "Real patients" not in page(copy)


def test_study_of_baselines_alone_has_no_learning_curves(classify_run, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(classify_run, copy, ignore=shutil.ignore_patterns("figures", "tables"))
    pd.DataFrame().to_parquet(copy / "history.parquet")
    report.build(copy)
    assert not list((copy / "figures").glob("learning-*"))


def test_models_stand_in_the_order_of_the_config(run):
    content = read(run)
    assert content.models == (*content.config["models"], *content.config["baselines"])


def test_three_classes_have_no_plots_of_two(tmp_path):
    run = fabricate.write(fabricate.three_classes(), tmp_path / "run")
    report.build(run)
    assert not list((run / "figures").glob("calibration-*"))
    assert not (run / "tables" / "net-benefit.csv").exists()
    assert "drawn for two classes; this task has more" in page(run)
    assert (run / "tables" / "paper-metrics.csv").is_file()
