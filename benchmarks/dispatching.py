"""Greedy schedules per second, by size of the shop: python benchmarks/dispatching.py

Generated shops of Taillard's distribution, in a batch, on one thread: by the bound rule in compiled loops, by the
same rule through the simulator of tensors, and by a network of the default's size with an untrained head that corrects
the rule in every state that it may (no more than five candidates). Processor seconds, each the median of several
rounds, in turn; a first round, which compiles, is left out.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from mtl.agent.improvement.population import dispatch_head, makespans, rule_makespans
from mtl.network import Network
from mtl.nn.candidates import CandidateSet
from mtl.sharing.gated import Gated
from mtl.suites.scheduling.features import BOUND_RULE
from mtl.suites.scheduling.generate import taillard
from mtl.suites.scheduling.rollout import RulePolicy, rollout
from mtl.suites.scheduling.shops import Shops
from mtl.suites.scheduling.simulator import Simulator
from mtl.suites.scheduling.suite import SchedulingSuite
from mtl.tasks import TaskGraph

SIZES = ((6, 6), (15, 15), (30, 20), (100, 20), (200, 50))
TASK = "assignment"


def network() -> Network:
    """Of the default run, untrained but for the last layer of its dispatcher."""
    torch.manual_seed(0)
    suite = SchedulingSuite(instances=1, validation=1, rollout_instances=1, test="ft06")
    graph = TaskGraph(suite.tasks)
    built = Network(Gated(suite.input_shape, graph.names, CandidateSet), graph).eval()
    torch.nn.init.normal_(dispatch_head(built, TASK).score[-1].weight)
    return built


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="Greedy schedules per second")
    parser.add_argument("--batch", type=int, default=32, help="shops of a batch, fewer of large ones")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--largest", type=int, default=2_000, help="operations of a shop; larger ones are left out")
    options = parser.parse_args()
    torch.set_num_threads(1)
    built, rule = network(), torch.tensor(BOUND_RULE)
    found = Table(title=f"Greedy schedules per second of one core, batches of {options.batch} shops or fewer")
    for column in ("jobs x machines", "rule, compiled", "rule, simulator", "network"):
        found.add_column(column, justify="right")
    for jobs, machines in SIZES:
        if jobs * machines > options.largest:
            continue
        count = max(1, min(options.batch, 20_000 // (jobs * machines)))
        shops = Shops.pack([taillard(0, 0, i, (jobs, jobs), (machines, machines)) for i in range(count)])
        ways: dict[str, Callable[[], object]] = {
            "compiled": partial(rule_makespans, rule[None], [shops], 1),
            "simulator": partial(by_simulator, rule, shops),
            "network": partial(makespans, built, TASK, rule[None], torch.ones(1), [shops], 1),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(options.rounds + 1):
            for name, way in ways.items():
                started = time.process_time()
                way()
                if number:
                    times[name].append(time.process_time() - started)
        found.add_row(
            f"{jobs} x {machines}", *(f"{count / statistics.median(seconds):.3g}" for seconds in times.values())
        )
    Console().print(found)


def by_simulator(rule: Tensor, shops: Shops) -> Tensor:
    """Makespans, by the simulator of tensors."""
    return rollout(RulePolicy(rule), Simulator(shops)).makespan


if __name__ == "__main__":
    main()
