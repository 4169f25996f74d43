"""The logger that writes the dashboard of a run."""

from collections.abc import Mapping
from pathlib import Path

from pytorch_lightning.loggers import TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only
from typing_extensions import override

from mtl.module.lightning import FLUSH_SECONDS
from mtl.runs.dashboard import SUMMARY, place_of
from mtl.runs.event_file import EventFile


class DashboardLogger(TensorBoardLogger):
    """Lightning's logger for TensorBoard, which writes to the directories of :mod:`mtl.runs.dashboard`.

    ``experiment`` is the writer of pictures and single numbers. Curves are written without one: it would have a thread
    for every directory, and cost more than it saves.

    Args:
        run: a run's directory.
    """

    def __init__(self, run: Path) -> None:
        super().__init__(run, name="", version="tensorboard", sub_dir=SUMMARY, flush_secs=FLUSH_SECONDS)
        self._curves: dict[str, EventFile] = {}

    @override
    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        written = set[EventFile]()
        for name, value in metrics.items():
            if name != "epoch":  # Lightning adds it to all that modules and callbacks log
                folder, tag = place_of(name)
                if folder == SUMMARY:
                    self.experiment.add_scalar(tag, value, step)
                else:
                    written.add(self._curve(folder))
                    self._curve(folder).add_scalar(tag, value, step or 0)
        for curve in written:  # at once: nobody knows when the next numbers come
            curve.flush()

    def _curve(self, folder: str) -> EventFile:
        if folder not in self._curves:
            self._curves[folder] = EventFile(Path(self.log_dir).parent / folder)
        return self._curves[folder]

    @override
    @rank_zero_only
    def save(self) -> None:
        for writer in (self.experiment, *self._curves.values()):
            writer.flush()

    @override
    @rank_zero_only
    def finalize(self, status: str) -> None:
        self.save()
        self.experiment.close()
