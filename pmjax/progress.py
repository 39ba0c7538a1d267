"""Stages of a study: shown while they work, timed for timing.json."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Stages:
    """A rich bar per stage; `seconds` holds how long each took. Silent with `quiet`."""

    def __init__(self, quiet: bool = False) -> None:
        columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Progress(*columns, console=Console(stderr=True), disable=quiet)
        self._current = self._bars.add_task("start", total=1, visible=False)
        self.seconds: dict[str, float] = {}

    def __enter__(self) -> "Stages":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    @contextmanager
    def stage(self, name: str, total: int = 1) -> Iterator[None]:
        """Shows and times the block; `advance` moves its bar up to `total`."""
        began = time.monotonic()
        self._current = self._bars.add_task(name, total=total)
        yield
        # Runs that stop early leave work undone on purpose.
        self._bars.update(self._current, completed=total)
        self.seconds[name] = round(time.monotonic() - began, 3)

    def advance(self, count: int = 1) -> None:
        """Moves the bar of the current stage."""
        self._bars.advance(self._current, count)
