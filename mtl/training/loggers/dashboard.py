"""The logger that writes the dashboard of a run."""

from collections.abc import Mapping
from pathlib import Path

from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only
from torch.utils.tensorboard import SummaryWriter
from typing_extensions import override

from mtl.module.lightning import FLUSH_SECONDS
from mtl.runs.dashboard import SUMMARY, place_of


class DashboardLogger(TensorBoardLogger):
    """Lightning's logger for TensorBoard, which writes to the directories of :mod:`mtl.runs.dashboard`.

    ``experiment`` is the writer of pictures and single numbers.

    Args:
        run: a run's directory.
    """

    def __init__(self, run: Path) -> None:
        super().__init__(run, name="", version="tensorboard", sub_dir=SUMMARY, flush_secs=FLUSH_SECONDS)
        self._curves: dict[str, SummaryWriter] = {}

    @override
    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        for name, value in metrics.items():
            if name != "epoch":  # Lightning adds it to all that modules and callbacks log
                folder, tag = place_of(name)
                self._writer(folder).add_scalar(tag, value, step)

    def _writer(self, folder: str) -> SummaryWriter:
        if folder == SUMMARY:
            summary: SummaryWriter = self.experiment
            return summary
        if folder not in self._curves:
            place = Path(self.log_dir).parent / folder
            self._curves[folder] = SummaryWriter(str(place), flush_secs=FLUSH_SECONDS)
        return self._curves[folder]

    @override
    @rank_zero_only
    def save(self) -> None:
        for writer in (self.experiment, *self._curves.values()):
            writer.flush()

    @override
    @rank_zero_only
    def finalize(self, status: str) -> None:
        for writer in (self.experiment, *self._curves.values()):
            writer.close()
