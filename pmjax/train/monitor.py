"""TensorBoard: what each run logs while it trains, and what each setting came to, as event files.

tensorboardX is imported at the first line that is logged, while the device trains on.
"""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from pmjax.types import HostArray

_TAGS = {
    "loss": "train/loss",
    "learning_rate": "train/learning_rate",
    "gradient_norm": "train/gradient_norm",
    "validation_loss": "validation/loss",
}


class _Log:
    """One event file, written at once: the thread of a SummaryWriter hides a full disk, and then blocks for ever."""

    def __init__(self, folder: Path, purge_step: int) -> None:
        from tensorboardX.event_file_writer import EventsWriter
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        folder.mkdir(parents=True, exist_ok=True)
        self._events = EventsWriter(str(folder / "events"))
        # A resumed run logs some epochs again; TensorBoard drops the older ones from that step on.
        self._events.write_event(Event(step=purge_step, session_log=SessionLog(status=SessionLog.START)))

    def add(self, content: Any, step: int = 0) -> None:
        from tensorboardX.proto.event_pb2 import Event

        self._events.write_event(Event(wall_time=time.time(), step=step, summary=content))

    def close(self) -> None:
        self._events.close()


class Monitor:
    """Event files under `folder`: `<model>/<setting>/fold<k>/seed<s>` for runs, `<model>/<setting>` for results."""

    def __init__(self, folder: Path) -> None:
        # A loss that is not finite is said once, as a finding, and not by a warning for each number.
        logging.getLogger("tensorboardX.x2num").setLevel(logging.ERROR)
        self._folder = folder
        self._logs: dict[str, _Log] = {}

    def __enter__(self) -> "Monitor":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Flushes and closes what is open; later calls open anew."""
        while self._logs:
            self._logs.popitem()[1].close()

    def _log(self, run: str, step: int = 0) -> _Log:
        if run not in self._logs:
            self._logs[run] = _Log(self._folder / run, step)
        return self._logs[run]

    def epoch(self, runs: list[str], epoch: int, metrics: Mapping[str, HostArray]) -> None:
        """Logs an epoch's metrics (R,) of the runs that moved."""
        from tensorboardX import summary

        for r, run in enumerate(runs):
            if metrics["active"][r]:
                for name, tag in _TAGS.items():
                    self._log(run, epoch).add(summary.scalar(tag, float(metrics[name][r])), epoch)

    def setting(self, run: str, hparams: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """Logs what a setting came to, for the HPARAMS page."""
        from tensorboardX import summary

        plain = {k: v if isinstance(v, int | float | str | bool) else str(v) for k, v in hparams.items()}
        named = {f"hparam/{k}": v for k, v in metrics.items()}
        for content in (*summary.hparams(plain, named), *(summary.scalar(k, v) for k, v in named.items())):
            self._log(f"{run}/hparams").add(content)

    def pr_curve(self, run: str, label: HostArray, probability: HostArray) -> None:
        """Logs the precision-recall curve of test predictions (one class against the rest)."""
        from tensorboardX import summary

        self._log(run).add(summary.pr_curve("test/precision_recall", label, probability))
