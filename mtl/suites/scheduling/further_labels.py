"""Labels of states beyond those that every dispatcher is trained on: what a mistake costs, and what is critical.

They are of the reference schedule as it goes on from a state, with the best candidate next.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from mtl.suites.scheduling.simulator import Simulator
from mtl.tasks import Task, regression
from mtl.tasks.per_candidate import candidate_events, candidate_values

REGRET, SLACK, CRITICAL, BOTTLENECK = "regret", "slack", "critical", "bottleneck"
FURTHER = (REGRET, SLACK, CRITICAL, BOTTLENECK)


class Continued(NamedTuple):
    """How a schedule goes on from S states.

    Attributes:
        simulator: the states.
        jobs: the candidates, ``[S, W]``.
        mask: which of them are real.
        ends: makespan with each candidate next, ``[S, W]``; infinite for those that are not real.
        finished: the schedules with the best candidate next.
        present: the earliest start that is possible in each state, ``[S]``.
    """

    simulator: Simulator
    jobs: Tensor
    mask: Tensor
    ends: Tensor
    finished: Simulator
    present: Tensor


def further_tasks(names: Sequence[str]) -> list[Task]:
    """The tasks of these names."""
    made = {
        REGRET: candidate_values(REGRET),
        SLACK: candidate_values(SLACK),
        CRITICAL: candidate_events(CRITICAL),
        BOTTLENECK: regression(BOTTLENECK, primary="mae"),
    }
    return [made[name] for name in names]


def further_labels(continued: Continued) -> dict[str, Tensor]:
    """Targets of :data:`FURTHER`.

    Args:
        continued: how the reference goes on from the states.

    Returns:
        regret ``[S, W]``: how much later all is done with this candidate next than with the best one, in mean durations
            of the shop's operations.
        slack ``[S, W]``: how much later the candidate's operation could start without making the schedule longer, as
            a share of the time from the present to its end.
        critical ``[S, W]``: 1 if that is 0, so that the operation is on a critical path.
        bottleneck ``[S]``: for which share of that time operations on a critical path run on the machine of the
            candidates (of the first of them, where they are on several).
    """
    simulator, jobs, mask = continued.simulator, continued.jobs, continued.mask
    shops, finished = simulator.shops, continued.finished
    makespan = finished.makespan
    slack = makespan[:, None, None] - finished.starts - paths_to_the_end(finished)
    span = (makespan - continued.present).clamp(min=1.0)
    following = simulator.next_operation.clamp(max=shops.durations.shape[2] - 1)[..., None]
    of_candidates = slack.gather(2, following).squeeze(2).gather(1, jobs)
    waiting = (simulator.starts < 0) & shops.real
    machine = simulator.machine.gather(1, jobs[:, :1])[..., None]
    critical = waiting & (slack < 0.5) & (shops.machines == machine)
    best = continued.ends.amin(1, keepdim=True)
    of_each = {
        REGRET: (continued.ends - best) / shops.unit[:, None],
        SLACK: of_candidates.clamp(min=0.0) / span[:, None],
        CRITICAL: (of_candidates < 0.5).float(),
    }
    found = {name: values.masked_fill(~mask, torch.nan) for name, values in of_each.items()}
    return found | {BOTTLENECK: ((shops.durations * critical).sum((1, 2)) / span).clamp(max=1.0)}


def paths_to_the_end(finished: Simulator) -> Tensor:
    """The longest path from the start of each operation to the end of a schedule, ``[S, J, K]``; 0 in padding.

    With ``j`` and ``m`` the operations that follow in the same job and on the same machine,
    ``q = duration + max(q_j, q_m)``.
    """
    shops, (rows, jobs, steps) = finished.shops, finished.starts.shape
    ends = (finished.starts + finished.durations).flatten(1)
    # Of operations that end together one of duration 0 may follow another one
    order = (ends + 1e-3 * finished.starts.flatten(1)).masked_fill(~shops.real.flatten(1), -1.0).argsort(1).flip(1)
    durations, machines = finished.durations.flatten(1), finished.machines.flatten(1)
    of_job, of_machine = torch.zeros(rows, jobs), torch.zeros_like(finished.machine_ready)
    found = torch.zeros(rows, jobs * steps)
    for operation in torch.split(order, 1, 1):
        job, machine = operation // steps, machines.gather(1, operation)
        path = durations.gather(1, operation) + torch.maximum(of_job.gather(1, job), of_machine.gather(1, machine))
        path = torch.where(shops.real.flatten(1).gather(1, operation), path, torch.zeros_like(path))
        of_job.scatter_(1, job, torch.maximum(of_job.gather(1, job), path))
        of_machine.scatter_(1, machine, torch.maximum(of_machine.gather(1, machine), path))
        found.scatter_(1, operation, path)
    return found.view(rows, jobs, steps)
