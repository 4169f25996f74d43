"""The runs of a comparison, with their sizes and an estimate of their duration."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtl.comparison.design import Design
from mtl.config.run_config import RunConfig
from mtl.config.study import Study
from mtl.errors import InputError
from mtl.runs.directory import run_path
from mtl.runs.files import read_json_if_whole, write_json
from mtl.runs.identity import configuration_id
from mtl.suites.loader import steps_of_epoch
from mtl.sweep.queue import QueuedRun
from mtl.training.budget import Budget, budget_of

PLAN_SCHEMA = 3  # of plan.json


@dataclass(frozen=True)
class Configuration:
    """What differs between two columns of runs: everything but the seed.

    Attributes:
        label: its name in tables.
        config: of any seed.
        parameters: trainable numbers; where groups are to be found first, of groups of one size.
        step_seconds: of one optimizer step on this machine, as measured on a few.
        rows: of the training split that it learns from in an epoch.
        entries: its runs, one per seed.
        measuring: epochs, beside its own, in which each of its runs first finds groups of tasks.
    """

    label: str
    config: RunConfig
    parameters: int
    step_seconds: float
    rows: int
    entries: tuple[QueuedRun, ...] = ()
    measuring: int = 0

    @property
    def steps(self) -> int:
        """Optimizer steps of one epoch."""
        return steps_of_epoch(self.rows, self.config.batch_size)

    @property
    def budget(self) -> Budget:
        """The most that one of its runs trains."""
        return budget_of(self.config, self.steps)


@dataclass(frozen=True)
class Plan:
    """All runs of a study.

    Attributes:
        study: what was asked.
        output: where runs go.
        comparison_id: hash of what is compared.
        directory: where the report goes.
        configurations: with their runs; the single-task baseline first.
        validation: seconds of the validation after each epoch.
        overhead: seconds of each run beside its epochs: data, acting, files.
    """

    study: Study
    output: Path
    comparison_id: str
    directory: Path
    configurations: tuple[Configuration, ...]
    validation: float
    overhead: float

    @property
    def entries(self) -> list[QueuedRun]:
        """Runs in the order in which they are begun.

        A seed of all configurations at a time, so that an interrupted sweep can already be compared. Where nothing can
        be said before all are done, the longest first: then no process waits long for another at the end. Not so where
        several are trained at once: which these are would depend on measured seconds, and the last digits on that.
        """
        columns = [one for one in self.configurations if one.entries]
        most = max((len(one.entries) for one in columns), default=0)
        in_turns = [(one, one.entries[i]) for i in range(most) for one in columns if i < len(one.entries)]
        if self.study.design == "confirm" and self.study.at_once == 1:
            lasting = {one.label: self.seconds(one) for one in columns}
            in_turns.sort(key=lambda pair: -lasting[pair[0].label])
        return [entry for _, entry in in_turns]

    @property
    def names(self) -> dict[str, str]:
        """Labels by configuration id."""
        return {configuration_id(one.config): one.label for one in self.configurations}

    def save(self, command: str, design: Design, took: str = "", left_out: Mapping[str, str] | None = None) -> None:
        """Write plan.json, from which the report is made, also of a sweep that was interrupted.

        One that is there and has all of this and more is left: of a command that has come further, at the same time or
        before. A report of it has what was found then, whatever becomes of this command.

        Args:
            command: that asked for it.
            design: how the comparison is decided.
            took: how long it took, in words; empty keeps what an earlier save said of the same runs.
            left_out: why what was asked for has no runs of its own, by name; None: nothing has.

        Raises:
            InputError: another comparison of the same name was begun meanwhile.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        before = read_json_if_whole(self.directory / "plan.json")
        if before and before.get("comparison_id") != self.comparison_id:
            raise InputError(
                f"'{self.directory}' holds another comparison, begun at the same time: expected a new name"
            )
        runs = [
            {
                "label": one.label,
                "seed": entry.config.seed,
                "configuration": configuration_id(one.config),
                "key": entry.key,
                "fingerprint": entry.fingerprint,
                "path": str(run_path(entry.config)),
            }
            for one in self.configurations
            for entry in one.entries
        ]
        rules = {"alpha": self.study.alpha, "margin": self.study.margin}
        content = {
            "schema": PLAN_SCHEMA,
            "comparison_id": self.comparison_id,
            "name": self.study.name or self.study.subject,
            "question": self.study.question,
            "command": command,
            "rules": rules,
            "design": design.plain(),
            "names": self.names,
            "runs": runs,
            "left_out": dict(left_out or {}),
            "took": took or (before.get("took", "") if before.get("runs") == runs else ""),
        }
        if not holds_more(before, content):
            write_json(self.directory / "plan.json", content)

    def seconds(self, configuration: Configuration) -> float:
        """Estimate of the longest that one run of a configuration may take; patience may end it before."""
        each, budget = configuration.step_seconds * configuration.steps, configuration.budget
        until = configuration.entries[0].until if configuration.entries else None
        epochs = budget.epochs if until is None else min(until, budget.epochs)
        return self.overhead + each * (epochs + configuration.measuring) + self.validation * epochs / budget.every


def holds_more(plan: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether a plan of the same comparison has all runs of another one, and more.

    Args:
        plan: as read from a file, which may be empty, damaged or of another version.
        other: as it would be written.

    Returns:
        Whether nothing of ``other`` is lost where ``plan`` stays.
    """

    def decided(one: Mapping[str, Any]) -> dict[str, Any]:
        return {**one["design"], "further": None}

    def runs(one: Mapping[str, Any]) -> set[tuple[str, str]]:
        return {(str(run["label"]), str(run["key"])) for run in one["runs"]}

    try:
        alike = all(plan[name] == other[name] for name in ("schema", "rules")) and decided(plan) == decided(other)
        return alike and runs(plan) > runs(other)
    except (KeyError, TypeError):
        return False
