"""Fetching over loopback: the right file arrives whole, and of all else nothing is left but one line."""

import errno
import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pmjax.data.public import Entry, File, fetch
from pmjax.errors import UserError

CONTENT = b"id,label\n1,0\n" * 20_000
SHA = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """One path a kind of publisher."""

    def do_GET(self):
        self.server.asked.append(self.path)
        kind = self.path.strip("/")
        if kind in ("moved", "loop", "away"):
            self.send_response(302)
            self.send_header("Location", {"moved": "/right", "loop": "/loop", "away": "ftp://127.0.0.1/right"}[kind])
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif kind in ("right", "wrong", "short", "unsized", "slow"):
            body = CONTENT[:-1] + b"!" if kind == "wrong" else CONTENT
            self.send_response(200)
            if kind != "unsized":
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if kind == "slow":
                time.sleep(1)
            self.wfile.write(body[: len(body) // 2] if kind == "short" else body)
        else:
            self.send_error(int(kind))

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join(timeout=10)


@pytest.fixture
def folders(monkeypatch, tmp_path):
    monkeypatch.setenv("PMJAX_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path


def entry(url="", sha256=SHA):
    return Entry("study", "A study", "nobody", "none", (File("study/a.csv", sha256, url),), "m:f", "none", "", "ask me")


def served(server, kind):
    return entry(f"http://127.0.0.1:{server.server_port}/{kind}")


def left(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("kind", ["right", "moved", "unsized"])
def test_the_right_file_is_fetched_once_and_kept(server, folders, kind):
    study = served(server, kind)
    (path,) = fetch.files(study).values()
    assert path == folders / "cache" / "pmjax" / "data" / "study" / "a.csv"
    assert path.read_bytes() == CONTENT
    assert left(folders) == [path]
    asked = len(server.asked)
    assert fetch.files(study) == {"study/a.csv": path}
    assert len(server.asked) == asked


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("wrong", "no longer has the bytes of sha256"),
        ("short", "cannot be reached or broke off"),
        ("404", "answers 404 Client Error: Not Found; try later"),
        ("500", "answers 500 Server Error"),
        ("loop", "cannot be reached or broke off"),
        ("away", "cannot be reached or broke off"),
    ],
)
def test_a_failed_download_is_one_line_and_leaves_nothing(server, folders, kind, told):
    with pytest.raises(UserError, match=told) as caught:
        fetch.files(served(server, kind))
    message = str(caught.value)
    assert "\n" not in message
    assert "put it at study/a.csv in the folder PMJAX_DATA" in message
    assert left(folders) == []


def test_a_publisher_who_falls_silent_is_given_up(server, folders, monkeypatch):
    monkeypatch.setattr(fetch, "_TIMEOUT", (1, 0.1))
    with pytest.raises(UserError, match="broke off"):
        fetch.files(served(server, "slow"))
    assert left(folders) == []


@pytest.mark.parametrize("kind", ["right", "unsized"])
def test_no_more_than_the_limit_is_written(server, folders, monkeypatch, kind):
    monkeypatch.setattr(fetch, "_LIMIT", len(CONTENT) - 1)
    with pytest.raises(UserError, match="no longer has the bytes"):
        fetch.files(served(server, kind))
    assert left(folders) == []


def test_no_network_is_told(server, folders):
    study = served(server, "right")
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError, match="check the network"):
        fetch.files(study)
    assert left(folders) == []


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_or_an_interrupt_leaves_nothing(server, folders, monkeypatch, error):
    def half(url, output, _):
        with open(output, "wb") as file:
            file.write(CONTENT[:1000])
        raise error

    monkeypatch.setattr(fetch, "_download", half)
    with pytest.raises((UserError, KeyboardInterrupt)) as caught:
        fetch.files(served(server, "right"))
    if isinstance(error, OSError):
        assert "No space left on device; make room" in str(caught.value)
    assert left(folders) == []


def test_a_cache_that_cannot_be_made_is_told(server, folders):
    (folders / "cache").write_text("a file")
    with pytest.raises(UserError, match="set XDG_CACHE_HOME to another"):
        fetch.files(served(server, "right"))


def test_a_kept_file_that_was_damaged_is_fetched_again(server, folders):
    study = served(server, "right")
    (path,) = fetch.files(study).values()
    path.write_bytes(CONTENT[:100])
    assert fetch.find(study.files[0]) is None
    assert fetch.files(study)["study/a.csv"].read_bytes() == CONTENT


def test_several_processes_may_fetch_at_once(server, folders):
    study = served(server, "right")
    with ThreadPoolExecutor(4) as pool:
        paths = {path for found in pool.map(lambda _: fetch.files(study), range(4)) for path in found.values()}
    assert left(folders) == list(paths)
    assert next(iter(paths)).read_bytes() == CONTENT


def test_the_folder_of_data_comes_first_and_is_verified(server, folders):
    study, given = served(server, "right"), folders / "data" / "study" / "a.csv"
    given.parent.mkdir(parents=True)
    given.write_bytes(CONTENT)
    assert fetch.files(study) == {"study/a.csv": given}
    given.write_bytes(CONTENT + b"2,1\n")
    with pytest.raises(UserError, match=r"a\.csv: has sha256 .*; get the file again"):
        fetch.files(study)
    assert server.asked == []


def test_a_file_without_url_says_how_to_get_it(folders):
    with pytest.raises(UserError, match=r"study/a\.csv in the folder PMJAX_DATA: ask me"):
        fetch.files(entry())


def test_data_beside_a_checkout_is_found_without_the_variable(folders, monkeypatch):
    monkeypatch.delenv("PMJAX_DATA")
    monkeypatch.setattr(fetch, "_BESIDE", folders / "shared")
    assert fetch.data_folder() is None
    (folders / "shared").mkdir()
    assert fetch.data_folder() == folders / "shared"
