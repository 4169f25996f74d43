"""A trained run within a program of one's own: loaded once, then asked for rows again and again."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from numbers import Integral
from os import PathLike
from threading import Lock
from typing import TYPE_CHECKING, Any

from mtl.errors import InputError
from mtl.lifecycle.execution import say_if_unfinished
from mtl.lifecycle.trained import load_trained
from mtl.runs.checksums import sha256_of
from mtl.runs.directory import Run
from mtl.weighting.state.per_task_option import PerTaskNumbers

if TYPE_CHECKING:
    import pandas as pd

    from mtl.suites.base import MultiTaskDataModule


class Predictor:
    """Predicts rows as ``execute.py records=`` does, without files, for a service or an agent of one's own.

    For example::

        predictor = mtl.Predictor("outputs/runs/table/gated-uncertainty/422ccb8604")
        predictor([{"colour": "red", "x1": 0.3, "x2": None}])  # a row each: churn, churn.probability, spend

    For runs whose inputs are rows of a table, which is not read again. What a run decides on rows is not part of it,
    since a decision may depend on which rows come together; ``execute`` decides. Several threads may ask one,
    and are answered one after another: while they predict, some networks put other parameters in the place of theirs.
    Another process that one is sent to, by ``multiprocessing`` or ``joblib``, opens the same run directory.

    Args:
        run: a run directory, or the run.
        trust: modules whose code the run's config may name, beside this package's and what ``conf/`` names.
        preference: among the tasks, of a network that was trained for all of them; None: all tasks alike.

    Raises:
        InputError: there is no such run, something in it is missing, damaged or not trusted, or it has no preference.
    """

    def __init__(self, run: str | PathLike[str], trust: Sequence[str] = (), preference: PerTaskNumbers = None) -> None:
        opened = Run.open(run, trust)
        self._opened = (str(opened.path), tuple(trust), preference, _checksums(opened))
        self._trained = load_trained(opened)
        if preference is not None:
            self._trained.choose(preference)
        say_if_unfinished(opened)
        self._lock = Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Predictor":
        """A copy, with a lock of its own, since a lock cannot be copied."""
        made = object.__new__(type(self))
        memo[id(self)] = made
        vars(made).update({name: deepcopy(value, memo) for name, value in vars(self).items() if name != "_lock"})
        made._lock = Lock()
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        """How another process gets it: it opens the run again."""
        return _opened_again, (type(self), *self._opened)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of what is predicted."""
        return tuple(task.name for task in self._data.tasks)

    def __call__(self, rows: "pd.DataFrame | Sequence[Mapping[str, Any]]") -> "pd.DataFrame":
        """Predict rows.

        Args:
            rows: a frame, or a mapping from column to value for each row, with the columns that the run learned from;
                others are not looked at. Values are of the kinds that they had in its table; None is missing.

        Returns:
            A row for each, with its index: of a target that is a number its value in its own units; of one of classes
            the most probable, and ``<target>.probability``, which of two classes is that of the second, yes.

        Raises:
            InputError: there is no row, a column is missing, or a value is not of its column's kind.
        """
        import pandas as pd

        from mtl.agent.environments.new_rows import PredictionReport, predicted

        data, frame = self._data, _frame_of(rows)
        with self._lock:
            found = predicted(frame.reset_index(drop=True), self._trained.predict, data)  # messages count the rows
        report = PredictionReport(found, data.values, data.own_units, parts=data.parts)
        return pd.DataFrame(report.columns, index=frame.index)

    def unfamiliar(self, rows: "pd.DataFrame | Sequence[Mapping[str, Any]]") -> list[str]:
        """What of these rows is so unlike the training rows that predictions mean little, in a line each."""
        return self._data.unfamiliar(_frame_of(rows).reset_index(drop=True))

    @property
    def _data(self) -> "MultiTaskDataModule":
        return self._trained.data


def _checksums(run: Run) -> dict[str, str]:
    """What the predictions of a run depend on, by name of its files."""
    files = [run.path / "config.yaml", run.best, run.trees, run.statistics]
    return {path.name: sha256_of(path) for path in files if path is not None and path.is_file()}


def _opened_again(
    kind: type[Predictor], path: str, trust: tuple[str, ...], preference: PerTaskNumbers, checksums: dict[str, str]
) -> Predictor:
    """A predictor of a run that was open in another process. InputError where the run is gone, or has changed since."""
    if _checksums(Run.open(path, trust)) != checksums:
        raise InputError(f"run '{path}' has changed since it was opened: expected a Predictor that is opened now")
    return kind(path, trust, preference)


def _frame_of(rows: Any) -> "pd.DataFrame":
    """Rows as a frame. InputError where they are none."""
    import pandas as pd

    from mtl.suites.table.reading import as_in_file

    if isinstance(rows, pd.DataFrame):
        frame = rows
    elif isinstance(rows, list | tuple) and all(isinstance(row, Mapping) for row in rows):
        frame = pd.DataFrame([dict(row) for row in rows])
        for name in frame.columns:
            if frame[name].dtype == float:
                frame[name] = _unrounded(frame[name], [row.get(name) for row in rows])
    else:
        raise InputError(
            "Predictor: expected a frame, or a list with a mapping from column to value for each row; found a "
            f"{type(rows).__name__}{' of something else' if isinstance(rows, list | tuple) else ''}"
        )
    if not len(frame):
        raise InputError("Predictor: there is no row to predict")
    if not all(isinstance(name, str) for name in frame.columns):  # a file has names that are texts
        frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise InputError(f"Predictor: the frame has two columns '{twice}'")
    return as_in_file(frame)


def _unrounded(values: "pd.Series", given: Sequence[Any]) -> "pd.Series":
    """Whole numbers as they were given, which pandas turns into floating ones, and so rounds, beside a missing one."""
    import pandas as pd

    known = [None if pd.isna(value) else value for value in given]
    if not all(value is None or (isinstance(value, Integral) and not isinstance(value, bool)) for value in known):
        return values
    try:
        return pd.Series(known, index=values.index, name=values.name, dtype="Int64")
    except OverflowError:
        return pd.Series(known, index=values.index, name=values.name, dtype=object)
