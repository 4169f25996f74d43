"""Who plans a shop floor: the agent, rules, a solver, and one who keeps to the first plan."""

import time
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from mtl.agent.environments.scheduling.decoders import Sample, rows_at_once
from mtl.agent.environments.scheduling.floor.play import Planner
from mtl.agent.environments.scheduling.rules import Rule
from mtl.agent.environments.scheduling.schedule import Schedule
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.labels import follow_schedule
from mtl.suites.scheduling.rollout import Policy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from mtl.suites.scheduling.solver import solve

BATCH = 16  # schedules that are drawn at once, before the clock is asked again


def agent_planner(policy: Policy, seconds: float, temperature: float, seed: int) -> Planner:
    """The greedy plan of a policy, and the best of as many samples as there is time for.

    Args:
        policy: scores the candidates.
        seconds: wall clock of a plan; another batch is drawn only where the last one says that there is time for it. 0:
            the greedy plan alone.
        temperature: of the samples.
        seed: of the samples. With ``seconds`` the plan depends on the machine all the same.

    Returns:
        The planner.
    """
    drawing = Sample(temperature=temperature, seed=seed)

    def plan(instance: JobShop) -> NDArray[Any]:
        began = time.perf_counter()
        shops = Shops.pack([instance])
        best: Simulator = rollout(policy, Simulator(shops))
        cost, row, drawn, took = float(best.cost), 0, 1, time.perf_counter() - began
        size = min(BATCH, rows_at_once(shops))
        while time.perf_counter() - began + took < seconds:
            started = time.perf_counter()
            origin = torch.zeros(size, dtype=torch.long)
            samples = drawing.with_noise(policy, torch.arange(drawn, drawn + size))
            built = rollout(samples, Simulator(shops.take(origin)))
            drawn += size
            if float(built.cost.min()) < cost:
                best, row, cost = built, int(built.cost.argmin()), float(built.cost.min())
            took = time.perf_counter() - started
        return Schedule.of(instance, best.starts[row]).starts

    return plan


def rule_planner(rule: Rule) -> Planner:
    """The plan of a dispatching rule."""
    return lambda instance: Schedule.of(instance, rule.schedule(Shops.pack([instance]))[0]).starts


def solver_planner(seconds: float, workers: int, seed: int) -> Planner:
    """The best plan that CP-SAT finds in so many seconds, from an empty start."""
    return lambda instance: solve(instance, float("inf"), seconds=seconds, workers=workers, seed=seed).starts


def keeping_planner(first: Planner) -> Planner:
    """The first plan, whose order every machine keeps: operations are only put off. New jobs come last."""
    plan: Tensor | None = None

    def keep(instance: JobShop) -> NDArray[Any]:
        nonlocal plan
        if plan is None:
            starts = first(instance)
            plan = torch.from_numpy(starts).float()
            return starts
        # What is in no plan starts after all that is, the jobs in the order of their numbers
        last = plan.max() + 1 + torch.arange(instance.jobs, dtype=plan.dtype)
        wanted = last[:, None].repeat(1, instance.durations.shape[1])
        wanted[: plan.shape[0], : plan.shape[1]] = plan
        shops = Shops.pack([instance])
        order = follow_schedule(shops, wanted[None])
        return Schedule.of(instance, rollout(order, Simulator(shops)).starts[0]).starts

    return keep
