"""Table IX says what it measured; with PyTorch installed, both do the same work."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import cases, table_ix
from benchmarks.cases import CASES
from benchmarks.ours import Inference, Ours
from pmjax.errors import UserError
from pmjax.train.step import Table

TINY = {
    "dnn": replace(CASES["dnn-small"], batch=16, steps=5),
    "cnn1d": replace(CASES["cnn1d-small"], shape=(30, 4), batch=8, steps=5),
    "cnn2d": replace(CASES["cnn2d-small"], shape=(9, 9, 3), batch=8, steps=5),
    "rnn": replace(CASES["rnn-small"], shape=(7, 5), batch=8, steps=5),
    "hybrid": replace(CASES["hybrid-small"], shape=(30, 4), batch=8, steps=5),
    "hybrid of images": replace(CASES["cnn2d-small"], family="hybrid", shape=(9, 9, 3), batch=8, steps=5),
}


def test_quick_leaves_json_and_markdown(tmp_path, capsys):
    assert table_ix.main(["--quick", "--cases", "dnn-small", "--out", str(tmp_path)]) == 0
    (path,) = tmp_path.glob("*/table_ix.json")
    written = json.loads(path.read_text())
    record = written["data"]["cases"]["dnn-small"]
    assert record["to_goal"]["ours"]["reached"]
    assert 0 < record["answers"]["1"]["latency"]["ours"]["p50"] <= record["answers"]["1"]["latency"]["ours"]["p99"]
    assert record["memory"]["ours"]["peak"] > record["memory"]["ours"]["imported"] > 1 << 20
    page = path.with_suffix(".md").read_text()
    assert page in capsys.readouterr().out
    assert "| dnn-small |" in page
    assert "jax" in written["machine"]["packages"]


def test_an_unknown_case_is_named():
    with pytest.raises(UserError, match="no case 'cnn3d'"):
        table_ix.main(["--cases", "dnn,cnn3d"])


def test_the_goal_is_met_by_learning():
    """The first loss is that of guessing or worse; the goal lies well below it."""
    case = TINY["dnn"]
    ours = Ours(case, cases.make_data(case))
    first = ours.train_and_validate(ours.table(0))
    for epoch in range(1, 30):
        last = ours.train_and_validate(ours.table(epoch))
    assert last < first
    assert first > case.goal


@pytest.mark.parametrize("case", TINY.values(), ids=TINY)
def test_pytorch_answers_the_same(case):
    pytest.importorskip("torch")
    from benchmarks.peer_torch import Variant
    from benchmarks.theirs import Theirs

    data = cases.make_data(case)
    ours = Ours(case, data)
    theirs = Theirs(case, ours.prepared, data.labels, ours.params)
    rows = np.arange(12)
    expected = Inference(ours)(ours.prepared[rows])
    for variant in (Variant(), Variant(channels_last=case.kind == "image", threads=1)):
        (call,) = theirs.asking([variant], rows).values()
        np.testing.assert_allclose(call(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", TINY.values(), ids=TINY)
def test_pytorch_loses_the_same_for_twenty_steps(case):
    pytest.importorskip("torch")
    from benchmarks.peer_torch import Variant
    from benchmarks.theirs import Theirs

    data = cases.make_data(case)
    ours = Ours(case, data)
    theirs = Theirs(case, ours.prepared, data.labels, ours.params)
    tables = [ours.table(epoch) for epoch in range(4)]
    table = Table(*(np.concatenate(parts, axis=1) for parts in zip(*tables, strict=True)))
    losses = ours.losses(table)
    assert len(losses) == 20
    for optimizer in ("loop", "foreach", "fused"):
        training = theirs.training(Variant(optimizer))
        np.testing.assert_allclose(training.epoch(theirs.batches(table.rows[0])), losses, rtol=1e-4)
        training.restart(theirs.params)
        np.testing.assert_allclose(training.epoch(theirs.batches(table.rows[0])), losses, rtol=1e-4)
    assert losses.std() > 1e-3
