"""From a study to the list of its runs, with their sizes and an estimate of their duration."""

import copy
import hashlib
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import inf
from pathlib import Path
from statistics import median
from typing import Any

from pytorch_lightning import Callback

from mtl.assembly import Assembly, Config, build, resolved
from mtl.comparison.records import configuration_id
from mtl.config.overrides import composed
from mtl.config.study import BASELINE, Study
from mtl.config.validation import check_options
from mtl.errors import InputError
from mtl.runs.directory import run_path
from mtl.runs.files import read_json_if_whole, write_text
from mtl.suites.base import MultiTaskDataModule
from mtl.sweep.queue import QueuedRun, RunQueue
from mtl.sweep.timing import closing_seconds, loading_seconds, validation_seconds
from mtl.training.grouping import check as check_measuring
from mtl.training.grouping import epochs as measuring_epochs
from mtl.training.probe_trainer import trial
from mtl.training.resources import count_parameters
from mtl.training.trainer import processes_of, silent_lightning

SIZES = ("width", "widths", "channels")  # keys of an encoder that say how large it is
PROBE_STEPS = 5
# What some names of models stand for; the baseline learns every task alone, whatever groups the runs are to have
MEANT = {"grouped": "hard grouping=auto", BASELINE: "single_task grouping=null"}


@dataclass(frozen=True)
class Configuration:
    """What differs between two columns of runs: everything but the seed.

    Attributes:
        label: its name in tables.
        config: a resolved config, of any seed.
        parameters: trainable numbers; where groups are to be found first, of groups of one size.
        step_seconds: of one optimizer step on this machine, as measured on a few.
        entries: its runs, one per seed.
        measuring: epochs, beside its own, in which each of its runs first finds groups of tasks.
    """

    label: str
    config: Config
    parameters: int
    step_seconds: float
    entries: tuple[QueuedRun, ...] = ()
    measuring: int = 0

    @property
    def epochs(self) -> int:
        """Of each of its runs."""
        return int(self.config["epochs"])


