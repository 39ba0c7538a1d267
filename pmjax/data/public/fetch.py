"""Fetch: the files of a public cohort, from PMJAX_DATA or downloaded once, never believed without their sha256."""

import os
import sys
from pathlib import Path

from pmjax.data.public.entry import Entry, File
from pmjax.data.readers.source import sha256_of
from pmjax.errors import UserError

_BESIDE = Path(__file__).parents[4] / "shared" / "data"  # beside a checkout
_LIMIT = 1 << 30  # bytes of one download
_BLOCK = 1 << 16
_TIMEOUT = (10, 30)  # seconds to connect, and to wait for the next block


def data_folder() -> Path | None:
    """Return PMJAX_DATA, or `../shared/data` of a checkout where it is unset; None where there is neither."""
    if chosen := os.environ.get("PMJAX_DATA"):
        return Path(chosen)
    return _BESIDE if _BESIDE.is_dir() else None


def cache_folder() -> Path:
    """Return where downloads are kept: `pmjax/data` in the user's cache folder, $XDG_CACHE_HOME on Linux."""
    import pooch

    return Path(pooch.os_cache("pmjax")) / "data"


def files(entry: Entry) -> dict[str, Path]:
    """Find every file of `entry`, verified, by its `File.path`; downloads those that are not at hand.

    Raises:
        UserError: a file has another sha256, is nowhere and has no URL, or cannot be downloaded; says how to get it.
    """
    return {file.path: find(file) or _fetch(entry, file) for file in entry.files}


def find(file: File) -> Path | None:
    """Find a file without the network: in the folder of data, else in the cache; None where it is in neither.

    Raises:
        UserError: the one in the folder of data has another sha256. (One in the cache is fetched again.)
    """
    folder = data_folder()
    if folder is not None and (given := folder / file.path).is_file():
        if (found := sha256_of(given)) != file.sha256:
            raise UserError(
                f"{given}: has sha256 {found[:12]}…, not {file.sha256[:12]}…; get the file again, or move it away"
            )
        return given
    kept = cache_folder() / file.path
    return kept if kept.is_file() and sha256_of(kept) == file.sha256 else None


def _fetch(entry: Entry, file: File) -> Path:
    """Download a file into the cache: under another name first, so that what has the name is whole and right."""
    by_hand = f"put it at {file.path} in the folder PMJAX_DATA"
    if not file.url:
        raise UserError(f"cohort {entry.name!r}: {file.path} is not at hand and is not fetched; {by_hand}: {entry.how}")
    import pooch
    import requests

    target = cache_folder() / file.path
    told = f"cohort {entry.name!r}: {file.url}"
    pooch.get_logger().setLevel("WARNING")  # the bar says what is fetched
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(file.url, f"sha256:{file.sha256}", fname=target.name, path=target.parent, downloader=_download)
    except requests.HTTPError as error:  # its text is "404 Client Error: Not Found for url: …"
        raise UserError(f"{told} answers {str(error).split(' for url')[0]}; try later, or {by_hand}") from error
    except requests.RequestException as error:
        raise UserError(f"{told} cannot be reached or broke off; check the network, or {by_hand}") from error
    except ValueError as error:
        raise UserError(f"{told} no longer has the bytes of sha256 {file.sha256[:12]}…; {by_hand}") from error
    except OSError as error:
        raise UserError(f"{target}: {error.strerror or error}; make room or set XDG_CACHE_HOME to another") from error
    return target


def _download(url: str, output: str, _: object) -> None:
    """Write what `url` answers to `output`, up to the limit, with a bar on a terminal."""
    import requests
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    # Without compression on the way: the hash is that of the publisher's bytes.
    answer = requests.get(url, stream=True, timeout=_TIMEOUT, headers={"Accept-Encoding": "identity"})
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with answer, Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bars:
        answer.raise_for_status()
        declared = answer.headers.get("Content-Length", "")
        bar = bars.add_task(url.rsplit("/", 1)[-1], total=int(declared) if declared.isdecimal() else None)
        size = 0
        with Path(output).open("wb") as file:
            for block in answer.iter_content(_BLOCK):
                size += len(block)
                if size > _LIMIT:
                    raise ValueError(f"more than {_LIMIT} bytes")
                file.write(block)
                bars.advance(bar, len(block))
