"""TensorBoard itself, on loopback, reads back what a study logged."""

import json
import os
import socket
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

import pandas as pd
import pytest
import tiny

pytestmark = pytest.mark.slow

SCALARS = {"train/loss", "train/learning_rate", "train/gradient_norm", "validation/loss"}
SETTING = "learning_rate=0.01_weight_decay=0.01"
RUNS = {f"{model}/{SETTING}/fold{fold}.0/seed0" for model in ("dnn", "rnn") for fold in (0, 1)}
# Loopback must not go through a proxy of the machine.
OPENER = build_opener(ProxyHandler({}))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    models = {
        "dnn": {"family": "dnn", "input": "table", "head": "classify", "hidden": [8]},
        "rnn": {"family": "rnn", "input": "series", "head": "classify", "hidden": 8},
    }
    return tiny.run(tmp_path_factory.mktemp("monitor") / "run", models=models, train={"epochs": 3, "chunk": 0})


@pytest.fixture(scope="module")
def ask(run, tmp_path_factory):
    """Returns ask(path, body=None, **query), the answer of a TensorBoard that shows `run`, once it has read it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", f"--logdir={run / 'tensorboard'}", "--host=127.0.0.1"]
    command += [f"--port={port}", "--reload_interval=1", "--load_fast=false"]
    log = tmp_path_factory.mktemp("log") / "tensorboard"

    def ask(path, body=None, **query):
        url = f"http://127.0.0.1:{port}/data/{path}?{urlencode(query)}"
        data = None if body is None else json.dumps(body).encode()
        with OPENER.open(Request(url, data, {"Content-Type": "application/json"}), timeout=10) as answer:
            return json.load(answer)

    with log.open("w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    try:
        limit = time.monotonic() + 60
        while True:
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < limit, f"waited 60 s for TensorBoard in vain: {log.read_text()}"
            try:
                # The curves were logged last.
                if {"dnn/test/class1", "rnn/test/class1", "logistic/test/class1"} <= set(ask("plugin/pr_curves/tags")):
                    break
            except (URLError, ConnectionError, TimeoutError):
                pass
            time.sleep(0.2)
        yield ask
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_every_family_and_fold_has_its_scalars(ask):
    tags = ask("plugin/scalars/tags")
    assert {run for run in tags if "/fold" in run} == RUNS
    for run in RUNS:
        assert set(tags[run]) == SCALARS


def test_the_numbers_are_those_of_the_history(ask, run):
    history = pd.read_parquet(run / "history.parquet")
    columns = {
        "train/loss": "loss",
        "train/learning_rate": "learning_rate",
        "train/gradient_norm": "gradient_norm",
        "validation/loss": "validation_loss",
    }
    for tag, column in columns.items():
        lines = history[(history["model"] == "rnn") & (history["fold"] == 1)]
        shown = ask("plugin/scalars/scalars", run=f"rnn/{SETTING}/fold1.0/seed0", tag=tag)
        assert [step for _, step, _ in shown] == lines["epoch"].tolist() == [1, 2, 3]
        assert [value for _, _, value in shown] == pytest.approx(lines[column].tolist(), rel=1e-6)


def test_every_model_has_a_precision_recall_curve(ask):
    tags = ask("plugin/pr_curves/tags")
    for model in ("dnn", "rnn", "logistic"):
        name = f"{model}/test/class1"
        assert list(tags[name]) == ["test/precision_recall"]
        (curve,) = ask("plugin/pr_curves/pr_curves", run=name, tag="test/precision_recall")[name]
        # At the lowest threshold all 212 malignant and 357 benign are called malignant.
        assert (curve["true_positives"][0], curve["false_positives"][0]) == (212, 357)


def test_every_setting_has_its_hparams(ask):
    body = {
        "experimentName": "",
        "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"],
        "colParams": [],
        "startIndex": 0,
        "sliceSize": 100,
    }
    groups = ask("plugin/hparams/session_groups", body)["sessionGroups"]
    found = {(g["hparams"]["model"], g["hparams"].get("learning_rate"), g["hparams"].get("C")) for g in groups}
    assert found == {("dnn", "0.01", None), ("rnn", "0.01", None), ("logistic", None, "0.1"), ("logistic", None, "1")}
    for group in groups:
        names = {value["name"]["tag"] for value in group["metricValues"]}
        assert names == {"hparam/validation_loss", "hparam/folds_chosen"}