@dataclass(frozen=True)
class Plan:
    """All runs of a study.

    Attributes:
        study: what was asked.
        output: where runs go.
        configurations: with their runs; the single-task baseline first.
        steps: optimizer steps of one epoch.
        validation: seconds of the validation after each epoch.
        overhead: seconds of each run beside its epochs: data, acting, files.
    """

    study: Study
    output: Path
    configurations: tuple[Configuration, ...]
    steps: int
    validation: float
    overhead: float

    @property
    def directory(self) -> Path:
        """Where the report goes."""
        return self.output / "comparisons" / self.study.name

    @property
    def entries(self) -> list[QueuedRun]:
        """Runs, a seed of all configurations at a time, so that an interrupted sweep can already be compared."""
        columns = [one.entries for one in self.configurations]
        return [column[i] for i in range(max(map(len, columns), default=0)) for column in columns if i < len(column)]

    @property
    def names(self) -> dict[str, str]:
        """Labels by configuration id."""
        return {configuration_id(one.config): one.label for one in self.configurations}

    def save(self, command: str, took: str = "") -> None:
        """Write plan.json, from which the report is made, also of a sweep that was interrupted.

        Args:
            command: that asked for it.
            took: how long it took, in words; empty keeps what an earlier save said of the same runs.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        before = read_json_if_whole(self.directory / "plan.json")
        runs = [
            {
                "label": one.label,
                "seed": entry.config["seed"],
                "key": entry.key,
                "fingerprint": entry.fingerprint,
                "path": str(run_path(entry.config)),
            }
            for one in self.configurations
            for entry in one.entries
        ]
        rules = {"alpha": self.study.alpha, "margin": self.study.margin}
        content = {
            "schema": 1,
            "name": self.study.name,
            "question": self.study.question,
            "command": command,
            "rules": rules,
            "names": self.names,
            "runs": runs,
            "took": took or (before.get("took", "") if before.get("runs") == runs else ""),
        }
        write_text(self.directory / "plan.json", json.dumps(content, indent=2) + "\n")

    def seconds(self, configuration: Configuration) -> float:
        """Estimate of one run of a configuration."""
        each = configuration.step_seconds * self.steps
        epochs = configuration.epochs
        return self.overhead + each * (epochs + configuration.measuring) + self.validation * epochs


class StepTimer(Callback):
    """Seconds of each batch.

    Attributes:
        steps: by batch.
    """

    def __init__(self) -> None:
        self.steps: list[float] = []
        self._started = 0.0

    def on_train_batch_start(self, *args: Any) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def on_train_batch_end(self, *args: Any) -> None:
        """Stop it."""
        self.steps.append(time.perf_counter() - self._started)


class Planner:
    """Makes plans; loads the data once and keeps it.

    Args:
        study: what is asked.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        base = self.config("single_task", "equal")
        self.output = Path(base["output"])
        self.directory = self.output / "comparisons" / study.name
        if {**self.config("single_task", "equal", seed=1), "seed": base["seed"]} != base:
            raise InputError(
                "the seed decides other keys of the config too, such as the data's: seeds are not comparable"
            )
        with silent_lightning():
            processes_of(base["hardware"])
        self.queue = RunQueue(self.output)
        assembly = build(base)
        assembly.data.setup("fit")
        self.data: MultiTaskDataModule = assembly.data
        self.fingerprint = self.data.fingerprint
        self.validation = validation_seconds(assembly, self.data)
        self.overhead = loading_seconds(base) + closing_seconds(assembly, self.data)
        self.statistics = self.fitted()
        self.steps = self.data.loader("train", training=True).steps

    def fitted(self) -> Path | None:
        """A file of what the suite fitted, so that networks can be built without reading its data again."""
        found = self.data.statistics()
        if not found:
            return None
        self.directory.mkdir(parents=True, exist_ok=True)
        write_text(self.directory / "statistics.json", json.dumps(found))
        return self.directory / "statistics.json"

    def config(self, model: str, weighting: str, seed: int = 0) -> Config:
        """The resolved config of a model and a weighting, each with overrides of its own after a space."""
        chosen = [*chosen_of("model", model), *chosen_of("weighting", weighting)]
        budget = [] if self.study.budget is None else [f"epochs={self.study.budget}"]
        config = resolved(*composed([*self.study.overrides, *budget, *chosen, f"seed={seed}"]))
        config.pop("compare", None)
        check_options(config)
        config["output"] = str(Path(config["output"]).resolve())
        return config | {"progress": False, "resume": None}

    def configuration(self, label: str, config: Config) -> Configuration:
        """A configuration with its size and speed."""
        check_measuring(build(config, self.statistics))
        names = [task.name for task in self.data.tasks]
        expected = [names[i :: config["affinity"]["networks"]] for i in range(config["affinity"]["networks"])]
        assembly = build(config, self.statistics, expected)
        parameters = count_parameters(assembly.module)["total"]
        measuring = measuring_epochs(config, len(names))
        return Configuration(label, config, parameters, self.step_seconds(assembly), measuring=measuring)

    def step_seconds(self, assembly: Assembly) -> float:
        """Seconds of one optimizer step, measured on a few."""
        timer = StepTimer()
        with silent_lightning():
            trial(assembly.config, (timer,), steps=PROBE_STEPS).fit(assembly.module, datamodule=self.data)
        return median(timer.steps[1:]) * float(assembly.config["accumulate"])  # the first one is slower

    def multi_task(self) -> list[Configuration]:
        """Every model with every weighting."""
        pairs = product(self.study.models, self.study.weightings)
        return [self.configuration(f"{short(m)}-{short(w)}", self.config(m, w)) for m, w in pairs]

    def baselines(self, multi: Sequence[Configuration]) -> list[Configuration]:
        """single_task, and the one of the size of what it is matched with, if that was asked for."""
        single = self.configuration(BASELINE, self.config("single_task", "equal"))
        if "same_parameters" not in self.study.baselines:
            return [single]
        config = same_parameters(single.config, self.matched(multi).parameters, self.statistics)
        same = self.configuration(f"{BASELINE}, same parameters", config)
        return [single] if same.config == single.config else [single, same]

    def matched(self, configurations: Iterable[Configuration]) -> Configuration:
        """The multi-task configuration that baselines are matched with: of ``match``, with the first weighting."""
        label = f"{short(self.study.match)}-{short(self.study.weightings[0])}"
        return next(one for one in configurations if one.label == label)

    def same_seconds(self, plan: Plan) -> Configuration | None:
        """The single-task baseline with the epochs that fit into the duration of what it is matched with.

        Both durations are the medians of finished runs over the seeds, so this comes after them; a few timed steps say
        too little of a run with validation and acting. The epochs are kept, so that plans repeat.

        Returns:
            None if it was not asked for, would be single_task itself, or a duration is unknown since all runs failed.
        """
        if "same_seconds" not in self.study.baselines:
            return None
        try:
            single, match = plan.configurations[0], self.matched(plan.configurations)
        except (IndexError, StopIteration):  # no point of the grid could be trained
            return None
        kept = self.directory / "same_seconds.json"
        both = f"{configuration_id(single.config)} {configuration_id(match.config)} by runs"
        question = hashlib.sha256(both.encode()).hexdigest()
        known = read_json_if_whole(kept)
        if known.get("question") == question:
            return self.lasting(single, int(known["epochs"]))
        own, wanted = self.seconds(single), self.seconds(match)
        if own is None or wanted is None:
            return None
        epochs = epochs_within(single.epochs, own, wanted)
        self.directory.mkdir(parents=True, exist_ok=True)
        content = {"question": question, "epochs": epochs, "single_task": own, match.label: wanted}
        write_text(kept, json.dumps(content, indent=2) + "\n")
        return self.lasting(single, epochs)

    def same_seconds_expected(self, plan: Plan) -> Configuration | None:
        """What :meth:`same_seconds` is likely to give when the runs of a plan are done, by the plan's estimates."""
        if "same_seconds" not in self.study.baselines:
            return None
        single, match = plan.configurations[0], self.matched(plan.configurations)
        return self.lasting(single, epochs_within(single.epochs, plan.seconds(single), plan.seconds(match)))

    def lasting(self, single: Configuration, epochs: int) -> Configuration | None:
        """The single-task baseline with so many epochs; None if that is what it has."""
        if epochs == single.epochs:
            return None
        return replace(single, label=f"{BASELINE}, same seconds", config=resolved_epochs(self, epochs), entries=())

    def seconds(self, configuration: Configuration) -> float | None:
        """Median seconds of training of its finished runs; None if there is none."""
        runs = [run for entry in configuration.entries if (run := self.queue.done(entry))]
        return median(float(run.result["seconds"]["fit"]) for run in runs) if runs else None

    def plan(self, configurations: Iterable[Configuration]) -> Plan:
        """The runs of these configurations over all seeds."""
        planned = [
            replace(one, entries=tuple(self.entry(one.config, seed) for seed in self.study.seeds))
            for one in configurations
        ]
        return self.planned(planned)

    def planned(self, configurations: Iterable[Configuration]) -> Plan:
        """A plan of configurations that have their runs."""
        return Plan(self.study, self.output, tuple(configurations), self.steps, self.validation, self.overhead)

    def entry(self, config: Config, seed: int) -> QueuedRun:
        """A run of this config with this seed."""
        return QueuedRun({**copy.deepcopy(config), "seed": seed}, self.fingerprint)

    def tuning(self, configurations: Sequence[Configuration]) -> Plan:
        """Every configuration with every point of the grid, on the first seed."""
        points = []
        for one in configurations:
            for values in product(*self.study.grid.values()):
                config = with_values(one.config, dict(zip(self.study.grid, values, strict=True)))
                points.append(replace(one, config=config, entries=(self.entry(config, self.study.seeds[0]),)))
        return self.planned(points)

    def tuned(self, tuning: Plan) -> list[Configuration]:
        """Of each configuration the point with the lowest validation score; those without one are left out."""
        best: dict[str, tuple[float, Configuration]] = {}
        for one in tuning.configurations:
            run = self.queue.done(one.entries[0])
            if run is not None:
                found = run.result["metrics"]["val"]["score"]
                score = inf if found is None else float(found)
                if one.label not in best or score < best[one.label][0]:
                    best[one.label] = (score, one)
        return [one for _, one in best.values()]


