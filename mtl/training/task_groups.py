"""Which parameter groups of an optimizer are each task's own, where nothing is shared."""

from torch.optim import Optimizer

from mtl.errors import InputError
from mtl.module.module import MultiTaskModule


def groups_of_tasks(module: MultiTaskModule, optimizer: Optimizer) -> dict[str, list[int]]:
    """By task, the numbers of the groups that hold its parameters; those of a weighting are in none.

    An own optimizer may divide the groups that it is given, as biases without weight decay, or rates by depth.

    Args:
        module: of a network that shares nothing.
        optimizer: of its parameters.

    Returns:
        The numbers, in the order of the tasks.

    Raises:
        InputError: a group joins parameters of two tasks, each of which has a learning rate with a course of its own.
    """
    owner = {id(p): task for task, part in module.partition.private.items() for p in part}
    found: dict[str, list[int]] = {task: [] for task in module.partition.private}
    for number, group in enumerate(optimizer.param_groups):
        tasks = list(dict.fromkeys(owner[id(p)] for p in group["params"] if id(p) in owner))
        if len(tasks) > 1:
            raise InputError(
                f"optimizer: it joins parameters of the tasks '{tasks[0]}' and '{tasks[1]}', which share nothing, in "
                "one group: expected the groups that it is given, one of each task, or parts of them, since each "
                "task's learning rate falls when that task improves no more"
            )
        if tasks:
            found[tasks[0]].append(number)
    return found
