"""The shells of launch/ start the right processes, pass signals and codes on, and leave nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LAUNCH = Path(__file__).parents[2] / "launch"
# Stands for python: `-c` as it is, and for `-m pmjax.launch` a process that does what its number says.
STUB = """#!/usr/bin/env bash
if [[ $1 == -c ]]; then exec {python} "$@"; fi
echo "${{PMJAX_PROCESS_ID:-}} of ${{PMJAX_PROCESSES:-}} at ${{PMJAX_COORDINATOR:-}} ${{PMJAX_DISTRIBUTED:-}}: $*" \\
  >>"{folder}/log"
exec {python} "{folder}/study.py"
"""


@pytest.fixture
def shell(tmp_path):
    """Returns start(name, arguments, study) that runs launch/<name> with `study` as the body of each process."""

    def start(name, *arguments, study="pass"):
        (tmp_path / "study.py").write_text(
            f"import os, signal, sys, time\nme = os.environ.get('PMJAX_PROCESS_ID')\n{study}\n"
        )
        stub = tmp_path / "python"
        stub.write_text(STUB.format(python=sys.executable, folder=tmp_path))
        stub.chmod(0o755)
        environment = {**os.environ, "PYTHON": str(stub), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        environment |= {"SLURM_JOB_NODELIST": "n[1-2]", "SLURM_JOB_ID": "7", "SLURM_NTASKS": "2"}
        environment |= {"SLURM_SUBMIT_DIR": str(tmp_path)}
        command = [LAUNCH / name, *arguments]
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
        return started[-1]

    started = []
    yield start
    for process in started:
        process.kill()
        process.communicate()


def _log(folder):
    return sorted((folder / "log").read_text().splitlines())


def _wait_for(condition):
    limit = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < limit, "waited 30 s in vain"
        time.sleep(0.05)


def test_local_numbers_the_processes_and_passes_the_flags(shell, tmp_path):
    assert shell("local.sh", "3", "--debug", "--config=a b").wait() == 0
    log = _log(tmp_path)
    assert [line.split(" at ")[0] for line in log] == ["0 of 3", "1 of 3", "2 of 3"]
    assert len({line.split(" at ")[1] for line in log}) == 1, "one coordinator for all"
    assert all(line.endswith("-m pmjax.launch --debug --config=a b") for line in log)


def test_local_ends_with_the_first_failing_code_and_stops_the_rest(shell, tmp_path):
    study = f"open('{tmp_path}/pid' + me, 'w').write(str(os.getpid()))\nif me == '1': sys.exit(7)\ntime.sleep(600)"
    process = shell("local.sh", "2", study=study)
    assert process.wait(timeout=60) == 7
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid0").read_text()), 0)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_local_passes_a_signal_on_and_waits_for_the_saving(shell, tmp_path, sent):
    study = (
        f"def save(*_):\n    time.sleep(0.5); open('{tmp_path}/saved' + me, 'w').close(); sys.exit(0)\n"
        f"signal.signal(signal.SIGTERM, save)\nopen('{tmp_path}/up' + me, 'w').close()\ntime.sleep(600)"
    )
    process = shell("local.sh", "2", study=study)
    _wait_for(lambda: len(list(tmp_path.glob("up*"))) == 2)
    process.send_signal(sent)
    assert process.wait(timeout=60) == 0
    assert len(list(tmp_path.glob("saved*"))) == 2


@pytest.mark.parametrize("arguments", [(), ("0",), ("two",), ("--debug",)])
def test_local_says_how_it_is_used(shell, arguments):
    process = shell("local.sh", *arguments)
    assert process.wait() == 2
    assert process.stderr.read() == "usage: launch/local.sh N [flags of pmjax.launch]\n"


def test_slurm_gives_each_task_its_number_and_all_the_first_host(shell, tmp_path):
    for name, body in {
        "scontrol": "printf 'n1\\nn2\\n'",
        "srun": 'shift; SLURM_PROCID=0 "$@"; SLURM_PROCID=1 "$@"',
    }.items():
        (tmp_path / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    assert shell("slurm.sh", "--debug").wait() == 0
    assert _log(tmp_path) == [f"{i} of 2 at n1:20007 : -m pmjax.launch --debug" for i in (0, 1)]


def test_tpu_leaves_the_meeting_to_jax(shell, tmp_path):
    assert shell("tpu.sh", "--debug").wait() == 0
    assert _log(tmp_path) == [" of  at  auto: -m pmjax.launch --debug"]
