"""What a dispatcher knows of every candidate and of the shop: inputs of the network, in training and in acting."""

from collections.abc import Mapping

import torch
from torch import Tensor

from mtl.suites.scheduling.bounds import job_bounds, machine_bounds, machine_view
from mtl.suites.scheduling.simulator import Simulator

# Softness of the smooth bounds, as fractions of the lower bound: how far below the largest bound others still count.
_SOFTNESS = (0.01, 0.03, 0.08)

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
    *(f"smooth_bound_{kind}_{softness}" for softness in _SOFTNESS for kind in ("rise", "regret")),
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
    """``[N]``: no completion of the partly built schedule is shorter than this (see :mod:`bounds`)."""
    view = machine_view(simulator.shops, simulator.next_operation, simulator.job_ready, simulator.machine_ready)
    return torch.maximum(
        machine_bounds(view, simulator.machine_ready).amax(1), job_bounds(view, simulator.job_ready).amax(1)
    )


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
    state = _State(simulator)
    jobs, mask = simulator.candidates()
    candidates = torch.zeros(*mask.shape, len(CANDIDATE_FEATURES))
    rows, slots = mask.nonzero(as_tuple=True)
    candidates[rows, slots] = _candidates(state, rows, jobs[rows, slots])
    return {"candidates": candidates, "mask": mask, "context": _context(state)}


def bound_rule_scores(inputs: Mapping[str, Tensor]) -> Tensor:
    """The bound rule as a score of each candidate, ``[N, W]``, from the inputs of the network; higher is sooner.

    Minus ``smooth_bound_rise_0.03``, and minus 0.01 times ``wait_for_start`` to decide between equals.
    """
    return (inputs["candidates"] * torch.tensor(BOUND_RULE)).sum(-1)


