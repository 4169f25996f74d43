"""Show what a trained network shares, on the dashboard and the terminal."""

import sys
from collections.abc import Iterable

import torch
from pytorch_lightning.loggers import Logger, TensorBoardLogger
from torch import Tensor

from mtl.inspection.parameter_groups import group_parameters, largest
from mtl.module.evaluating import evaluating
from mtl.module.module import MultiTaskModule
from mtl.network import check_mixture
from mtl.suites.batch import Batch

GROUPS = 30  # of parameters, that a picture has room for
UNUSED = 0.01  # an expert with a smaller share in every task might as well not be there


def show_sharing(module: MultiTaskModule, batch: Batch, loggers: Iterable[Logger], step: int) -> None:
    """Draw mixtures, parameters and tasks on the dashboard, and say which experts no task uses.

    Args:
        module: trained.
        batch: a few rows, to see which experts and parameters a task's loss depends on.
        loggers: a dashboard among them gets the pictures.
        step: at which they are shown.
    """
    with evaluating(module), torch.no_grad():  # mixtures are those of the last batch, which may have been a single row
        module(batch.inputs)
    mixtures = module.network.sharing.mixtures()
    for mixture in mixtures:
        check_mixture(mixture, module.network.sharing)
    for expert in unused_experts(mixtures[-1]) if mixtures else []:
        sys.stderr.write(
            f"expert {expert} is used by no task (less than {UNUSED:.0%} of any): fewer experts would do, "
            "or model=sparse, which keeps all at work\n"
        )
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            from mtl.inspection.mixture_figure import mixture_figure  # matplotlib is slow to import
            from mtl.inspection.parameters_figure import parameters_picture
            from mtl.inspection.tasks_figure import tasks_figure

            board, graph, sharing = logger.experiment, module.graph, module.network.sharing
            found = group_parameters(module, batch)
            shown = [(group.name, group.serves, group.shared) for group in largest(found, GROUPS)]
            picture = parameters_picture("sharing/parameters", shown, graph.names, len(found) - len(shown))
            board._get_file_writer().add_summary(picture, step)
            if mixtures:
                board.add_figure("sharing/mixture", mixture_figure(mixtures, graph.names), step)
            depends_on = {task.name: task.depends_on for task in graph.tasks}
            if sharing.groups or any(depends_on.values()):
                board.add_figure("sharing/tasks", tasks_figure(graph.generations, depends_on, sharing.groups), step)


def unused_experts(mixture: Tensor) -> list[int]:
    """Experts on which no task draws, by a mixture ``[K, E]``.

    None where the numbers are no shares: one is negative, or all are 0 because no row was seen.
    """
    if mixture.shape[1] < 2 or (mixture < 0).any() or not mixture.any():
        return []
    used = mixture.amax(0)
    return [index for index, share in enumerate(used.tolist()) if share < UNUSED]