def chosen_of(group: str, text: str) -> list[str]:
    """The overrides that an entry such as ``gated model.experts=8`` stands for."""
    given, *rest = text.split()
    name, *meant = MEANT.get(given, given).split()
    return [f"{group}={name}", *meant, *rest]


def short(text: str) -> str:
    """An entry as part of a label."""
    name, *rest = text.split()
    return " ".join([name, *(part.rpartition(".")[2] for part in rest)])


def epochs_within(epochs: int, seconds: float, wanted: float) -> int:
    """How many epochs fit into ``wanted`` seconds, when so many take ``seconds``; at least 1."""
    return max(1, round(epochs * wanted / seconds))


def resolved_epochs(planner: Planner, epochs: int) -> Config:
    """The baseline's config for this many epochs; schedulers that know the number of epochs follow."""
    longer = replace(planner.study, budget=epochs)
    other = copy.copy(planner)
    other.study = longer
    return other.config("single_task", "equal")


def same_parameters(config: Config, wanted: int, statistics: Path | None = None) -> Config:
    """The config with its encoder made narrower or wider, until the whole network has about ``wanted`` parameters."""
    sized = {key: config["encoder"][key] for key in SIZES if key in config["encoder"]}
    if not sized:
        raise InputError(
            f"baselines: encoder={config['choices']['encoder']} has none of {', '.join(SIZES)} to match by"
        )
    multiple = int(config["encoder"].get("heads", 1))

    def scaled(factor: float) -> Config:
        def one(size: int) -> int:
            return max(multiple, round(size * factor / multiple) * multiple)

        encoder = {
            key: [one(v) for v in value] if isinstance(value, list) else one(value) for key, value in sized.items()
        }
        return {**config, "encoder": {**config["encoder"], **encoder}}

    def parameters(factor: float) -> int:
        return int(count_parameters(build(scaled(factor), statistics).module)["total"])

    low, high = 1 / 16, 16.0
    for _ in range(12):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if parameters(middle) < wanted else (low, middle)
    return scaled(min((low, high), key=lambda factor: abs(parameters(factor) - wanted)))


def with_values(config: Config, values: dict[str, Any]) -> Config:
    """A config with these values by dotted key. InputError if there is no such key."""
    out = copy.deepcopy(config)
    for key, value in values.items():
        *parents, last = key.split(".")
        node: Any = out
        for parent in parents:
            node = node.get(parent) if isinstance(node, dict) else None
        if not isinstance(node, dict) or last not in node:
            raise InputError(f"grid: the runs have no key '{key}'")
        node[last] = value
    return out