class _State:
    """Quantities that several features share."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.view = machine_view(
            simulator.shops, simulator.next_operation, simulator.job_ready, simulator.machine_ready
        )
        self.machine_bounds = machine_bounds(self.view, simulator.machine_ready)  # [N, M]
        self.job_bounds = job_bounds(self.view, simulator.job_ready)  # [N, J]
        self.bound = torch.maximum(self.machine_bounds.amax(1), self.job_bounds.amax(1))  # [N]
        self.present = simulator.est.masked_fill(~simulator.unfinished, torch.inf).amin(1)
        self.present = torch.where(self.present.isinf(), self.bound, self.present)
        self.horizon = torch.maximum(self.bound - self.present, simulator.shops.unit)
        self.durations = simulator.shops.by_machine(simulator.shops.durations)  # [N, M, S]
        self.load = (self.durations * self.view.waiting).sum(2)  # [N, M]
        self.queue = self.view.waiting.sum(2) / simulator.shops.jobs[:, None]  # [N, M]
        self.exists = simulator.shops.real[:, :, 0]
        # Machines are numbered 0..M-1 without holes, so that the first ones exist.
        self.machine_exists = torch.arange(self.load.shape[1]) < simulator.shops.machine_count[:, None]
        self.all_bounds = torch.cat([self.machine_bounds, self.job_bounds], dim=1)  # [N, M + J]
        self.all_exist = torch.cat([self.machine_exists, self.exists], dim=1)


def _squash(x: Tensor) -> Tensor:
    return x.sign() * x.abs().log1p()


def _smooth(bounds: Tensor, exists: Tensor, sharp: Tensor, softness: float) -> Tensor:
    """Smooth maximum ``[P]`` of the bounds ``[P, X]``: ``s log sum exp(bound / s)`` with ``s = softness x sharp``.

    Several bounds near the largest one add up to more than it, as several bottlenecks make a long schedule likelier
    than one.
    """
    scale = softness * sharp[:, None]
    scaled = (bounds / scale).masked_fill(~exists, -torch.inf)
    return scale.squeeze(1) * torch.logsumexp(scaled, dim=1)


def _candidates(state: _State, rows: Tensor, jobs: Tensor) -> Tensor:
    """Features ``[P, F]`` of the next operations of ``jobs`` ``[P]`` of the shops ``rows`` ``[P]``."""
    simulator, view, shops = state.simulator, state.view, state.simulator.shops
    pick = (rows, jobs)
    unit, bound, horizon = shops.unit[rows], state.bound[rows], state.horizon[rows]
    duration, est, ect = simulator.duration[pick], simulator.est[pick], simulator.ect[pick]
    machine, operation = simulator.machine[pick], simulator.next_operation[pick]
    tail = shops.tails[rows, jobs, operation]
    total = shops.before[rows, jobs, operation] + duration + tail

    # The other operations of the candidate's machine, [P, S]. Later visits of its own job are no others.
    heads, durations = view.heads[rows, machine], state.durations[rows, machine]
    place = shops.place[rows, machine]
    tails = shops.tails[rows].flatten(1).gather(1, place)
    longest = shops.durations.shape[2]
    slot_jobs, position = place // longest, place % longest
    others = view.waiting[rows, machine] & (slot_jobs != jobs[:, None])
    overshoot = torch.maximum(heads, ect[:, None]) + durations + tails - bound[:, None]
    is_next = position == simulator.next_operation[rows].gather(1, slot_jobs)
    rivals = others & is_next & simulator.legal[rows].gather(1, slot_jobs)
    comers = others & (heads < ect[:, None])
    no_rival = ~rivals.any(1)

    def among(values: Tensor, chosen: Tensor, reduce: str) -> Tensor:
        """Largest, smallest or mean of ``values`` [P, S] over the chosen; 0 where there is none."""
        if reduce == "mean":
            return values.masked_fill(~chosen, 0.0).sum(1) / chosen.sum(1).clamp(min=1)
        sign = 1.0 if reduce == "max" else -1.0
        result = sign * (sign * values).masked_fill(~chosen, -torch.inf).amax(1)
        return torch.where(chosen.any(1), result, 0.0)

    def against(own: Tensor, rival: Tensor) -> Tensor:
        return torch.where(no_rival, 0.0, own - rival)

    last = operation + 1 == shops.lengths[rows, jobs]
    following = (operation + 1).clamp(max=shops.durations.shape[2] - 1)
    next_machine = shops.machines[rows, jobs, following]
    after = _after(state, rows, jobs)
    columns = [
        _squash(duration / unit),
        _squash((est - state.present[rows]) / unit),
        _squash((ect - simulator.ect.masked_fill(~simulator.legal, torch.inf).amin(1)[rows]) / unit),
        _squash((est - simulator.machine_ready[rows, machine]) / unit),
        _squash((est - simulator.job_ready[pick]) / unit),
        _squash(tail / unit),
        tail / horizon,
        1.0 - (duration + tail) / total.clamp(min=1.0),
        _squash((bound - state.job_bounds[pick]) / unit),
        last.float(),
        state.load[rows, machine] / horizon,
        _squash((bound - state.machine_bounds[rows, machine]) / unit),
        state.queue[rows, machine],
        _squash(rivals.sum(1).float()),
        _squash(against(tail, among(tails, rivals, "max")) / unit),
        _squash(against(duration, among(durations, rivals, "mean")) / unit),
        _squash(against(est, among(heads, rivals, "min")) / unit),
        _squash(among((ect[:, None] - heads).clamp(min=0.0), rivals, "mean") / unit),
        _squash(among(overshoot, rivals, "max") / unit),
        comers.sum(1) / shops.jobs[rows],
        _squash(among(overshoot, comers, "max") / unit),
        torch.where(last, 0.0, _squash((simulator.machine_ready[rows, next_machine] - ect) / unit)),
        torch.where(last, 0.0, state.load[rows, next_machine] / horizon),
        torch.where(last, 0.0, _squash((bound - state.machine_bounds[rows, next_machine]) / unit)),
        torch.where(last, 0.0, state.queue[rows, next_machine]),
        *after,
    ]
    return torch.stack(columns, dim=1)


def _after(state: _State, rows: Tensor, jobs: Tensor) -> list[Tensor]:
    """One step ahead: how the bounds move when a candidate is dispatched, alone and against rivals; each ``[P]``."""
    simulator = state.simulator
    shops = simulator.shops
    each = torch.arange(len(rows))
    machine, end, unit = simulator.machine[rows, jobs], simulator.ect[rows, jobs], shops.unit[rows]
    next_operation = simulator.next_operation[rows]
    next_operation[each, jobs] += 1
    job_ready = simulator.job_ready[rows]
    job_ready[each, jobs] = end
    machine_ready = simulator.machine_ready[rows]
    machine_ready[each, machine] = end
    view = machine_view(shops, next_operation, job_ready, machine_ready, rows)
    machines = machine_bounds(view, machine_ready)  # [P, M]
    paths = job_bounds(view, job_ready)  # [P, J]

    def regret(value: Tensor) -> Tensor:
        best = torch.full_like(state.bound, torch.inf).scatter_reduce_(0, rows, value, "amin")
        return value - best[rows]

    def both(value: Tensor, before: Tensor) -> list[Tensor]:
        return [_squash((value - before[rows]) / unit), _squash(regret(value) / unit)]

    bound = torch.maximum(machines.amax(1), paths.amax(1))
    columns = both(bound, state.bound)
    own = machines[each, machine]
    columns += [_squash((own - state.machine_bounds[rows, machine]) / unit), _squash(regret(own) / unit)]
    then = torch.cat([machines, paths], dim=1)
    for softness in _SOFTNESS:
        columns += both(
            _smooth(then, state.all_exist[rows], state.bound[rows], softness),
            _smooth(state.all_bounds, state.all_exist, state.bound, softness),
        )
    count = state.machine_exists.sum(1)
    columns += both(
        (machines * state.machine_exists[rows]).sum(1) / count[rows],
        (state.machine_bounds * state.machine_exists).sum(1) / count,
    )
    count = state.exists.sum(1)
    columns += both((paths * state.exists[rows]).sum(1) / count[rows], (state.job_bounds * state.exists).sum(1) / count)
    columns.append(_squash((bound - own) / unit))
    return columns


def _context(state: _State) -> Tensor:
    simulator, shops = state.simulator, state.simulator.shops
    machines, jobs = state.machine_exists, state.exists
    waiting, total = state.load.sum(1), shops.durations.sum((1, 2))
    waiting_operations = torch.arange(shops.durations.shape[2]) >= simulator.next_operation[..., None]
    remaining = (shops.durations * waiting_operations).sum(2)  # [N, J]
    horizon, bound = state.horizon[:, None], state.bound[:, None]

    def mean(values: Tensor, exists: Tensor) -> Tensor:
        return (values * exists).sum(1) / exists.sum(1)

    def spread(values: Tensor, exists: Tensor) -> Tensor:
        centre = mean(values, exists)[:, None]
        return mean((values - centre).square(), exists).sqrt()

    load, job, ratio = state.load / horizon, remaining / horizon, state.machine_bounds / bound
    elapsed = state.present * shops.machine_count
    columns = [
        1.0 - waiting / total,
        (shops.jobs / shops.machine_count).log(),
        _squash(state.horizon / shops.unit),
        _squash(simulator.legal.sum(1).float()),
        mean(load, machines),
        load.amax(1),
        spread(load, machines),
        mean(job, jobs),
        job.amax(1),
        spread(job, jobs),
        mean(ratio, machines),
        spread(ratio, machines),
        mean((ratio > 0.97).float(), machines),
        mean((state.job_bounds / bound > 0.97).float(), jobs),
        _smooth(state.all_bounds, state.all_exist, state.bound, _SOFTNESS[1]) / state.bound - 1.0,
        torch.where(elapsed > 0, 1.0 - (total - waiting) / elapsed.clamp(min=1.0), 0.0).clamp(-1.0, 1.0),
    ]
    return torch.stack(columns, dim=1)
