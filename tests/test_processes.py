"""Two processes of two devices each, joined by jax.distributed, do the study of one; the first alone writes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny

from pmjax.evidence import load_results

pytestmark = pytest.mark.slow

LOCAL = Path(__file__).parents[1] / "launch" / "local.sh"
# Python imports this at its start: it notes every file that a process of a study makes, opens to write or moves.
WITNESS = """
import os, sys

def note(event, arguments):
    if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
        return
    if event in ("open", "os.mkdir", "os.rename") and {run!r} in str(arguments[0]):
        line = f"{{os.environ.get('PMJAX_PROCESS_ID')}} {{arguments[0]}}\\n".encode()
        os.write(log, line)

log = os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
sys.addaudithook(note)
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The study in this process, its two runs in one program as they are in two processes."""
    return tiny.run(tmp_path_factory.mktemp("alone") / "run", train={"chunk": 2})


@pytest.fixture
def start(tmp_path):
    """Returns start() that runs the study in two processes, in `tmp_path`/run."""

    def start():
        environment = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": f"{tmp_path}:{LOCAL.parents[1]}"}
        environment["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
        command = [LOCAL, "2", f"--config={path}", f"--workdir={tmp_path}/run", "--quiet"]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    path = tiny.write(tmp_path / "config.py", train={"chunk": 2})
    witness = WITNESS.format(run=str(tmp_path / "run"), log=str(tmp_path / "log"))
    (tmp_path / "sitecustomize.py").write_text(witness)
    started = []
    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=60)


def evidence(workdir):
    return load_results(workdir / "results.json")[3]


def test_stopped_and_resumed_they_give_the_evidence_of_one(start, alone, tmp_path):
    process = start()
    limit = time.monotonic() + 120
    # The second epoch of the program that holds both runs; there are six.
    while not (tmp_path / "run" / "checkpoints" / "dnn-0-0" / "2").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit, "waited 120 s in vain"
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 143, errors
    assert "pmjax: report" not in said
    assert errors.count("pmjax: stopped; the state is saved") == 1, errors
    assert not (tmp_path / "run" / "results.json").exists()

    process = start()
    said, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert said.count("pmjax: report") == 1
    tiny.assert_close(evidence(tmp_path / "run"), evidence(alone))
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert (environment["processes"], len(environment["devices"])) == (2, 4)

    # A checkpoint holds what all fetched, so that every file is the first one's.
    written = [line.split(" ", 1) for line in (tmp_path / "log").read_text().splitlines()]
    assert {number for number, _ in written} == {"0"}
