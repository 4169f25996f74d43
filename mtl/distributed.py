"""Several processes that train together: how many there are, and means and minima over them."""

import torch
from torch import Tensor, distributed

# What gloo, which has no errors of its own, says when another process is gone
LOST_CONNECTION = ("Connection closed by peer", "Connection reset by peer", "gloo/transport")


def processes() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def mean_over_processes(values: Tensor) -> Tensor:
    """The mean of ``values`` over all processes, in place; as it is when there is one."""
    if processes() > 1:
        distributed.all_reduce(values)
        values /= processes()
    return values


def mean_over_rows(values: Tensor) -> Tensor:
    """The mean ``[...]`` over the rows ``[N, ...]`` of all processes, of which each may have another number.

    Its gradient in each process is that of this process's rows, times the number of processes: averaged over the
    processes, the gradient of any function of such means is what one process with all rows would find.
    """
    if processes() == 1:
        return values.mean(0)
    total = values.sum(0)
    totals_and_count = torch.cat([total.detach().flatten(), total.new_tensor([len(values)])])
    mean_over_processes(totals_and_count)
    rows = totals_and_count[-1]  # of a process, on average
    return (totals_and_count[:-1].view_as(total) + total - total.detach()) / rows


def is_lost_connection(error: BaseException) -> bool:
    """Whether an error says that another of several processes is gone."""
    lost = isinstance(error, distributed.DistError) if distributed.is_available() else False
    return lost or any(text in str(error) for text in LOST_CONNECTION)


def least_over_processes(values: Tensor) -> Tensor:
    """The element-wise minimum of ``values`` over all processes, in place; as it is when there is one."""
    if processes() > 1:
        distributed.all_reduce(values, op=distributed.ReduceOp.MIN)
    return values
