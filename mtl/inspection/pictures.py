"""What a trained network shares, for the dashboard and the terminal: who draws on which expert, which parameters serve
whom, how the tasks are related, which of them help each other.
"""

import sys
from collections.abc import Iterable
from math import nan
from pathlib import Path

import torch
from pytorch_lightning.loggers import Logger, TensorBoardLogger
from torch import Tensor

from mtl.config.run_result import AffinityResult
from mtl.inspection.parts import most, parts
from mtl.module.module import MultiTaskModule
from mtl.suites.base import Batch

PARTS = 30  # that a picture has room for
UNUSED = 0.01  # an expert with a smaller share in every task might as well not be there


def show_sharing(module: MultiTaskModule, batch: Batch, loggers: Iterable[Logger], step: int) -> None:
    """Draw it, and say which experts nobody uses.

    Args:
        module: trained.
        batch: a few rows, to see which parameters a task's loss depends on.
        loggers: a dashboard among them gets the pictures.
        step: at which they are shown.
    """
    mixtures = module.network.sharing.mixtures()
    for expert in collapsed(mixtures[-1]) if mixtures else []:
        sys.stderr.write(
            f"expert {expert} is used by no task (less than {UNUSED:.0%} of any): fewer experts would do, "
            "or model=sparse, which keeps all at work\n"
        )
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            from mtl.inspection.architecture import parts_figure, tasks_figure  # matplotlib is slow to import
            from mtl.inspection.mixture import mixture_figure

            board, graph, sharing = logger.experiment, module.graph, module.network.sharing
            found = parts(module, batch)
            shown = [(part.name, part.serves, part.shared) for part in most(found, PARTS)]
            board.add_figure("sharing/parameters", parts_figure(shown, graph.names, len(found) - len(shown)), step)
            if mixtures:
                board.add_figure("sharing/mixture", mixture_figure(mixtures, graph.names), step)
            depends_on = {task.name: task.depends_on for task in graph.tasks}
            if sharing.groups or any(depends_on.values()):
                board.add_figure("sharing/tasks", tasks_figure(graph.generations, depends_on, sharing.groups), step)


def show_affinity(found: AffinityResult, directory: Path, loggers: Iterable[Logger]) -> None:
    """Draw what ``grouping=auto`` measured (:mod:`mtl.training.grouping`), as ``affinity.png`` and on the dashboard."""
    from mtl.inspection.mixture import affinity_figure  # matplotlib is slow to import

    matrices = {
        name: torch.tensor([[nan if value is None else value for value in row] for row in found.matrices[name]])
        for name in sorted(found.matrices, key=found.measure.__ne__)
    }
    figure = affinity_figure(matrices, found.tasks, found.groups)
    figure.savefig(directory / "affinity.png", dpi=120)
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_figure("sharing/affinity", figure)


def collapsed(mixture: Tensor) -> list[int]:
    """Experts on which no task draws, by a mixture ``[K, E]``; none where the numbers are no shares (one is
    negative, or all are 0 because no row was seen).
    """
    if mixture.shape[1] < 2 or (mixture < 0).any() or not mixture.any():
        return []
    used = mixture.amax(0)
    return [index for index, share in enumerate(used.tolist()) if share < UNUSED]
