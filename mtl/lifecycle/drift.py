"""Whether the tasks of a finished run are worse on rows that came later than on its own test rows."""

import filecmp
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from mtl.agent.analysis.drift import Change, Sample, change_between, change_on
from mtl.assembly import build_suite, trees_of
from mtl.config.run_config import RunConfig
from mtl.errors import InputError
from mtl.lifecycle.later_rows import (
    ALL,
    READS,
    TAKES,
    check_takes_later_rows,
    config_of_test,
    config_with,
    files_learned_from,
)
from mtl.lifecycle.trained import Trained, load_trained, suite_of_columns
from mtl.module.row_contributions import RowContributions
from mtl.runs.contributions import Contributions
from mtl.runs.directory import Run
from mtl.suites.table import TableSuite
from mtl.suites.table.later_rows import OPTION
from mtl.suites.table.source import how_to_write
from mtl.tasks import TaskGraph

TEST_ROWS = ("task.path_test: ", f"{OPTION}: ")  # what notes on the rows of that file begin with


@dataclass(frozen=True)
class Watched:
    """A finished run, and rows that came later.

    Attributes:
        run: the run.
        trained: what its training left.
        records: file of the later rows.
    """

    run: Run
    trained: Trained
    records: Path

    @classmethod
    def open(cls, run: Run, records: Path) -> "Watched":
        """Load a run, and see that its own rows are those of the training.

        Args:
            run: the run.
            records: file of the later rows.

        Returns:
            Both.

        Raises:
            InputError: it is not finished, its suite takes no later rows, it has learned from this file, or its rows
                have changed.
        """
        was, config = run.result, run.config
        check_takes_later_rows(config, f"run '{run.path}'")
        for path in files_learned_from(config):
            if path.is_file() and records.is_file() and filecmp.cmp(path, records, shallow=False):
                raise InputError(
                    f"records={records}: run '{run.path}' has learned from rows of this file: expected rows that came "
                    "after them"
                )
        trained = load_trained(run)
        trained.data.setup("fit")
        if trained.data.fingerprint != was.data.fingerprint:
            raise InputError(
                f"the data of run '{run.path}' has changed since the training (fingerprint {trained.data.fingerprint}, "
                f"was {was.data.fingerprint}): later rows belong into a file of their own, records=..."
            )
        return cls(run, trained, records)

    def drift(self, alpha: float) -> tuple[Change, ...]:
        """How each task's primary metric has changed, from the run's test rows to all later rows that have a label.

        Args:
            alpha: share of the times that any of the tasks' intervals misses.

        Returns:
            A change for each task that counts.
        """
        before = self.run.contributions
        after = self.contributions(self.later)
        level = alpha / len(self.primary())
        return tuple(
            change_between(name, metric, sample(before, name), sample(after, name), level, higher=higher)
            for name, metric, higher in self.primary()
        )

    @cached_property
    def later(self) -> TableSuite:
        """The suite with all later rows as its test; tasks may have no label there. InputError if they do not fit."""
        return self.opened(config_of_test(self.run.config, self.records), watches=True)

    def check_new(self) -> None:
        """Raise InputError where many of the later rows are rows of before, as in a file of all rows until now."""
        copies, rows = self.later.copies(), len(self.later.rows_of("test"))
        if copies:
            raise InputError(
                f"records={self.records}: {copies} of {rows} rows are copies of rows that run '{self.run.path}' has "
                "learned from or was tested on: expected a file without the rows of before"
            )

    def unlabelled(self) -> dict[str, str]:
        """By task whose labels in the later rows are missing, or too few to be measured, why."""
        data, found = self.later, {}
        part = data.rows_of("test")
        for target in data.targets:
            lacking = [
                data.table.without_column[name]
                for name in (target.column, target.event)
                if name in data.table.without_column
            ]
            try:
                target.check(target.encode(part), "test")
            except InputError as error:
                found[target.task] = said_in_later_rows(lacking[0] if lacking else str(error))
        return found

    def remarks(self) -> tuple[str, ...]:
        """Lines on inputs of the later rows that are unlike those of the training, and classes that it did not have."""
        data = self.later
        part, unknown = data.rows_of("test"), unknown_labels(data)
        inputs = [line for column in data.encoding.columns for line in column.unfamiliar(part[column.name])]
        written = [note.removeprefix(begin) for note in data.notes for begin in TEST_ROWS if note.startswith(begin)]
        labels = [
            remark(name, unknown[name].dropna(), len(part), counted=self.counts(metric))
            for name, metric, _ in self.primary()
            if unknown[name].notna().any()
        ]
        return (*written, *inputs, *labels)

    def change_to(self, other: Run, level: float) -> tuple[Change, ...]:
        """How each task's primary metric changes from this run to one that was trained again, on the test rows of that.

        Args:
            other: a run of :meth:`retrained_config`.
            level: share of the times that the interval of one task misses.

        Returns:
            A change for each task.
        """
        before, after = self.contributions(self.opened(self.retrained_config(ALL))), other.contributions
        return tuple(
            change_on(name, metric, sample(before, name), sample(after, name), level, higher=higher)
            for name, metric, higher in self.primary()
        )

    def retrained_config(self, rows: str) -> RunConfig:
        """The config of a run that is trained again, see :func:`~mtl.lifecycle.later_rows.config_with`."""
        return config_with(self.run.config, self.records, rows)

    def primary(self) -> list[tuple[str, str, bool]]:
        """Of each task that counts its name, its primary metric, and whether higher is better."""
        facts = {name: one for name, one in self.run.result.tasks.items() if not one.auxiliary}
        return [(name, one.primary, one.higher_is_better) for name, one in facts.items()]

    def contributions(self, data: TableSuite) -> Contributions:
        """What the test rows of a suite contribute to the metrics of the run's network, read as its own rows were.

        A row of a class that the run does not know is predicted wrongly, whatever is predicted. InputError if the file
        of later rows does not fit.
        """
        try:
            data.setup("fit")
        except InputError as error:
            raise InputError(said_of(self.records, how_to_write(str(error), self.run.config.task))) from None
        measured = RowContributions(TaskGraph(data.tasks))
        self.trained.evaluate(data.measured("test"), measured)
        found, unknown = measured.result(), unknown_labels(data)
        for name, metric, _ in self.primary():
            if self.counts(metric):
                found[name][unknown[name].notna().to_numpy()] = 0.0
        return Contributions(found, None, *data.splits["test"].beside())

    def counts(self, metric: str) -> bool:
        """Whether a metric says what a row contributes that is predicted wrongly."""
        return metric == "accuracy" and not self.run.config.task.get("row_weight")

    def opened(self, config: RunConfig, *, watches: bool = False) -> TableSuite:
        """The suite of a config, with what the run has fitted.

        Args:
            config: of rows among which are later ones.
            watches: tasks may have no label there.

        Returns:
            The suite.

        Raises:
            InputError: the file does not fit, or has a label that the run's own rows could not have.
        """
        try:
            data = self.suite(config)
            if watches:
                data.watch()
            part = data.rows_of("test")
            for target in data.targets:
                target.check_values(part)
        except InputError as error:
            raise InputError(said_of(self.records, how_to_write(str(error), self.run.config.task))) from None
        return data

    def suite(self, config: RunConfig) -> TableSuite:
        """The suite of a config, with what the run has fitted."""
        if trees_of(config) is not None:
            data = suite_of_columns(config, self.run.statistics)
        else:
            data = build_suite(config, self.run.statistics)
        if not isinstance(data, TableSuite):
            raise InputError(
                f"run '{self.run.path}' is of {type(data).__name__}: later rows are those of a TableSuite, which gets "
                f"the argument '{TAKES}'"
            )
        return data


