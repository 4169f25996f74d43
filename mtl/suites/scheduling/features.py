"""What a dispatcher knows of every candidate and of the shop: inputs of the network, in training and in acting."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mtl.suites.scheduling.loops.arrays import SOFTNESS
from mtl.suites.scheduling.loops.states import StateArrays, measure
from mtl.suites.scheduling.simulator import Simulator

CANDIDATE_FEATURES: tuple[str, ...] = (
    "duration",
    "wait_for_start",  # earliest start after the earliest start of any candidate
    "wait_for_end",  # earliest end after the earliest end of any candidate
    "machine_idle",  # idle time that the machine would get
    "job_idle",  # time that the job has been waiting
    "job_tail",  # work of the job after this operation
    "job_tail_share",  # the same, as a share of the horizon
    "job_progress",
    "job_slack",  # lower bound minus earliest end of the whole job
    "is_last",
    "machine_load",  # waiting work of the machine, as a share of the horizon
    "machine_slack",  # lower bound minus bound of the machine
    "machine_queue",  # share of jobs still to visit the machine
    "rivals",  # candidates on the same machine
    "rival_tail_gap",  # own tail minus largest tail of a rival
    "rival_duration_gap",  # own duration minus mean duration of the rivals
    "rival_start_gap",  # own start minus earliest start of a rival
    "rival_delay",  # how long the rivals would have to wait in the mean
    "rival_overshoot",  # the worst earliest end of a rival's job after waiting, minus lower bound
    "comers",  # unscheduled operations that reach the machine before this one would end, as a share of jobs
    "comer_overshoot",  # the same overshoot among those
    "next_wait",  # ready time of the job's next machine minus own end
    "next_load",
    "next_slack",
    "next_queue",
    "bound_rise",  # lower bound after dispatching minus before
    "bound_regret",  # lower bound after dispatching minus that after the best rival
    "machine_bound_rise",
    "machine_bound_regret",
    *(f"smooth_bound_{kind}_{softness}" for softness in SOFTNESS for kind in ("rise", "regret")),
    "machines_rise",  # mean rise of the bounds of all machines
    "machines_regret",
    "jobs_rise",
    "jobs_regret",
    "tightest_machine_slack",  # lower bound minus the machine's bound after dispatching
)

# The bound rule: weights of the candidate features
BOUND_RULE = tuple(
    {"smooth_bound_rise_0.03": -1.0, "wait_for_start": -0.01}.get(name, 0.0) for name in CANDIDATE_FEATURES
)

CONTEXT_FEATURES: tuple[str, ...] = (
    "progress",  # share of the work that is scheduled
    "shape",  # log of jobs per machine
    "horizon",  # lower bound minus the present, in operations, squashed
    "choices",  # candidates, squashed
    "load_share",  # mean waiting work of the machines as a share of the horizon
    "load_peak",
    "load_spread",
    "job_share",  # mean remaining work of the jobs as a share of the horizon
    "job_peak",
    "job_spread",
    "machine_bound_mean",  # bounds of the machines as shares of the lower bound
    "machine_bound_spread",
    "critical_machines",  # share of machines with a bound within 3 % of the lower bound
    "critical_jobs",
    "smooth_excess",  # smooth minus sharp lower bound, as a share
    "idle_share",  # idle time so far as a share of machines x present
)


def lower_bound(simulator: Simulator) -> Tensor:
    """``[N]``: no completion of the partly built schedule is shorter than this (see :mod:`loops.bounds`)."""
    return _measure(simulator, 0)[2]


def features(simulator: Simulator) -> dict[str, Tensor]:
    """Inputs of the network for the present states of N shops.

    Times are measured in mean operations of the instance and squashed (``sign(x) log(1 + |x|)``), amounts of work as
    shares of the horizon (lower bound minus present), counts as shares: the numbers mean the same in every size of
    shop, do not depend on padding, and move with the jobs when those are permuted; the numbering of machines has no
    influence.

    Args:
        simulator: the shops.

    Returns:
        ``candidates`` ``[N, W, F]`` (see ``CANDIDATE_FEATURES``) in the order of ``simulator.candidates()``, ``mask``
        ``[N, W]`` (real candidates; the others are 0), ``context`` ``[N, C]`` (see ``CONTEXT_FEATURES``).
    """
    mask = simulator.candidates()[1]
    candidates, context, _ = _measure(simulator, mask.shape[1])
    return {"candidates": candidates, "mask": mask, "context": context}


def bound_rule_scores(inputs: Mapping[str, Tensor]) -> Tensor:
    """The bound rule as a score of each candidate, ``[N, W]``, from the inputs of the network; higher is sooner.

    Minus ``smooth_bound_rise_0.03``, and minus 0.01 times ``wait_for_start`` to decide between equals.
    """
    return (inputs["candidates"] * torch.tensor(BOUND_RULE)).sum(-1)


def _measure(simulator: Simulator, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Features of ``width`` candidates ``[N, width, F]``, or none, context ``[N, C]`` and lower bounds ``[N]``."""
    count = len(simulator.shops)
    candidates = torch.zeros(count, width, len(CANDIDATE_FEATURES))
    context, bounds = torch.empty(count, len(CONTEXT_FEATURES)), torch.empty(count)
    states = StateArrays(*(getattr(simulator, name).numpy() for name in StateArrays._fields))
    measure(simulator.shops.arrays, states, candidates.numpy(), context.numpy(), bounds.numpy())
    return candidates, context, bounds
