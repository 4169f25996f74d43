"""From what a comparison is asked to do to the list of its runs."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from shutil import rmtree
from statistics import median, median_low
from tempfile import mkdtemp
from typing import Any
from weakref import finalize

from mtl.assembly import build, build_suite
from mtl.comparison.design import CONFIRM
from mtl.config.compose import configure
from mtl.config.equal_numbers import whole_as_integers
from mtl.config.run_config import RunConfig
from mtl.config.run_result import RunResult
from mtl.config.study import BASELINE, FRONT, MERGED, SAME_PARAMETERS, TREES, Study
from mtl.errors import InputError
from mtl.lifecycle.execution import environment_for
from mtl.lifecycle.finished_heads import check_finishing
from mtl.lifecycle.merged import check_merged
from mtl.lifecycle.train import own_callbacks
from mtl.lifecycle.trees import check_trees
from mtl.module.lightning import silent_lightning
from mtl.runs.files import read_json_if_whole, write_json
from mtl.runs.identity import configuration_id, identity
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.split_checks import check_labels
from mtl.sweep.entries import (
    ELSEWHERE,
    as_trained,
    front_points,
    overrides_for,
    shorten_entry,
    value_of,
    weights_of,
    with_split_seed,
    with_values,
)
from mtl.sweep.halving import rungs
from mtl.sweep.matched_baselines import epochs_within, same_parameters, sizes_of
from mtl.sweep.outcomes import check_outcomes
from mtl.sweep.plan import Configuration, Plan
from mtl.sweep.queue import QueuedRun, RunQueue
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
# as long as one after another (docs/performance.md)
KEEPS_BUSY = 1e8


@dataclass(frozen=True)
class Split:
    """The data of one seed.

    Attributes:
        task: the config of its suite.
        fingerprint: of the data.
    """

    task: dict[str, Any]
    fingerprint: str


def check_one_process(config: RunConfig) -> None:
    """Raise InputError where a run would be trained by several processes, which would start the comparison again."""
    with silent_lightning():
        processes = processes_of(config.hardware.arguments())
    if processes > 1:
        raise InputError(
            "a comparison starts runs of one process each: choose hardware of one process, and more workers"
        )


class Planner:
    """Makes plans; loads the data once and keeps it.

    Args:
        study: what is asked.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self._configs: dict[tuple[str, str, int, int | None], RunConfig] = {}
        self._first_points: dict[str, str] = {}  # of its front, for each further point
        self._short: dict[str, str] = {}  # what the points of fronts are called
        base = self.config(BASELINE, "equal")
        self.output = Path(base.output)
        if identity(self.config(BASELINE, "equal", seed=1).changed(seed=base.seed)) != identity(base):
            raise InputError(
                "the seed decides other keys of the config too, such as the data's: seeds are not comparable"
            )
        if base.hardware.max_time is not None:
            raise InputError("hardware.max_time is for single runs: a comparison can be interrupted at any time")
        check_one_process(base)
        self.queue = RunQueue(self.output, study.leases)
        self.check_baselines()
        for key in study.grid:
            if key in ELSEWHERE:
                raise InputError(f"grid={{{key}: ...}}: {key} cannot be tuned: expected {ELSEWHERE[key]}")
            if key.lstrip("+").startswith("task."):
                raise InputError(
                    f"grid={{{key}: ...}}: what is compared has to learn from the same data; compare in two comparisons"
                )
        assembly = build(base)
        self.data: MultiTaskDataModule = assembly.data
        if len(self.data.tasks) < 2:
            raise InputError(
                f"there is one task, '{self.data.tasks[0].name}', and nothing that could be learned together: expected "
                "two or more"
            )
        assembly.data.setup("fit")
        check_labels(self.data.splits)
        if study.replicas is None and operations(assembly) / len(self.data.tasks) >= KEEPS_BUSY:
            self.study = study = study.model_copy(update={"replicas": 1})
        self.fingerprint = self.data.fingerprint
        scratch = Path(mkdtemp(prefix="mtl-plan-"))
        finalize(self, rmtree, scratch, ignore_errors=True)
        self.suites = Suites(base, self.data, scratch)
        configs = [base]
        environment = environment_for(base, self.data)
        for model, weighting in self.pairs:
            configs.append(self.config(model, weighting))
            self.suites.check(f"{model} {weighting}", configs[-1])
            check_outcomes(f"{model} {weighting}", configs[-1], base, environment)
            if configs[-1].hardware != base.hardware:
                check_one_process(configs[-1])
        self._check_unlike(configs[1:])
        self.splits: dict[tuple[str, int], Split] = {}
        self.halves = self._halves()
        self.comparison_id = comparison_id(study, configs, self.fingerprint, halving=self.halves)
        self.directory = self.output / "comparisons" / (study.name or f"{study.subject}-{self.comparison_id}")
        self._check_directory()
        self.validation = validation_seconds(assembly, self.data)
        self.overhead = loading_seconds(base) + closing_seconds(assembly, self.data)

    def _halves(self) -> bool:
        """Whether screening lets go of the worse half of the configurations on its way."""
        if self.study.design != CONFIRM:
            return False
        return self.study.at_once == 1 if self.study.halving is None else self.study.halving

    def _check_unlike(self, configs: Sequence[RunConfig]) -> None:
        """Raise InputError if two entries are one configuration, which would be screened, and stopped, twice.

        Args:
            configs: of :attr:`pairs`, in their order.
        """
        known: dict[str, str] = {}
        for (model, weighting), config in zip(self.pairs, configs, strict=True):
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

    def config(self, model: str, weighting: str, seed: int = 0, epochs: int | None = None) -> RunConfig:
        """The config of a model and a weighting, each with overrides of its own after a space.

        Each is composed once: Hydra reads all its files anew every time. Of a front, which has dozens of points that
        differ in their weights only, the first is composed.

        Args:
            model: an entry of ``models``.
            weighting: an entry of ``weightings``.
            seed: of the run.
            epochs: exactly so many; None: the budget that the comparison asks for.

        Returns:
            The config.
        """
        asked = (model, weighting, seed, epochs)
        if asked not in self._configs:
            first = self._first_points.get(weighting)
            if first is None:
                self._configs[asked] = self._composed(*asked)
            else:
                alike = self.config(model, first, seed, epochs)
                self._configs[asked] = alike.changed(weighting={**alike.weighting, "weights": weights_of(weighting)})
        return self._configs[asked]

    def _composed(self, model: str, weighting: str, seed: int, epochs: int | None) -> RunConfig:
        chosen = [*overrides_for("model", model), *overrides_for("weighting", weighting)]
        budget = [] if self.study.budget is None else [f"steps={self.study.budget}"]
        if epochs is not None:
            budget = [f"epochs={epochs}", "steps=null", "patience=null"]
        config = configure(*as_trained(self.study.overrides), *budget, *chosen, f"seed={seed}")
        return config.changed(output=str(Path(config.output).resolve()), progress=False, resume=None)

    def configuration(self, label: str, config: RunConfig) -> Configuration:
        """A configuration with its size and speed. InputError for what each of its runs would refuse."""
        own_callbacks(config)
        check_loggers(config)
        suite = self.suites.of(config)
        check_measuring(build(config, suite.statistics))
        names = [task.name for task in self.data.tasks]
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

    @cached_property
    def weightings(self) -> list[str]:
        """The entries of ``weightings``, the front written out as one entry for each point of its grid."""
        found = []
        for entry in self.study.weightings:
            if entry.split()[0] != FRONT:
                found.append(entry)
                continue
            points = front_points(entry, [task.name for task in self.data.tasks], self.study.front)
            first, *others = points
            found += points
            self._first_points |= dict.fromkeys(others, first)
            self._short |= points
        return found

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every model with every weighting."""
        return list(product(self.study.models, self.weightings))

    def label(self, model: str, weighting: str) -> str:
        """What a model with a weighting is called: in short, unless another pair is called so too."""
        label = self._short_label(model, weighting)
        alone = [self._short_label(*pair) for pair in self.pairs].count(label) == 1
        return label if alone else f"{model}-{weighting}"

    def _short_label(self, model: str, weighting: str) -> str:
        return f"{shorten_entry(model)}-{self._short.get(weighting) or shorten_entry(weighting)}"

    def multi_task(self) -> list[Configuration]:
        """The configurations of every model with every weighting. The points of a front cost what its first costs."""
        found: dict[tuple[str, str], Configuration] = {}
        for model, weighting in self.pairs:
            label, config = self.label(model, weighting), self.config(model, weighting)
            first = found.get((model, self._first_points.get(weighting, "")))
            found[model, weighting] = (
                self.configuration(label, config) if first is None else replace(first, label=label, config=config)
            )
        return list(found.values())

    def single_task(self) -> Configuration:
        """The baseline."""
        return self.configuration(BASELINE, self.config(BASELINE, "equal"))

    def same_parameters(self, single: Configuration, match: Configuration) -> Configuration | None:
        """The single-task baseline of the size of what it is matched with; None if that is the baseline itself."""
        config = same_parameters(single.config, match.parameters, self.suites.base.statistics)
        return None if config == single.config else self.configuration(f"{BASELINE}, same parameters", config)

    def trees(self) -> Configuration:
        """Boosted trees for every task; what their training takes is not timed beforehand."""
        rows = len(self.data.splits["train"])
        return Configuration(TREES, self.config(TREES, "equal"), parameters=0, step_seconds=0.0, rows=rows)

    def merged(self, single: Configuration) -> list[Configuration]:
        """Single-task networks merged in every way that is asked for.

        Args:
            single: the baseline, whose steps take as long as theirs. All of them merge the same networks.

        Returns:
            One for each entry of ``merges``, with the parameters of the network that comes out.
        """
        found = []
        for number, entry in enumerate(self.study.merges):
            config = self.tuned_as(single, self.merged_config(entry))
            parameters = count_parameters(build(config, self.suites.base.statistics).module)["total"]
            seconds = 0.0 if number else single.step_seconds
            found.append(Configuration(f"{MERGED} {shorten_entry(entry)}", config, parameters, seconds, single.rows))
        return found

    def merged_config(self, entry: str) -> RunConfig:
        """The config of an entry of ``merges``."""
        return self.config(f"{MERGED} merge={entry}", "equal")

    def check_baselines(self) -> None:
        """Raise InputError for baselines that cannot be made of this encoder, or cannot learn these tasks."""
        if SAME_PARAMETERS in self.study.baselines:
            sizes_of(self.config(BASELINE, "equal"))
        if MERGED in self.study.baselines:
            for entry in self.study.merges:
                check_merged(self.merged_config(entry))
        if TREES in self.study.baselines:
            if self.config(BASELINE, "equal").improve:
                raise InputError(
                    "baselines: improve changes networks alone, and trees would be compared with improved ones: "
                    "expected baselines without trees, or improve=none"
                )
            with silent_lightning():
                check_trees(self.config(TREES, "equal"))

    def matched(self, configurations: Iterable[Configuration], chosen: Configuration | None) -> Configuration | None:
        """What baselines are matched with: the configuration chosen, or of ``match`` with the first weighting."""
        if self.study.match is None:
            return chosen
        label = self.label(self.study.match, self.weightings[0])
        return next(one for one in configurations if one.label == label)

    def same_seconds(self, single: Configuration, match: Configuration) -> Configuration | None:
        """The single-task baseline with the epochs that fit into the duration of what it is matched with.

        Both durations are medians of finished runs, so this comes after them; a few timed steps say too little of a run
        with validation and acting. Where runs of one were trained at once and those of the other were not, their shares
        of seconds say nothing of each other, and timed steps have to do. The epochs are kept, so that plans repeat.

        Args:
            single: the single-task baseline, with its runs.
            match: what it is matched with, with its runs.

        Returns:
            None if it would be single_task itself, or a duration is unknown since all runs failed.
        """
        kept = self.directory / "same_seconds.json"
        both = f"{configuration_id(single.config)} {configuration_id(match.config)} by runs"
        question = hashlib.sha256(both.encode()).hexdigest()
        known = read_json_if_whole(kept)
        if known.get("question") == question:
            return self.single_task_with_epochs(single, int(known["epochs"]), int(known["single_task_epochs"]))
        own, wanted = self.results(single), self.results(match)
        if not own or not wanted:
            return None
        seconds, longest = (median(one.seconds.fit for one in found) for found in (own, wanted))
        if any(one.replicas > 1 for one in (*own, *wanted)):
            seconds = median(one.steps for one in own) * single.step_seconds
            longest = median(one.steps for one in wanted) * match.step_seconds
        used = median_low(one.epochs for one in own)
        epochs = epochs_within(used, seconds, longest)
        self.directory.mkdir(parents=True, exist_ok=True)
        content = {"question": question, "epochs": epochs, "single_task_epochs": used}
        write_json(kept, {**content, "single_task": seconds, match.label: longest})
        return self.single_task_with_epochs(single, epochs, used)

    def single_task_with_epochs(self, single: Configuration, epochs: int, used: int) -> Configuration | None:
        """The single-task baseline with exactly so many epochs; None if that is what it has ``used`` anyway."""
        if epochs == used:
            return None
        config = self.tuned_as(single, self.config(BASELINE, "equal", epochs=epochs))
        return replace(single, label=f"{BASELINE}, same seconds", config=config, entries=())

    def tuned_as(self, single: Configuration, config: RunConfig) -> RunConfig:
        """The config with the values of the grid that were chosen for the baseline; as it is where nothing is tuned."""
        if not self.study.tune:
            return config
        tuned = {key: value_of(single.config, key) for key in self.study.grid}
        return with_values(config, tuned).changed(rates=single.config.rates)

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
        split = self.split(config, seed)
        return QueuedRun(seeded.changed(task=split.task), split.fingerprint, until)

    def split(self, config: RunConfig, seed: int) -> Split:
        """The data of a config with a seed that has a split of its own."""
        key = json.dumps(config.task, sort_keys=True, default=str), seed
        if key not in self.splits:
            task = with_split_seed(config.task, seed)
            try:
                data = build_suite(config.changed(task=task))
                data.setup("fit")
                check_labels(data.splits)
            except InputError as error:  # of these rows, such as a class that none of them has
                raise InputError(f"data=resplit, the split of seed {seed}: {error}") from None
            self.splits[key] = Split(task, data.fingerprint)
        return self.splits[key]

    def check_splits(self) -> None:
        """Raise InputError if the rows cannot be divided anew for a seed that may be needed, however late."""
        if self.study.data == "fixed":
            return
        base = self.config(BASELINE, "equal")
        for seed in dict.fromkeys([*self.study.screening_seeds, *self.study.deciding_seeds]):
            self.split(base, seed)

    def grid_plan(self, configurations: Sequence[Configuration]) -> Plan:
        """Every configuration with every point of the grid, on the first seed."""
        points = []
        for one in configurations:
            for values in product(*self.study.grid.values()):
                config = with_values(one.config, dict(zip(self.study.grid, values, strict=True)))
                points.append(replace(one, config=config, entries=(self.entry(config, self.study.screening_seeds[0]),)))
        return self.planned(points)

    def best_of_grid(self, tuning: Plan) -> list[Configuration]:
        """Of each configuration the point that validation prefers; those without a finished run are left out."""
        done = [(one, self.queue.done(one.entries[0])) for one in tuning.configurations]
        return best_points([(one, run.result) for one, run in done if run is not None])


def usual_seeds(study: Study) -> list[int]:
    """Those of screening, unless a list of deciding seeds takes some of them."""
    return list(range(study.first_seed, study.first_seed + study.screen))


def comparison_id(study: Study, configs: Sequence[RunConfig], fingerprint: str, *, halving: bool) -> str:
    """Eight hexadecimal digits of what is compared: data, tasks, configurations, and how they are judged.

    Not of the looks: those are fixed when the first one is taken, see :mod:`mtl.sweep.ledger`.

    Args:
        study: what is asked.
        configs: of the single-task baseline and of every model with every weighting, of any seed.
        fingerprint: of the data.
        halving: screening lets go of the worse half on its way.

    Returns:
        The id.
    """
    judged = study.model_dump(
        include={"baselines", "alpha", "margin", "tune", "match", "design", "screen", "first_seed", "data"}
    )
    if MERGED in study.baselines:
        judged["merges"] = study.merges
    if len(rungs(study.screening_seeds, len(configs) - 1, halving=halving)) > 1:
        judged["halving"] = True
    if study.design == "confirm" and study.screening_seeds != usual_seeds(study):
        judged["screening"] = study.screening_seeds  # seeds on which another choice was made may be among these
    grid = whole_as_integers(study.grid) if study.tune else None
    text = json.dumps([[configuration_id(one) for one in configs], fingerprint, judged, grid], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
