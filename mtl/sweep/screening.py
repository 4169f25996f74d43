"""The screening of a comparison: all configurations on validation, until one is chosen."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf, isfinite
from pathlib import Path

from mtl.comparison.caveats import unmeasured
from mtl.comparison.design import Stopped
from mtl.comparison.judge import Judge
from mtl.comparison.report.curves import logged
from mtl.errors import InputError
from mtl.runs.identity import configuration_id
from mtl.sweep.halving import FIRST, Rung, rungs
from mtl.sweep.ledger import Ledger
from mtl.sweep.plan import Configuration, Plan
from mtl.sweep.planner import Planner
from mtl.sweep.queue import FAILED, QueuedRun
from mtl.training.callbacks.validation_watch import SCORE


class Screening:
    """Trains all configurations in parts (:mod:`mtl.sweep.halving`), and says after each which go on.

    Args:
        planner: of its runs.
        single: the baseline, which is trained on all seeds.
        multi: what is screened.
        ledger: keeps what each part decided.
    """

    def __init__(self, planner: Planner, single: Configuration, multi: Sequence[Configuration], ledger: Ledger) -> None:
        self.planner, self.single, self.multi, self.ledger = planner, single, list(multi), ledger
        self.rungs = rungs(planner.study.screening_seeds, len(self.multi), halving=planner.halves)

    def left(self, rung: int) -> list[Configuration]:
        """The configurations that are trained in a part."""
        stopped = {one.configuration for one in self.ledger.stopped if one.rung < rung}
        return [one for one in self.multi if configuration_id(one.config) not in stopped]

    def seeds_of(self, key: str) -> list[int]:
        """Seeds on which a configuration is trained to its end, as far as is decided: in the order of the parts."""
        if key == configuration_id(self.single.config):
            return list(self.rungs[-1].seeds)
        stopped = next((one for one in self.ledger.stopped if one.configuration == key), None)
        reached = len(self.rungs) - 1 if stopped is None else stopped.rung
        decided = max((one.rung + 1 for one in self.ledger.stopped), default=0)
        rung = self.rungs[min(reached, decided)]
        return [] if stopped is not None and stopped.epochs is not None else list(rung.seeds)

    def choose(
        self, train: Callable[[Plan, str, Sequence[QueuedRun]], bool], judged: Callable[[], Judge]
    ) -> Configuration | None:
        """Train what is missing and choose.

        Args:
            train: does the runs of a plan, under a heading, and where processes wait for others some of later parts;
                False when a failure stopped it.
            judged: judges the finished runs of the comparison.

        Returns:
            The configuration that is best on validation; None when a failure stopped it.

        Raises:
            InputError: every run of all configurations failed.
        """
        decided = {one.rung for one in self.ledger.stopped}
        for number in range(len(self.rungs)):
            left = self.left(number)
            if number in decided:
                continue
            if not train(self.plan(number, left), self.heading(number, left), self.later(number)):
                return None
            if number < len(self.rungs) - 1:
                self.let_go(number, left, judged)
        judge = judged()
        found = judge.best()
        if found is None:
            lacking = [
                sentence
                for one in (self.single, *self.multi)
                for sentence in unmeasured(one.label, list(judge.runs.get(configuration_id(one.config), {}).values()))
            ]
            why = " ".join(lacking) if judge.multi else "every one of their runs failed"
            raise InputError(f"no configuration could be screened: {why}")
        return next(one for one in self.multi if configuration_id(one.config) == found)

    def plan(self, number: int, left: Sequence[Configuration]) -> Plan:
        """The runs of a part; the baseline's are trained to their end in any case."""
        rung = self.rungs[number]
        planned = [(self.single, None), *((one, self.until(rung, one)) for one in left)]
        return self.planner.planned(
            replace(one, entries=tuple(self.planner.entry(one.config, seed, until) for seed in rung.seeds))
            for one, until in planned
        )

    def later(self, number: int) -> list[QueuedRun]:
        """Runs of the baseline that are needed after a part, whatever comes of it."""
        study = self.planner.study
        last = number == len(self.rungs) - 1
        seeds = study.deciding_seeds[: study.planned_looks[0]] if last else self.rungs[-1].seeds
        return self.planner.plan([self.single], seeds).entries

    def until(self, rung: Rung, one: Configuration) -> int | None:
        """After how many epochs a run of a configuration is paused in a part; None: at its end."""
        return rung.until(one.budget)

    def heading(self, number: int, left: Sequence[Configuration]) -> str:
        """What is said before a part."""
        if len(self.rungs) == 1:
            return "screening on validation"
        rung = self.rungs[number]
        what = "half of the training" if rung.part == FIRST else "the whole training"
        where = f"{len(rung.seeds)} seeds" if len(rung.seeds) > 1 else f"seed {rung.seeds[0]}"
        part = f"{number + 1} of {len(self.rungs)}"
        return f"screening on validation, {part}: {len(left)} configurations, {what}, {where}"

    def let_go(self, number: int, left: Sequence[Configuration], judged: Callable[[], Judge]) -> None:
        """Write down which configurations do not go on after a part."""
        rung = self.rungs[number]
        partly = rung.part > 1
        scores = {one.label: self.score(one, rung) for one in left} if partly else {}
        values = {label: -score for label, score in scores.items()} if partly else self.gains(left, judged())
        order = sorted(left, key=lambda one: -values[one.label])  # of equal ones the first stays
        last = order[rung.keep - 1].label
        self.ledger.stop(
            Stopped(
                configuration=configuration_id(one.config),
                label=one.label,
                rung=number,
                seed=rung.seeds[0],
                epochs=None if self.failed(one, rung) else self.until(rung, one),
                score=finite(scores.get(one.label)),
                last_score=finite(scores.get(last)),
                run=str(self.directory(one, rung) or ""),
            )
            for one in order[rung.keep :]
        )

    def gains(self, left: Sequence[Configuration], judge: Judge) -> dict[str, float]:
        """Mean gains on validation by label; the lowest of all for what failed."""
        found = {}
        for one in left:
            key = configuration_id(one.config)
            values = list(judge.validation(key).values()) if key in judge.multi else []
            found[one.label] = sum(values) / len(values) if values and all(map(isfinite, values)) else -inf
        return found

    def directory(self, one: Configuration, rung: Rung) -> Path | None:
        """Of the run of a configuration on the first seed of a part; None where there is none."""
        return self.planner.queue.directory(self.planner.entry(one.config, rung.seeds[0]))

    def failed(self, one: Configuration, rung: Rung) -> bool:
        """Whether the run of a configuration on the first seed of a part failed: then the plan keeps it."""
        return self.planner.queue.state(self.planner.entry(one.config, rung.seeds[0], self.until(rung, one))) == FAILED

    def score(self, one: Configuration, rung: Rung) -> float:
        """The best validation score of a run up to where it is paused; infinite for what failed."""
        run, until = self.directory(one, rung), self.until(rung, one)
        return inf if run is None else lowest_score(run, None if until is None else until * one.steps)


def lowest_score(run: Path, steps: int | None) -> float:
    """The lowest validation score that a run logged in its first optimizer steps; infinite where it logged none.

    Args:
        run: its directory.
        steps: how many; None: all.

    Returns:
        The geometric mean of the tasks' losses.
    """
    found = logged(run).get(SCORE, {})
    return min((score for step, score in found.items() if steps is None or step <= steps), default=inf)


def finite(value: float | None) -> float | None:
    """The number; None for one that is not finite, and for None."""
    return value if value is not None and isfinite(value) else None
