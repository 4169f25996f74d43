"""What is fitted on the training rows of a table: its targets, the kinds of its columns, the encoding of its inputs."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from mtl.errors import InputError
from mtl.suites.table.alike import alike
from mtl.suites.table.class_order import yes_and_no
from mtl.suites.table.columns import kinds
from mtl.suites.table.copies import notes_on_copies
from mtl.suites.table.doubtful_numbers import days_as_numbers, decimals_or_thousands
from mtl.suites.table.encoding import CategoryColumn, Encoding
from mtl.suites.table.leaks import choice
from mtl.suites.table.loaded import LoadedTable
from mtl.suites.table.nearly import nearly_typed
from mtl.suites.table.oddities import no_values, total_row
from mtl.suites.table.splitting import Division
from mtl.suites.table.target_specs import NUMERIC, TargetSpec, identifier
from mtl.suites.table.targets import Target, rare_classes
from mtl.suites.table.types import NUMBER, TEXT, TIME, is_text, notes_on_zones, taken_as_values

# Types of text columns of a kind that the user chooses; of one that is left out, texts say nothing
ASKED = {"category": TEXT, "number": NUMBER, "time": TIME, "ignore": TEXT}
NUMBERS = ("number", "time")  # kinds of inputs that are numbers
Remarks = dict[str, tuple[str, str]]  # kind and remark by column
# From the table's own rows, the remarks, the training rows and the columns of labels to what speaks against inputs
FindLeaks = Callable[[pd.DataFrame, Remarks, np.ndarray, Sequence[str]], dict[str, tuple[str, bool]]]


def asked_types(
    specs: Mapping[str, TargetSpec], chosen: Mapping[str, str], splitting: Division, row_weight: str | None
) -> dict[str, str]:
    """The types that options ask for of text columns; see :mod:`mtl.suites.table.types`.

    Args:
        specs: of the targets.
        chosen: kinds by column.
        splitting: which rows are for what.
        row_weight: column of the weight of each row; None: 1 each.

    Returns:
        A type by column.
    """
    # A column that divides the rows is looked at, also where it is to be no input
    read = [name for name, kind in chosen.items() if kind != "ignore" or name not in splitting.columns]
    asked = {name: ASKED[chosen[name]] for name in read if chosen[name] in ASKED}
    asked |= splitting.asked
    asked |= {spec.column: NUMBER if spec.kind in NUMERIC else TEXT for spec in specs.values()}
    asked |= {spec.event: TEXT for spec in specs.values() if spec.event}
    return asked | ({row_weight: NUMBER} if row_weight else {})


class TableFit:
    """Targets and inputs of a table, fitted on its training rows.

    Args:
        table: the rows, to whose notes is added what the user should know.
        specs: of the targets, by task.
        chosen: kinds of columns that are not as inferred.
        find_leaks: finds inputs of which nothing for new rows can be learned.
        categories: most values of a category that get an indicator of their own.
        scaling: of numbers; see :class:`~mtl.suites.table.encoding.Encoding`.

    Attributes:
        targets: as fitted.
        remarks: kind and remark by column.
        encoding: of the inputs.

    Raises:
        InputError: the table does not fit what is asked of it, or no input is left.
    """

    def __init__(
        self,
        table: LoadedTable,
        specs: Mapping[str, TargetSpec],
        chosen: Mapping[str, str],
        find_leaks: FindLeaks,
        categories: int,
        scaling: str,
    ) -> None:
        self.table, self.specs, self.chosen, self.find_leaks = table, specs, chosen, find_leaks
        frame, rows, weights = table.frame, table.rows(), table.row_weights()
        self.train = rows["train"]
        # A row that counts for nothing may hold anything
        counted = self.train if weights is None else self.train[weights[self.train] > 0]
        self.targets = self._fit_targets(counted, weights)
        fitted = frame.iloc[counted]
        self.remarks = self._kinds(fitted)
        self._note_values(frame)
        # Rows that differ in their number alone, or in what they are for, are the same to what learns
        apart = {name for name, (kind, _) in self.remarks.items() if kind == "ignore"} | {table.splitting.part_column}
        table.notes += notes_on_copies(frame[[name for name in frame.columns if name not in apart]], rows)
        table.notes += table.splitting.notes_on_groups(frame, rows)
        self.encoding = self._encoding(fitted, categories, scaling)

    def _fit_targets(self, counted: np.ndarray, weights: np.ndarray | None) -> tuple[Target, ...]:
        table, frame = self.table, self.table.frame
        train = pd.Series(False, index=frame.index)
        train.iloc[counted] = True
        targets = tuple(Target.fit(name, spec, frame, train.to_numpy(), weights) for name, spec in self.specs.items())
        table.notes += [
            f"target '{target.column}': '{target.values[1]}' counts as yes; for the other one, say positive: "
            f"{target.values[0]}"
            for target in targets
            if target.kind == "binary" and not self.specs[target.task].positive and not yes_and_no(target.values)
        ]
        table.notes += [note for target in targets for note in rare_classes(target, frame, self.train)]
        if weights is not None:
            table.notes.append(
                f"rows are weighted by column '{table.row_weight}' in all losses and metrics, by {weights.min():.4g} "
                f"to {weights.max():.4g} times the mean of the training rows"
            )
        return targets

    def _kinds(self, fitted: pd.DataFrame) -> Remarks:
        """Kinds of all columns, and notes on inputs that tell the labels."""
        table = self.table
        left_out = {target.column for target in self.targets}
        left_out |= {*table.splitting.columns, *([table.row_weight] if table.row_weight else [])}
        left_out |= {target.event for target in self.targets if target.event}
        remarks = kinds(fitted, self.chosen, left_out)
        own = table.own  # an identifier may begin anew in another file
        labels = [name for spec in self.specs.values() for name in (spec.column, spec.event) if name]
        found = self.find_leaks(own, remarks, self.train[self.train < len(own)], labels)
        self._leave_out(found, remarks)
        table.notes += [
            f"column '{name}' has labels and is an input, as task.columns says: its task is told what to predict; to "
            "leave it out, take it out of task.columns"
            for name in labels
            if remarks.get(name, ("ignore", ""))[0] != "ignore"
        ]
        return remarks

    def _leave_out(self, found: Mapping[str, tuple[str, bool]], remarks: Remarks) -> None:
        """Leave out the columns of which nothing for new rows can be learned, unless no other input is left."""
        inputs = {name for name, (kind, _) in remarks.items() if kind != "ignore"}
        certain = {name for name, (_, sure) in found.items() if sure}
        for name, (reason, _) in found.items():
            kind = remarks[name][0]
            if name in certain and inputs - certain:
                remarks[name] = "ignore", reason
                note = f"column '{name}' is left out: {reason}; to learn from it: {choice(name, kind)}"
            else:
                note = f"column '{name}' is an input: {reason}; to leave it out: {choice(name, 'ignore')}"
            self.table.notes.append(note)

    def _note_values(self, frame: pd.DataFrame) -> None:
        """Notes on values that may have been meant otherwise than they were read."""
        table, written = self.table, self.table.written
        assert written is not None
        kind_of = {name: kind for name, (kind, _) in self.remarks.items()}
        values = {name for name, kind in kind_of.items() if kind == "category"}
        values |= {spec.column for spec in self.specs.values() if spec.kind not in NUMERIC}
        table.notes += [note for name in frame.columns if name in values for note in taken_as_values(frame[name])]
        table.notes += [note for name in frame.columns if name in values for note in alike(frame[name])]
        guessed = [name for name, kind in kind_of.items() if kind in ("category", "ignore") and name not in self.chosen]
        table.notes += [note for name in guessed if name in (table.types or {}) for note in nearly_typed(frame[name])]
        numeric = {name for name, kind in kind_of.items() if kind in NUMBERS}
        numeric |= {spec.column for spec in self.specs.values() if spec.kind in NUMERIC}
        numbered = [name for name, kind in kind_of.items() if kind == "number" and name not in self.chosen]
        table.notes += [note for name in numbered for note in days_as_numbers(written[name])]
        timed = {name for name, kind in kind_of.items() if kind == "time"}
        timed |= {name for name in frame.columns if name in table.splitting.columns and not is_text(frame[name])}
        table.notes += [note for name in frame.columns if name in timed for note in notes_on_zones(written[name])]
        unclear = [str(name) for name in frame.columns if name in numeric and name not in table.formats]
        table.notes += [note for name in unclear for note in decimals_or_thousands(written[name])]
        table.notes += no_values(written, table.own, [str(name) for name in frame.columns if name in numeric])
        table.notes += total_row(written)
        table.written = None  # which was kept for these notes

    def _encoding(self, fitted: pd.DataFrame, categories: int, scaling: str) -> Encoding:
        table = self.table
        found = {name: kind for name, (kind, _) in self.remarks.items()}
        if all(kind == "ignore" for kind in found.values()):
            why = [f"'{name}' is left out: {remark}" for name, (_, remark) in self.remarks.items()]
            raise InputError(f"no input column is left; {'; '.join(why[:3]) or 'all are targets'}; see task.columns")
        encoding = Encoding.fit(fitted, found, categories, scaling)
        values = [column for column in encoding.columns if isinstance(column, CategoryColumn)]
        table.notes += [note for column in values for note in column.mostly_others(fitted[column.name])]
        if table.added:
            added = table.frame.iloc[-table.added :]
            unlike = [line for column in encoding.columns for line in column.unfamiliar(added[column.name])]
            table.notes += [f"{table.others_option}: {line}" for line in unlike]
        return encoding


def in_order_of_columns(specs: Mapping[str, TargetSpec], frame: pd.DataFrame) -> dict[str, TargetSpec]:
    """Targets in the order of their columns; of one column first the task that is called so, the others by name.

    Initial values are drawn task after task: targets that are typed in another order would be another training, and
    the same question.
    """
    places = {str(name): place for place, name in enumerate(frame.columns)}
    columns = {task: spec.column for task, spec in specs.items()}

    def place(task: str) -> tuple[int, bool, str]:
        column = columns[task]
        return places.get(column, len(places)), task != identifier(column), task  # one that is not there comes last

    return {task: specs[task] for task in sorted(specs, key=place)}
