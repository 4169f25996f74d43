"""Does screening by halves choose as well as screening of all? python -m experiments.halving.run task=digits steps=600

Trains every configuration of a comparison on some seeds, to the end. Then every pair of seeds is a screening: what
``halving=true`` would choose, from the scores that the runs logged by half of their training, and what is chosen
where all are trained to the end on both seeds. Both choices are measured on test, on the seeds that are not of the
pair, as gains over single-task networks.

What is told after ``task=...`` are settings and overrides of a comparison. Runs go to ``--output`` and are not made
again. Adds a row for the suite to ``result.csv`` beside this file, or where ``--results`` says; the interval is
Student's over the seeds that came first in the pairs, which are independent trainings.
"""

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from statistics import fmean

from mtl.comparison.design import Design
from mtl.comparison.gathering import gather
from mtl.comparison.judge import Judge
from mtl.comparison.statistics.estimate import over_seeds
from mtl.config.process import set_process_defaults
from mtl.config.study_arguments import read_study
from mtl.runs.directory import Run
from mtl.runs.identity import configuration_id
from mtl.sweep.halving import Rung, rungs
from mtl.sweep.plan import Configuration, Plan
from mtl.sweep.planner import Planner
from mtl.sweep.screening import lowest_score
from mtl.sweep.workers import sweep

COLUMNS = ("suite", "seeds", "pairs", "same choice", "halves %", "all %", "difference", "low", "high", "work")
ALPHA = 0.05


@dataclass(frozen=True)
class Screened:
    """What a screening chose, and what it took.

    Attributes:
        label: of the configuration chosen.
        work: epochs trained, of the configurations alone.
    """

    label: str
    work: int


def trained(overrides: Sequence[str], seeds: int, output: str, workers: int) -> tuple[Plan, Judge]:
    """Every configuration of a comparison on so many seeds, and a judge of them all."""
    listed = f"seeds=[{','.join(map(str, range(seeds)))}]"
    settings = ("design=full", "baselines=[]", "replicas=1", f"workers={workers}", f"output={output}", listed)
    planner = Planner(read_study([*overrides, *settings]))
    plan = planner.plan([planner.single_task(), *planner.multi_task()], planner.study.deciding_seeds)
    single = configuration_id(plan.configurations[0].config)
    design = Design("full", tuple(range(seeds)), tuple(range(seeds)), (seeds,), baseline=single)
    plan.save("", design)
    sweep(plan.entries, plan.output, workers)
    found = gather([plan.directory])
    return plan, Judge.of(found.records, found.rules, design)


class Screenings:
    """Screenings of runs that are all there.

    Args:
        plan: of the runs.
        judge: of their records.
    """

    def __init__(self, plan: Plan, judge: Judge) -> None:
        self.plan, self.judge = plan, judge
        self.multi = plan.configurations[1:]

    def gain(self, one: Configuration, seeds: Sequence[int]) -> float:
        """Mean gain over the tasks on validation."""
        runs = self.judge.runs[configuration_id(one.config)]
        return fmean(self.judge.gain.on_validation(runs, self.judge.base, seeds).values())

    def test_gain(self, label: str, seeds: Sequence[int]) -> float:
        """Mean gain over the tasks on test, in percent."""
        one = next(one for one in self.multi if one.label == label)
        runs = self.judge.runs[configuration_id(one.config)]
        return 100 * float(self.judge.gain.on_all_tasks(runs, self.judge.base, seeds).by_seed.mean())

    def epochs(self, one: Configuration, seed: int, rung: Rung) -> int:
        """Of a run in a part of the screening."""
        until = rung.until(one.budget)
        whole = self.record_epochs(one, seed)
        return whole if until is None else min(until, whole)

    def record_epochs(self, one: Configuration, seed: int) -> int:
        """Of a run to its end."""
        return Run(self.judge.runs[configuration_id(one.config)][seed].path).result.epochs

    def value(self, one: Configuration, rung: Rung) -> float:
        """By which a configuration is ranked after a part, higher being better."""
        until = rung.until(one.budget)
        if rung.part == 1:
            return self.gain(one, rung.seeds)
        run = self.judge.runs[configuration_id(one.config)][rung.seeds[0]].path
        return -lowest_score(run, None if until is None else until * one.steps)

    def choose(self, seeds: Sequence[int], *, halving: bool) -> Screened:
        """What a screening on these seeds chooses."""
        left = list(self.multi)
        done: dict[tuple[str, int], int] = {}
        for rung in rungs(seeds, len(self.multi), halving=halving):
            for one in left:
                for seed in rung.seeds:
                    done[one.label, seed] = max(done.get((one.label, seed), 0), self.epochs(one, seed, rung))
            left = sorted(left, key=lambda one: -self.value(one, rung))[: rung.keep]
        return Screened(left[0].label, sum(done.values()))


def row(name: str, plan: Plan, judge: Judge) -> list[str]:
    """Of the table: both ways to screen over all ordered pairs of seeds."""
    screenings, seeds = Screenings(plan, judge), list(judge.base)
    differences: dict[int, list[float]] = {seed: [] for seed in seeds}
    gains: list[tuple[float, float]] = []
    same, work = [], []
    for pair in permutations(seeds, 2):
        halves, whole = (screenings.choose(pair, halving=halving) for halving in (True, False))
        rest = [seed for seed in seeds if seed not in pair]
        gains.append((screenings.test_gain(halves.label, rest), screenings.test_gain(whole.label, rest)))
        differences[pair[0]].append(gains[-1][0] - gains[-1][1])
        same.append(halves.label == whole.label)
        work.append(halves.work / whole.work)
    by_first = [fmean(found) for found in differences.values()]
    low, high = over_seeds(by_first).interval(ALPHA)
    numbers = (fmean(a for a, _ in gains), fmean(b for _, b in gains), fmean(by_first), low, high)
    shown = [f"{number:.2f}" for number in (*numbers, fmean(work))]
    return [name, str(len(seeds)), str(len(gains)), f"{fmean(same):.2f}", *shown]


def main() -> None:
    """Train what is missing, and write the row of the suite."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="+", help="settings and overrides of a comparison")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--output", default="outputs/halving")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "result.csv")
    given = parser.parse_args()
    set_process_defaults()
    found = row(" ".join(given.overrides), *trained(given.overrides, given.seeds, given.output, given.workers))
    lines = list(csv.reader(given.results.open(encoding="utf-8"))) if given.results.is_file() else [list(COLUMNS)]
    lines = [line for line in lines if line[0] != found[0]] + [found]
    with given.results.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)
    print(", ".join(f"{column} {value}" for column, value in zip(COLUMNS, found, strict=True)))


if __name__ == "__main__":
    main()
