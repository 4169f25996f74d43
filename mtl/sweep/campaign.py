"""A comparison from its first run to its answer: screening, looks, further baselines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mtl.comparison.design import CONFIRM, FULL, Design
from mtl.comparison.gathering import gather
from mtl.comparison.judge import Judge
from mtl.comparison.statistics.looks import Look
from mtl.comparison.types import UNCLEAR
from mtl.config.study import MERGED, SAME_PARAMETERS, SAME_SECONDS, TREES, Study
from mtl.errors import InputError
from mtl.runs.files import read_json_if_whole
from mtl.runs.identity import configuration_id
from mtl.sweep.baselines import Baselines
from mtl.sweep.halving import rungs
from mtl.sweep.ledger import Ledger
from mtl.sweep.plan import Configuration, Plan
from mtl.sweep.planner import Planner
from mtl.sweep.queue import QueuedRun
from mtl.sweep.screening import Screening

# Does the runs of a plan, under a heading, and while processes wait for others some that come later; False when a
# failure stopped it
Train = Callable[[Plan, str, Sequence[QueuedRun]], bool]


class Campaign:
    """Goes through the stages of a comparison; every stage does only what is missing.

    Args:
        planner: of its runs.
        single: the baseline.
        multi: what is compared with it.
        command: that asked for it.
        train: does runs.
        untuned: why points of the grid, or configurations, could not be chosen, by name; None: nothing was tuned.

    Raises:
        InputError: looks were taken by another plan, or something was decided on other configurations.
    """

    def __init__(
        self,
        planner: Planner,
        single: Configuration,
        multi: Sequence[Configuration],
        command: str,
        train: Train,
        untuned: Mapping[str, str] | None = None,
    ) -> None:
        self.planner, self.study, self.baselines = planner, planner.study, Baselines(planner)
        self.single, self.multi = single, list(multi)
        self.command, self.train, self.untuned = command, train, dict(untuned or {})
        self.further: list[Configuration] = []
        self.left_out: dict[str, str] = {}  # by name of a baseline that was asked for, why it has no runs of its own
        self._known: list[Configuration] | None = None  # further baselines, once they are asked for before their turn
        self.ledger = Ledger(planner.directory, lambda: planner.queue.leases.alone(f"looks-{planner.comparison_id}"))
        self.ledger.check(self.study.planned_looks, self.study.deciding_seeds)
        self._check_decided()
        self.screening = Screening(planner, single, multi, self.ledger)
        # Deciding seeds in use: going on keeps those of earlier looks in the plan, whatever interrupts it
        self.decided = self.ledger.seen

    def _check_decided(self) -> None:
        """Raise InputError if something was decided on configurations that are none of these, as tuning may do."""
        known = {configuration_id(one.config) for one in (self.single, *self.multi)}
        chosen = [] if self.ledger.chosen is None else [self.ledger.chosen]
        decided = {*chosen, *(one.configuration for one in self.ledger.stopped)}
        design = read_json_if_whole(self.planner.directory / "plan.json").get("design")
        if self.ledger.taken and isinstance(design, dict) and design.get("baseline") is not None:
            decided.add(str(design["baseline"]))
        if not decided <= known:
            free = max(*self.study.screening_seeds, *self.study.deciding_seeds) + 1
            again = " (a run of the grid that had failed may be done now)" if self.study.tune else ""
            raise InputError(
                f"'{self.ledger.path}': this comparison has decided on configurations that are none of these{again}: "
                f"compare on fresh seeds, first_seed={free}"
            )

    @property
    def design(self) -> Design:
        """How the comparison is decided, as far as it has come."""
        return Design(
            kind=self.study.design,
            screening=tuple(self.study.screening_seeds),
            seeds=tuple(self.study.deciding_seeds),
            looks=tuple(self.study.planned_looks),
            resplit=self.study.data == "resplit",
            baseline=configuration_id(self.single.config),
            chosen=self.ledger.chosen if self.study.design == CONFIRM else None,
            further=tuple(configuration_id(one.config) for one in self.further),
            stopped=tuple(self.ledger.stopped),
            grid={key: tuple(values) for key, values in self.study.grid.items()} if self.study.tune else {},
        )

    def screen(self) -> bool:
        """Rank all configurations on validation and choose the best one; nothing to do where there is no choice."""
        if self.study.design == FULL or self.ledger.chosen is not None:
            self.save()
            return True
        gains: dict[str, float] = {}
        chosen = self.multi[0]
        if len(self.multi) > 1:
            found = self.screening.choose(self._train, self._judge)
            if found is None:
                return False
            chosen = found
            judge = self._judge()
            labels = {configuration_id(one.config): one for one in self.multi}
            gains = {
                labels[key].label: sum(values.values()) / len(values)
                for key in judge.multi
                for values in [judge.validation(key)]
            }
        self.ledger.choose(configuration_id(chosen.config), gains)
        self.save()
        return True

    @property
    def chosen(self) -> Configuration | None:
        """The configuration that is confirmed; with ``design=full`` the best on validation so far.

        None where none can be ranked, since all runs failed or a primary metric is no number.
        """
        key = self.ledger.chosen or self._judge().best()
        return next((one for one in self.multi if configuration_id(one.config) == key), None)

    def decide(self) -> bool:
        """Look as often as planned, until there is an answer; False when a failure stopped it."""
        seeds = self.study.deciding_seeds
        chosen = self.chosen if self.study.design == CONFIRM else None
        compared = self.multi if chosen is None else [chosen]
        for look in self.study.planned_looks:
            heading = f"look at {look} seeds: {compared[0].label}" if len(compared) == 1 else f"look at {look} seeds"
            later = self.planner.plan(self._known_baselines(), seeds[:look]).entries
            if not self._do([self.single, *compared], seeds[:look], f"{heading} against {self.single.label}", later):
                return False
            looks = self._looks(compared, look)
            self.ledger.take(self.study.planned_looks, seeds, looks)
            if all(taken and taken[-1].call != UNCLEAR for taken in looks.values()):
                break
            if not any(taken and taken[-1].seeds == look for taken in looks.values()):
                break  # runs of this look failed: there is no going on without them
        return True

    def add_baselines(self) -> bool:
        """Run the further baselines on the seeds of the last look; False when a failure stopped it."""
        asked, single = self.study.baselines, self._with_runs(self.single)
        named = self.baselines.matched(self.multi, self.chosen)
        finders = {SAME_PARAMETERS: self.baselines.same_parameters, SAME_SECONDS: self.baselines.same_seconds}
        finders = {name: find for name, find in finders.items() if name in asked}
        if named is None:
            matched: dict[str, Configuration | None] = {}
            self.left_out = dict.fromkeys(finders, "no configuration can be ranked on validation, to match it with")
        else:
            match = self._with_runs(named)
            matched = {name: find(single, match) for name, find in finders.items()}
            measured = self.planner.results(single) and self.planner.results(match)
            why = f"no network of its own, since it would be {single.label} as it is"
            self.left_out = {name: why for name, one in matched.items() if one is None and measured}
        self.further = [one for one in matched.values() if one is not None]
        self.further += [self.baselines.trees()] if TREES in asked else []
        self.further += self.baselines.merged(single) if MERGED in asked else []
        self.save()
        return not self.further or self._do(
            self.further, self.study.deciding_seeds[: self.decided], "further baselines"
        )

    def plan(self) -> Plan:
        """All runs of the comparison so far."""
        return self.planner.planned([self._with_runs(one) for one in (self.single, *self.multi, *self.further)])

    @property
    def runs(self) -> int:
        """How many there are so far, with those that screening stopped on their way."""
        return len(self.plan().entries) + sum(one.epochs is not None for one in self.ledger.stopped)

    def save(self, took: str = "") -> Plan:
        """Write the plan, from which a report can be made at any time.

        Args:
            took: how long the runs took, in words.

        Returns:
            The plan.

        Raises:
            InputError: another command has looked by another plan meanwhile.
        """
        self.ledger.check(self.study.planned_looks, self.study.deciding_seeds)
        plan = self.plan()
        plan.save(self.command, self.design, took, {**self.untuned, **self.left_out})
        return plan

    def _known_baselines(self) -> list[Configuration]:
        """Of the further baselines, those that are known before there is an answer; same_seconds is not."""
        if self.study.design == FULL:
            return []
        if self._known is None:
            match = self.baselines.matched(self.multi, self.chosen)
            found = None
            if match is not None and SAME_PARAMETERS in self.study.baselines:
                found = self.baselines.same_parameters(self.single, match)
            self._known = [found] if found is not None else []
        return self._known

    def _do(
        self,
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        heading: str,
        later: Sequence[QueuedRun] = (),
    ) -> bool:
        self.decided = max(self.decided, len([seed for seed in seeds if seed in self.study.deciding_seeds]))
        return self._train(self.planner.plan(configurations, seeds), heading, later)

    def _train(self, plan: Plan, heading: str, later: Sequence[QueuedRun]) -> bool:
        self.save()
        return self.train(plan, heading, later)

    def _with_runs(self, one: Configuration) -> Configuration:
        """A configuration with the runs that are planned of it so far."""
        screened = self.study.design == CONFIRM and len(self.multi) > 1 and one not in self.further
        key = configuration_id(one.config)
        seeds = self.screening.seeds_of(key) if screened else []
        confirmed = self.study.design == FULL or key == self.ledger.chosen or one is self.single or one in self.further
        if confirmed:
            seeds += self.study.deciding_seeds[: self.decided]
        return replace(one, entries=tuple(self.planner.entry(one.config, seed) for seed in seeds))

    def _judge(self) -> Judge:
        """Of all finished runs."""
        self.save()
        runs = gather([self.planner.directory])
        if not runs.records:
            raise InputError(f"every run failed: {runs.problems[0].reason}" if runs.problems else "no finished run")
        baseline = configuration_id(self.single.config)
        if not any(one.configuration == baseline for one in runs.records):
            label = f"{self.single.label}, "
            why = next((f": {one.reason}" for one in runs.problems if one.path.startswith(label)), "")
            raise InputError(f"no run of the baseline ({self.single.label}) has finished{why}")
        return Judge.of(runs.records, runs.rules, self.design)

    def _looks(self, compared: Sequence[Configuration], last: int) -> dict[str, list[Look]]:
        """Looks at delta_m by label, up to that at ``last`` seeds; none of a configuration whose runs failed.

        Runs of later looks may be done, by this command before it was interrupted or by another one.
        """
        judge = self._judge()
        keys = {one.label: configuration_id(one.config) for one in compared}
        found = {label: judge.looks(key) if key in judge.tested else [] for label, key in keys.items()}
        return {label: [look for look in looks if look.seeds <= last] for label, looks in found.items()}


def expected_runs(study: Study, configurations: int, *, halving: bool) -> tuple[int, int]:
    """Fewest and most runs of a comparison, without its further baselines.

    Args:
        study: what is asked.
        configurations: how many are compared with the baseline.
        halving: screening lets go of the worse half on its way.

    Returns:
        Both numbers.
    """
    looks = study.planned_looks
    if study.design == FULL:
        return (configurations + 1) * looks[0], (configurations + 1) * looks[-1]
    screening = 0
    if configurations > 1:
        parts = rungs(study.screening_seeds, configurations, halving=halving)
        left = parts[-2].keep if len(parts) > 1 else configurations  # that have all its seeds
        screening = study.screen + configurations + left * (study.screen - 1)
    return screening + 2 * looks[0], screening + 2 * looks[-1]
