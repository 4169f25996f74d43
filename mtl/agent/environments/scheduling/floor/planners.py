"""Who plans a shop floor: the agent, rules, a solver, and one who keeps to the first plan."""

import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from mtl.agent.environments.scheduling.decoders import Sample, rows_at_once
from mtl.agent.environments.scheduling.floor.play import Planner
from mtl.agent.environments.scheduling.job_shops import on_machines
from mtl.agent.environments.scheduling.rules import Rule
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.labels import follow_schedule
from mtl.suites.scheduling.rollout import Policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from mtl.suites.scheduling.solver import solve

BATCH = 16  # schedules that are drawn at once, before the clock is asked again


def agent_planner(
    policy: Policy, seconds: float, temperature: float, seed: int, others: Sequence[Policy] = (), scale: float = 1.0
) -> Planner:
    """The cheapest of the greedy plans of a policy and of further ones, and of as many samples as there is time for.

    What counts is what a plan would cost if nothing more happened: it is made of what is known when it is made.

    Args:
        policy: scores the candidates.
        seconds: wall clock of a plan. The greedy plan of the policy is made in any case; another one, or a batch of
            samples, is made only where those before it say that there is time for it. 0: the greedy plans alone, all.
        temperature: of the samples.
        seed: of the samples. With ``seconds`` the plan depends on the machine all the same.
        others: further policies of the agent.
        scale: by which their scores would have to be multiplied to be as far apart as those of the first one.

    Returns:
        The planner.
    """
    drawing = Sample(temperature=temperature, seed=seed).beside(others, scale)
    greedy = 1 + len(others)  # the first samples

    def plan(instance: JobShop) -> Schedule:
        began = time.perf_counter()
        shops = Shops.pack([instance])
        best, cost, drawn, took = (torch.empty(0), torch.empty(0)), torch.inf, 0, 0.0
        while drawn == 0 or (time.perf_counter() - began + took < seconds if seconds else drawn < greedy):
            started = time.perf_counter()
            size = 1 if drawn < greedy else min(BATCH, rows_at_once(shops))
            origin = torch.zeros(size, dtype=torch.long)
            built, costs = drawing.drawn(policy, shops.take(origin), torch.arange(drawn, drawn + size))
            drawn += size
            row = int(costs.argmin())
            if float(costs[row]) < cost:
                best, cost = (built.starts[row], built.machines[row]), float(costs[row])
            if drawn == greedy:  # a batch asks each of them
                took = time.perf_counter() - began
            else:  # the others are rules, which take a part of the network's time
                took = 0.0 if drawn == 1 else time.perf_counter() - started
        return Schedule.of(instance, *best)

    return plan


def rule_planner(rule: Rule) -> Planner:
    """The plan of a dispatching rule."""

    def plan(instance: JobShop) -> Schedule:
        built = rule.build(Shops.pack([instance]))
        return Schedule.of(instance, built.starts[0], built.machines[0])

    return plan


def solver_planner(seconds: float, workers: int, seed: int) -> Planner:
    """The best plan that CP-SAT finds in so many seconds, from an empty start."""

    def plan(instance: JobShop) -> Schedule:
        found = solve(instance, float("inf"), seconds=seconds, workers=workers, seed=seed)
        return Schedule(on_machines(instance, found), found.starts)

    return plan


def keeping_planner(first: Planner) -> Planner:
    """The first plan, whose machines and order on each are kept: operations are only put off. New jobs come last."""
    plan: Tensor | None = None

    def keep(instance: JobShop) -> Schedule:
        nonlocal plan
        if plan is None:
            found = first(instance)
            plan = torch.from_numpy(found.starts).float()
            return found
        # What is in no plan starts after all that is, the jobs in the order of their numbers
        last = plan.max() + 1 + torch.arange(instance.jobs, dtype=plan.dtype)
        wanted = last[:, None].repeat(1, instance.durations.shape[1])
        wanted[: plan.shape[0], : plan.shape[1]] = plan
        shops = Shops.pack([replace(instance, alternatives=None)])  # its machines are those of the plan
        order = follow_schedule(shops, wanted[None])
        return Schedule.of(instance, rollout(order, Simulator(shops)).starts[0])

    return keep
