"""Reading and writing the numbers of some tasks among K. Nothing is selected where these are all tasks."""

from torch import Tensor


def select_tasks(values: Tensor, tasks: Tensor) -> Tensor:
    """The numbers ``[M, ...]`` of these tasks among ``values [K, ...]``, in their order."""
    return values if tasks.shape[0] == values.shape[0] else values.index_select(0, tasks)


def scatter_tasks(values: Tensor, tasks: Tensor, new: Tensor) -> None:
    """Write ``new [M]`` into ``values [K]``, at these tasks."""
    if tasks.shape[0] == values.shape[0]:
        values.copy_(new)
    else:
        values.index_copy_(0, tasks, new.to(values))
