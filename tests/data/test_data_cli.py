"""python -m pmjax.data: the pages and the errors of the command line."""

import subprocess
import sys

import pytest

from pmjax import data
from pmjax.data import __main__ as cli
from pmjax.data.measure import balance, measure, measure_apart, shape
from pmjax.data.public import REGISTRY


@pytest.fixture
def nothing_at_hand(monkeypatch, tmp_path):
    monkeypatch.setenv("PMJAX_DATA", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def run(capsys, *arguments):
    code = cli.main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def test_help_names_every_flag(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert all(flag in out for flag in cli._FLAGS)
    assert "Research use only" in out


def test_the_list_has_every_named_cohort(capsys, nothing_at_hand):
    code, out, _ = run(capsys)
    assert code == 0
    listed = {line.split()[0] for line in out.splitlines() if line.strip()}
    assert {*data.PACKAGED, *data.PUBLIC, *data.SIMULATED} <= listed
    assert "Research use only" in out


def test_a_cohort_that_is_not_here_is_described_without_a_download(capsys, nothing_at_hand):
    code, out, _ = run(capsys, "metabric")
    assert code == 0
    assert "DeepSurv: C .643 (published, unverified)" in out
    assert "--fetch metabric" in out
    assert "loaded in" not in out


def test_a_packaged_cohort_is_loaded_and_described(capsys):
    code, out, _ = run(capsys, "lung")
    assert code == 0
    assert "165 events in 228 rows (72.4%)" in out
    assert "table 228 × 7" in out
    assert "s, peak" in out


def test_a_public_cohort_is_loaded_and_described_with_its_flaws(capsys, data_folder):
    code, out, _ = run(capsys, "gue_tata")
    assert code == 0
    for told in ("train 4904, validation 613, test 613", "none 3065, promoter 3065", "16 sequences of the test part"):
        assert told in out
    assert REGISTRY["gue_tata"].files[2].sha256 in out


def test_fetch_says_where_verified_files_lie(capsys, data_folder):
    code, out, _ = run(capsys, "--fetch", "uci_splice")
    assert code == 0
    assert str(data_folder / "uci_splice" / "splice.arff") in out.replace("\n", "")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "'nowhere' is unknown"),
        (["--fetsh", "lung"], "flag --fetsh is unknown"),
        (["--fetch"], "--fetch needs a name"),
        (["--fetch", "lung"], "'lung' has no files to fetch"),
        (["--fetch", "--measure"], "not both"),
        (["--fetch", "ecg200"], "is not at hand and is not fetched"),
        (["table"], "needs the option"),
        (["--measure", "nowhere"], "'nowhere' is unknown"),
    ],
)
def test_an_error_is_one_line(capsys, nothing_at_hand, arguments, told):
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert told in err
    assert len(err.splitlines()) == 1


def test_debug_shows_the_traceback(capsys, nothing_at_hand):
    code, _, err = run(capsys, "nowhere", "--debug")
    assert code == 2
    assert "Traceback" in err


def test_the_module_runs_as_a_command():
    told = subprocess.run(
        [sys.executable, "-m", "pmjax.data", "--help"], capture_output=True, text=True, check=True, timeout=120
    )
    assert told.stdout == cli.__doc__


def test_a_cohort_is_measured_in_a_process_of_its_own():
    (one,) = measure_apart(["lung"])
    assert (one.name, one.shape, one.balance) == ("lung", "table 228 × 7", "165 events in 228 rows (72.4%)")
    assert 0 < one.seconds < 60
    assert 0 < one.before <= one.peak < 2000


def test_shape_tells_patients_from_rows_and_balance_counts_all():
    cohort, _ = measure("heart")
    assert shape(cohort).endswith("(103 patients)")
    assert balance(data.load("wisconsin")) == "benign 357, malignant 212"
