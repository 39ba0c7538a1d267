"""The restart is watched from outside: what process a command becomes, and what it was given."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from pmjax import allocator, launch

ROOT = Path(__file__).parents[1]
# Stands for pmjax/launch.py: says what it sees, tries to restart, and says that it did not.
STUB = """
import json, os, sys
def say():
    seen = {k: v for k, v in os.environ.items() if k.startswith(("MALLOC_", "GLIBC_"))}
    given = sys.stdin.read() if os.environ.get("PMJAX_NO_REEXEC") else ""
    print(json.dumps([os.getpid(), sys.orig_argv[1:], sys.argv[1:], given, seen]), flush=True)
from pmjax import allocator
say()
allocator.restart("pmjax.launch")
print("went on")
"""

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is glibc's")


@pytest.fixture
def lines(tmp_path):
    """Returns run(*python's arguments) → what the stub said, one entry for each life of the process."""
    package = tmp_path / "pmjax"
    package.mkdir()
    (package / "__init__.py").write_text(f"__path__.append({str(ROOT / 'pmjax')!r})\n")
    (package / "launch.py").write_text(STUB)

    def run(*arguments, **environment):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "COV_", "LD_", "GLIBC_"))}
        clean.pop(allocator.OFF, None)
        given = {**clean, "JAX_PLATFORMS": "cpu", **environment}
        command = [sys.executable, *arguments]
        done = subprocess.run(command, env=given, cwd=tmp_path, input="in", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        *lives, last = done.stdout.splitlines()
        assert last == "went on"
        return [json.loads(life) for life in lives]

    return run


def test_it_restarts_once_as_the_same_process_with_the_same_flags_and_input(lines):
    arguments = ["-X", "dev", "-W", "ignore", "-m", "pmjax.launch", "--config.train.seeds=2", "-m"]
    before, after = lines(*arguments)
    assert before[0] == after[0], "the process id stays"
    assert before[1] == after[1] == arguments
    assert after[2] == arguments[-2:]
    assert after[3] == "in"
    assert before[4] == {}
    assert after[4] == allocator.SETTINGS


@pytest.mark.parametrize(
    "environment",
    [
        {"PMJAX_NO_REEXEC": "1"},
        {"MALLOC_ARENA_MAX": "2"},
        {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"},
        {"LD_PRELOAD": "libjemalloc-that-is-absent.so"},
    ],
)
def test_what_the_user_chose_stays(lines, environment):
    (only,) = lines("-m", "pmjax.launch", **environment)
    assert only[4] == {k: v for k, v in environment.items() if k.startswith(("MALLOC_", "GLIBC_"))}


@pytest.mark.parametrize(
    "arguments",
    [
        ["-c", "import pmjax.launch"],
        ["-m", "cProfile", "-o", os.devnull, "-m", "pmjax.launch"],
        ["-c", "import sys, runpy; sys.settrace(lambda *_: None); runpy.run_module('pmjax.launch', None, '__main__')"],
    ],
    ids=["imported", "profiled", "debugged"],
)
def test_nobody_else_s_process_is_replaced(lines, arguments):
    (only,) = lines(*arguments)
    assert only[4] == {}


@pytest.mark.parametrize(
    ("platforms", "device", "reason"),
    [
        (None, "nvidia0", "an accelerator holds the buffers"),
        (None, "vfio/0", "an accelerator holds the buffers"),
        ("cpu", "nvidia0", None),
        (None, "null", None),
        ("cuda", "nvidia0", "an accelerator holds the buffers"),
    ],
)
def test_where_an_accelerator_trains_nothing_is_set(monkeypatch, tmp_path, platforms, device, reason):
    (tmp_path / device).parent.mkdir(exist_ok=True)
    (tmp_path / device).touch()
    monkeypatch.setattr(allocator, "Path", lambda _: tmp_path)
    for name in [n for n in os.environ if n.startswith(("MALLOC_", "GLIBC_", "LD_PRELOAD", "JAX_PLATFORMS"))]:
        monkeypatch.delenv(name)
    monkeypatch.delenv(allocator.OFF, raising=False)
    if platforms:
        monkeypatch.setenv("JAX_PLATFORMS", platforms)
    assert allocator.obstacle() == reason


def test_another_c_library_is_left_alone(monkeypatch):
    for name in ("MALLOC_ARENA_MAX", allocator.OFF, "GLIBC_TUNABLES", "LD_PRELOAD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "confstr", lambda name: None)
    assert allocator.obstacle() == "the C library is not glibc"


def test_the_settings_keep_large_blocks_in_the_process():
    """A block of 100 MiB, freed and asked for again by a thread, costs no new pages: the kernel need not clear them."""
    code = """
import ctypes, resource, threading
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():
    for _ in range(2):
        before = faults()
        block = libc.malloc(100 << 20)
        ctypes.memset(block, 1, 100 << 20)
        libc.free(block)
    print(faults() - before)
threading.Thread(target=work).start()
"""

    def second(**environment):
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        return int(done.stdout)

    pages = (100 << 20) // os.sysconf("SC_PAGE_SIZE")
    assert second(**allocator.SETTINGS) < pages / 100
    assert second(**{**allocator.SETTINGS, "MALLOC_ARENA_MAX": "2", "GLIBC_TUNABLES": ""}) >= pages / 100
    assert second(MALLOC_MMAP_THRESHOLD_=str(1 << 20)) >= pages / 100


def test_a_study_within_another_process_leaves_it_as_it_is(monkeypatch, capsys):
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("restarted"))
    assert launch.main(["--config=no_such_config"]) == 2
    assert "no_such_config" in capsys.readouterr().err
