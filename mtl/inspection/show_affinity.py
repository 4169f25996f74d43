"""Show which tasks help each other, as a file and on the dashboard."""

from collections.abc import Iterable
from math import nan
from pathlib import Path

import torch
from pytorch_lightning.loggers import Logger, TensorBoardLogger

from mtl.config.run_result import AffinityResult


def show_affinity(found: AffinityResult, directory: Path, loggers: Iterable[Logger]) -> None:
    """Draw what ``grouping=auto`` measured (:mod:`mtl.training.grouping`), as ``affinity.png`` and on the dashboard.

    Args:
        found: measure, matrices, tasks and groups.
        directory: gets the file.
        loggers: a dashboard among them gets the picture.
    """
    from mtl.inspection.affinity_figure import affinity_figure  # matplotlib is slow to import

    matrices = {
        name: torch.tensor([[nan if value is None else value for value in row] for row in found.matrices[name]])
        for name in sorted(found.matrices, key=found.measure.__ne__)
    }
    figure = affinity_figure(matrices, found.tasks, found.groups)
    figure.savefig(directory / "affinity.png", dpi=120)
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_figure("sharing/affinity", figure)
