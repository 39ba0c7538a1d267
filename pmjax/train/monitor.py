"""TensorBoard: what each run logs while it trains, and what each setting came to, as event files."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tensorboardX import SummaryWriter

from pmjax.types import HostArray

_TAGS = {
    "loss": "train/loss",
    "learning_rate": "train/learning_rate",
    "gradient_norm": "train/gradient_norm",
    "validation_loss": "validation/loss",
}


class Monitor:
    """Event files under `folder`: `<model>/<setting>/fold<k>/seed<s>` for runs, `<model>/<setting>` for results."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, SummaryWriter] = {}

    def __enter__(self) -> "Monitor":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Flushes and closes what is open; later calls open anew."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _writer(self, run: str, step: int = 0) -> SummaryWriter:
        if run not in self._writers:
            # A resumed run logs some epochs again; TensorBoard drops the older ones from that step on.
            self._writers[run] = SummaryWriter(str(self._folder / run), purge_step=step, write_to_disk=True)
        return self._writers[run]

    def epoch(self, runs: list[str], epoch: int, metrics: Mapping[str, HostArray]) -> None:
        """Logs an epoch's metrics (R,) of the runs that moved."""
        for r, run in enumerate(runs):
            if metrics["active"][r]:
                writer = self._writer(run, epoch)
                for name, tag in _TAGS.items():
                    writer.add_scalar(tag, float(metrics[name][r]), epoch)

    def setting(self, run: str, hparams: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """Logs what a setting came to, for the HPARAMS page."""
        plain = {k: v if isinstance(v, int | float | str | bool) else str(v) for k, v in hparams.items()}
        self._writer(run).add_hparams(
            plain, {f"hparam/{k}": v for k, v in metrics.items()}, name="hparams", global_step=0
        )

    def pr_curve(self, run: str, label: HostArray, probability: HostArray) -> None:
        """Logs the precision-recall curve of test predictions (one class against the rest)."""
        self._writer(run).add_pr_curve("test/precision_recall", label, probability, global_step=0)