def unknown_labels(data: TableSuite) -> dict[str, pd.Series]:
    """By task, for each test row its label where it is none of the values that were fitted, else None."""
    part = data.rows_of("test")
    return {target.task: target.unknown(part) for target in data.targets}


def remark(task: str, strange: pd.Series, rows: int, *, counted: bool) -> str:
    """What a person should know of labels that are no class of a run.

    Args:
        task: of the labels.
        strange: the labels.
        rows: how many later rows there are.
        counted: the rows count as predicted wrongly; else they are left out.

    Returns:
        The line.
    """
    values = list(strange.unique())
    shown = ", ".join(f"'{value}'" for value in values[:3]) + (", ..." if len(values) > 3 else "")
    what = "count as predicted wrongly" if counted else "are left out where the run is measured"
    return f"{task}: {len(strange)} of {rows} later rows are of {shown}, which the run has not learned; they {what}"


def said_of(records: Path, text: str) -> str:
    """What a suite says of its test rows, which are read from the file of later rows."""
    return f"records={records}: {said_in_later_rows(text)}"


def said_in_later_rows(text: str) -> str:
    """What a suite says of the test rows of a config, as what it says of later rows."""
    for option in (f"{OPTION}.path", OPTION, "task.path_test", f"task.{READS}"):
        text = text.replace(f"{option}: ", "").replace(f"column in {option}", "column")
    for advice in ("; try another task.split", "; try other shares"):
        text = text.replace(advice, "")
    return text.replace("in the test split", "in the later rows")


def sample(found: Contributions, task: str) -> Sample:
    """What rows contribute to the primary metric of a task."""
    return Sample(found.tasks[task], found.groups, found.weights)
