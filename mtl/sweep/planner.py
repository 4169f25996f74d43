"""From what a comparison is asked to do to the list of its runs."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from weakref import finalize

from mtl.assembly import build
from mtl.comparison.design import CONFIRM
from mtl.config.fields import format_value
from mtl.config.run_config import RunConfig
from mtl.config.run_result import RunResult
from mtl.config.search_space import WHAT_COUNTS
from mtl.config.study import BASELINE, Study
from mtl.errors import InputError
from mtl.lifecycle.execution import environment_for
from mtl.lifecycle.finished_heads import check_finishing
from mtl.lifecycle.train import own_callbacks
from mtl.module.lightning import silent_lightning
from mtl.runs.files import read_json_if_whole
from mtl.runs.identity import configuration_id, identity
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.split_checks import check_labels
from mtl.sweep.baseline_checks import check_baselines
from mtl.sweep.comparison_id import comparison_id
from mtl.sweep.entries import ELSEWHERE, value_of, with_values
from mtl.sweep.entry_configs import EntryConfigs
from mtl.sweep.outcomes import check_outcomes
from mtl.sweep.plan import Configuration, Plan
from mtl.sweep.queue import QueuedRun, RunQueue
from mtl.sweep.split_seeds import Splits
from mtl.sweep.suites import Suites
from mtl.sweep.timing import closing_seconds, loading_seconds, step_seconds, validation_seconds
from mtl.sweep.tuning import best_points
from mtl.training.grouping import check as check_measuring
from mtl.training.grouping import epochs as measuring_epochs
from mtl.training.hardware import processes_of
from mtl.training.loggers import check_loggers
from mtl.training.resources import count_parameters
from mtl.training.step_threads import operations

# Operations of the forward pass of a batch through one network. With as many, one keeps a core busy: runs at once take
# as long as one after another (docs/runs_at_once.md)
KEEPS_BUSY = 1e8


def check_hardware(config: RunConfig) -> None:
    """Raise InputError where a run would end the comparison before its end, or start it again by several processes."""
    if config.hardware.max_time is not None:
        raise InputError("hardware.max_time is for single runs: a comparison can be interrupted at any time")
    with silent_lightning():
        processes = processes_of(config.hardware.arguments())
    if processes > 1:
        raise InputError(
            "a comparison starts runs of one process each: choose hardware of one process, and more workers"
        )


def check_grid(study: Study) -> None:
    """Raise InputError for keys of the grid that cannot be tuned."""
    for key in study.grid:
        if key in ELSEWHERE:
            raise InputError(f"grid={{{key}: ...}}: {key} cannot be tuned: expected {ELSEWHERE[key]}")
        if key in WHAT_COUNTS or key.lstrip("+").startswith("task."):
            raise InputError(
                f"grid={{{key}: ...}}: what is compared has to learn from the same data; compare in two comparisons"
            )


class Planner:
    """Makes plans; loads the data once and keeps it.

    Args:
        study: what is asked.

    Attributes:
        configs: of its entries.
        base: the config of the baseline.
        output: directory of all runs.
        queue: of the runs.
        data: the suite with all tasks, auxiliary ones too, its rows loaded.
        fingerprint: of the data.
        suites: of entries that change the baseline's.
        splits: of the seeds.
        halves: screening lets go of the worse half of the configurations on its way.
        comparison_id: of the comparison.
        directory: of its report.
        validation: seconds of a validation.
        overhead: seconds of a run beside its steps.

    Raises:
        InputError: something of it cannot be compared.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.configs = EntryConfigs(study, lambda: [task.name for task in self.data.tasks])
        self.base = base = self.configs.of(BASELINE, "equal")
        self.output = Path(base.output)
        self._check_base()
        self.queue = RunQueue(self.output, study.leases)
        check_baselines(study, self.configs)
        check_grid(study)
        assembly = build(self.configs.whole)
        self.data: MultiTaskDataModule = assembly.data
        if len(self.data.tasks) < 2:
            raise InputError(
                f"there is one task, '{self.data.tasks[0].name}', and nothing that could be learned together: expected "
                "two or more"
            )
        assembly.data.setup("fit")
        check_labels(self.data.splits, self.data.tasks)
        if study.replicas is None and operations(assembly) / len(self.data.tasks) >= KEEPS_BUSY:
            self.study = study = study.model_copy(update={"replicas": 1})
        self.fingerprint = self.data.fingerprint
        scratch = Path(mkdtemp(prefix="mtl-plan-"))
        finalize(self, rmtree, scratch, ignore_errors=True)
        self.suites = Suites(self.configs.whole, self.data, scratch)
        self.suites.check(BASELINE, base)
        configs = [base]
        self._environment = environment = environment_for(base, self.suites.of(base).data)
        for model, weighting in self.configs.pairs:
            configs.append(self.configs.of(model, weighting))
            self.suites.check(f"{model} {weighting}", configs[-1])
            check_outcomes(f"{model} {weighting}", configs[-1], base, environment)
            if configs[-1].hardware != base.hardware:
                check_hardware(configs[-1])
        self._check_unlike(configs[1:])
        self.splits = Splits(study)
        self.halves = self._halves()
        self.comparison_id = comparison_id(study, configs, self.fingerprint, halving=self.halves)
        self.directory = self.output / "comparisons" / (study.name or f"{study.subject}-{self.comparison_id}")
        self._check_directory()
        self.validation = validation_seconds(assembly, self.data)
        self.overhead = loading_seconds(base) + closing_seconds(assembly, self.data)

    def _check_base(self) -> None:
        """Raise InputError for what no run of a comparison can have."""
        if identity(self.configs.of(BASELINE, "equal", seed=1).changed(seed=self.base.seed)) != identity(self.base):
            raise InputError(
                "the seed decides other keys of the config too, such as the data's: seeds are not comparable"
            )
        check_hardware(self.base)

    def _halves(self) -> bool:
        """Whether screening lets go of the worse half of the configurations on its way."""
        if self.study.design != CONFIRM:
            return False
        return self.study.at_once == 1 if self.study.halving is None else self.study.halving

    def _check_unlike(self, configs: Sequence[RunConfig]) -> None:
        """Raise InputError if two entries are one configuration, which would be screened, and stopped, twice.

        Args:
            configs: of all pairs of a model and a weighting, in their order.
        """
        known: dict[str, str] = {}
        for (model, weighting), config in zip(self.configs.pairs, configs, strict=True):
            entry = f"{model} with {weighting}"
            other = known.setdefault(configuration_id(config), entry)
            if other != entry:
                raise InputError(f"'{other}' and '{entry}' are the same configuration: expected each once")

    def _check_directory(self) -> None:
        """Raise InputError if the directory, which a person named, holds another comparison."""
        found = read_json_if_whole(self.directory / "plan.json")
        if found and found.get("comparison_id") != self.comparison_id:
            raise InputError(
                f"name={self.study.name}: '{self.directory}' holds another comparison (of other data, tasks, models or "
                "settings): expected a new name"
            )

    @property
    def test_share(self) -> float | None:
        """Test rows over training rows, where each seed has a split of its own; None: all share one."""
        return None if self.study.data == "fixed" else len(self.data.splits["test"]) / len(self.data.splits["train"])

    def configuration(self, label: str, config: RunConfig) -> Configuration:
        """A configuration with its size and speed. InputError for what each of its runs would refuse."""
        own_callbacks(config)
        check_loggers(config)
        suite = self.suites.of(config)
        check_measuring(build(config, suite.statistics))
        names = [task.name for task in suite.data.tasks]
        groups = config.affinity.networks or min(2, len(names))  # how many there will be is not known yet
        expected = [names[i::groups] for i in range(groups)]
        assembly = build(config, suite.statistics, expected)
        if config.finish_heads:
            with silent_lightning():
                check_finishing(assembly, processes_of(config.hardware.arguments()))
        parameters = count_parameters(assembly.module)["total"]
        measuring = measuring_epochs(config, len(names))
        data = suite.data.served_as(assembly.data)
        seconds, rows = step_seconds(assembly, data), len(data.splits["train"])
        return Configuration(label, config, parameters, seconds, rows, measuring=measuring)

    def multi_task(self) -> list[Configuration]:
        """The configurations of every model with every weighting. The points of a front cost what its first costs."""
        found: dict[tuple[str, str], Configuration] = {}
        for model, weighting in self.configs.pairs:
            label, config = self.configs.label(model, weighting), self.configs.of(model, weighting)
            first = found.get((model, self.configs.first_of(weighting)))
            found[model, weighting] = (
                self.configuration(label, config) if first is None else replace(first, label=label, config=config)
            )
        return list(found.values())

    def single_task(self) -> Configuration:
        """The baseline."""
        return self.configuration(BASELINE, self.configs.of(BASELINE, "equal"))

    def results(self, configuration: Configuration) -> list[RunResult]:
        """Those of its finished runs."""
        return [run.result for entry in configuration.entries if (run := self.queue.done(entry))]

    def plan(self, configurations: Iterable[Configuration], seeds: Sequence[int]) -> Plan:
        """The runs of these configurations over these seeds."""
        planned = [
            replace(one, entries=tuple(self.entry(one.config, seed) for seed in seeds)) for one in configurations
        ]
        return self.planned(planned)

    def planned(self, configurations: Iterable[Configuration]) -> Plan:
        """A plan of configurations that have their runs."""
        return Plan(
            self.study,
            self.output,
            self.comparison_id,
            self.directory,
            tuple(configurations),
            self.validation,
            self.overhead,
        )

    def entry(self, config: RunConfig, seed: int, until: int | None = None) -> QueuedRun:
        """A run of this config with this seed, on the split of that seed where each has its own.

        Args:
            config: its configuration.
            seed: its seed.
            until: after so many epochs it is paused; None: it is trained to its end.

        Returns:
            The run.
        """
        seeded = config.changed(seed=seed)
        if self.study.data == "fixed":
            return QueuedRun(seeded, self.fingerprint, until)
        split = self.splits.of(config, seed)
        return QueuedRun(seeded.changed(task=split.task), split.fingerprint, until)

    def grid_plan(self, configurations: Sequence[Configuration]) -> Plan:
        """Every configuration with every point of the grid, on the first seed."""
        points = []
        for one in configurations:
            for values in product(*self.study.grid.values()):
                config = with_values(one.config, dict(zip(self.study.grid, values, strict=True)))
                check_outcomes("grid", config, one.config, self._environment)
                if config.hardware != one.config.hardware:
                    check_hardware(config)
                points.append(replace(one, config=config, entries=(self.entry(config, self.study.screening_seeds[0]),)))
        return self.planned(points)

    def failed_points(self, tuning: Plan) -> dict[str, str]:
        """Points of the grid without a finished run, among which validation could not choose, and why, by name."""
        found = {}
        for one in tuning.configurations:
            (entry,) = one.entries
            if self.queue.done(entry) is None:
                point = ", ".join(f"{key}={format_value(value_of(one.config, key))}" for key in self.study.grid)
                error = self.queue.attempt(entry).get("error", "unfinished")
                found[f"{one.label}, {point}, seed {entry.config.seed}"] = f"no candidate for tuning: {error}"
        return found

    def best_of_grid(self, tuning: Plan) -> list[Configuration]:
        """Of each configuration the point that validation prefers; those without a finished run are left out."""
        done = [(one, self.queue.done(one.entries[0])) for one in tuning.configurations]
        return best_points([(one, run.result) for one, run in done if run is not None])
