"""Do the other tasks help to act? Dispatching learned alone, with each of the two estimates, and with both.

    python -m experiments.scheduling.other_tasks output=outputs seeds=5 improve=none
    python -m experiments.scheduling.other_tasks file=other_tasks-further.csv \
        'agents=assignment;assignment,regret;assignment,slack;assignment,critical;assignment,bottleneck'

Every agent is trained with every seed and schedules the same published instances greedily; runs that are there already
are not trained again. Prints the mean gap of each agent, and the differences to the one that learns dispatching alone,
in percentage points: of the same seed and instance, with the intervals of the verdict, over seeds and instances, which
hold together with 95 % (Bonferroni). Writes ``other_tasks-<improve>.csv``, or ``file``, beside this one: tasks, seed,
instance, gap.
"""

import csv
import sys
from pathlib import Path

import numpy as np

from mtl.agent.environments.scheduling.decoders import Greedy
from mtl.agent.environments.scheduling.job_shops import JobShops
from mtl.agent.environments.scheduling.schedule_report import AGENT, ScheduleReport
from mtl.comparison.statistics.estimate import over_seeds_and_rows
from mtl.config.compose import configure
from mtl.config.process import set_process_defaults
from mtl.lifecycle.agent import Agent
from mtl.runs.directory import finished, run_path
from mtl.suites.scheduling.further_labels import FURTHER

ALONE = "assignment"
AGENTS = (ALONE, "assignment,utilisation", "assignment,makespan", "assignment,utilisation,makespan")
ALPHA = 0.05


def gaps(tasks: str, seed: int, given: dict[str, str]) -> dict[str, float]:
    """Gaps by instance of one agent, which is trained where it is not there yet."""
    overrides = (
        *("task=scheduling", f"tasks=[{tasks}]", f"seed={seed}", f"improve={given.get('improve', 'none')}"),
        f"task.further=[{','.join(name for name in tasks.split(',') if name in FURTHER)}]",
        *("execution=none", "threads=1", "progress=false", f"output={given.get('output', 'outputs')}"),
    )
    there = next(finished(run_path(configure(*overrides))), None)
    agent = Agent(run=there) if there is not None else Agent(*overrides)
    if there is None:
        agent.train()
    shops = JobShops(given.get("instances", "ta01..ta40"), Greedy(), gantt="none")
    report = agent.execute(environment=shops)
    assert isinstance(report, ScheduleReport)
    own = [one.schedule for one in report.of(AGENT)]
    return {schedule.instance.name: schedule.gap for schedule in own}


def main() -> None:
    """Print and write what came of it."""
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    first = int(given.get("first_seed", "0"))
    seeds = range(first, first + int(given.get("seeds", "5")))
    set_process_defaults()
    file = Path(__file__).with_name(given.get("file", f"other_tasks-{given.get('improve', 'none')}.csv"))
    agents = given["agents"].split(";") if "agents" in given else AGENTS
    found: dict[str, list[list[float]]] = {tasks: [] for tasks in agents}
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(("tasks", "seed", "instance", "gap"))
        for seed in seeds:
            for tasks in agents:
                each = gaps(tasks, seed, given)
                found[tasks].append(list(each.values()))
                writer.writerows((tasks.replace(",", " "), seed, name, round(gap, 6)) for name, gap in each.items())
                opened.flush()
    table = {tasks: 100 * np.array(values) for tasks, values in found.items()}  # [seeds, instances]
    for tasks, values in table.items():
        estimate = over_seeds_and_rows(values - table[ALONE])
        low, high = estimate.interval(ALPHA / (len(agents) - 1))
        seen = ", ".join(f"{value:.1f}" for value in values.mean(1))
        against = "" if tasks == ALONE else f"  {estimate.mean:+.2f} ({low:+.2f} to {high:+.2f})"
        print(f"{tasks}: {values.mean():.2f} % ({seen}){against}", flush=True)


if __name__ == "__main__":
    main()
