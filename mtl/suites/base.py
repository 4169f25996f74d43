"""The contract of every suite: its tasks, its rows, a fingerprint of its data."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor

from mtl.errors import InputError, unknown
from mtl.nn.encoder import SINGLE, Inputs, InputShape
from mtl.runs.files import read_json
from mtl.suites.batch import Batch, Split
from mtl.suites.loader import InMemoryLoader, measured_at_once
from mtl.suites.split_checks import check_fingerprint, check_notes, checked_splits
from mtl.tasks import Task
from mtl.tasks.kinds import needed_event, without_event

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (SINGLE, "numbers", "categories")  # names of inputs that are the columns of a table
HELD_OUT = "held_out"  # the split of rows that a weighting learns on
DIGITS = 6  # that single precision has
Fitted = TypeVar("Fitted")
Predict = Callable[[Inputs], dict[str, Tensor]]


def read_statistics(path: Path, parse: Callable[[dict[str, Any]], Fitted]) -> Fitted:
    """What a run wrote down of its suite (:meth:`MultiTaskDataModule.statistics`), parsed.

    Args:
        path: of the JSON file.
        parse: makes of its content what the suite needs.

    Returns:
        What ``parse`` returns.

    Raises:
        InputError: the file is missing or damaged.
    """
    if not path.is_file():
        raise InputError(f"task.statistics: no file '{path}'")
    try:
        return parse(read_json(path))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"task.statistics: '{path}' is damaged: {error}") from None


class MultiTaskDataModule(LightningDataModule, ABC):
    """A suite: data plus its tasks.

    A subclass says its ``tasks`` and ``input_shape`` when it is constructed (cheaply, without the data) and gives the
    rows of each split in :meth:`load`.

    Attributes:
        tasks: the tasks in THE order of every ``[K]`` vector.
        input_shape: shapes of one sample's inputs, by name; the name of a single one is
            :data:`~mtl.nn.encoder.SINGLE`.
        selection: name and direction ("min" or "max") of the validation quantity by which the best checkpoint is
            chosen. ``val/score`` is the geometric mean of the validation losses of the tasks that count, so that no
            task's unit outweighs another's.
        notes: what the user should know of how the data were read.
        most_values: how many categories a column of the inputs has at most.
        longest_text: words of the longest text.
        words: how many numbers of words there are.
        own_words: words are numbered by the suite's own texts, and not as a pretrained model knows them.
        sources: how many data sets the rows come from, each with a distribution of its own.
        raw_columns: inputs are served as what is no network reads them, numbers in double precision.
        reordered: the tasks stand in another order than the arguments, or :meth:`restrict`, name them in.
        acting: the task with whose predictions :meth:`validation_rollout` acts, if that is what selects: trained alone
            it is selected by the same quantity.
    """

    tasks: tuple[Task, ...]
    input_shape: InputShape
    selection: tuple[str, str] = ("val/score", "min")
    acting: str | None = None
    sources: int = 1
    most_values: int = 0
    longest_text: int = 0
    words: int = 0
    own_words: bool = False
    raw_columns: bool = False
    reordered: bool = False

    def __init__(self) -> None:
        super().__init__()
        self.splits: dict[str, Split] = {}
        self.batch_size, self.seed, self.accumulate = 256, 0, 1
        self.notes: list[str] = []
        self.held_share = 0.0
        self.kept: list[int] = []  # where rows are held out: numbers of the others among those loaded
        self._held: InMemoryLoader | None = None

    def configure_batches(self, batch_size: int, seed: int, accumulate: int = 1) -> None:
        """Choose how training rows are served.

        Args:
            batch_size: rows of an optimizer step.
            seed: of their order.
            accumulate: batches of an optimizer step.
        """
        self.batch_size, self.seed, self.accumulate = batch_size, seed, accumulate

    def hold_out(self, share: float) -> None:
        """Keep this share of the training rows out of the training split, as the split ``held_out``.

        They are for a weighting to learn on. Which rows they are depends on the seed only; rows of one group are all
        held out, or none of them is. Where the rows are loaded already, none of them held out, they are at once.
        """
        self.held_share = share
        if share and self.splits and HELD_OUT not in self.splits:
            self._hold_out_rows()

    def restrict(self, names: Sequence[str]) -> None:
        """Learn these tasks only, in the suite's order. InputError if one is unknown, or is given one that is not."""
        known = [task.name for task in self.tasks]
        for name in names:
            if name not in known:
                raise unknown("task in tasks", name, known)
        for task in self.tasks:
            needed = needed_event(task)
            if task.name in names and needed is not None and needed not in names:
                raise InputError(f"tasks: '{task.name}' is predicted given '{needed}': name both, or none of them")
        self.tasks = tuple(
            replace(task, depends_on=tuple(up for up in task.depends_on if up in names))
            for task in self.tasks
            if task.name in names
        )
        self.reordered |= [task.name for task in self.tasks] != list(names)

    def set_auxiliary(self, names: Sequence[str]) -> None:
        """Let these tasks help the others without counting themselves.

        Args:
            names: of some of the tasks; the others count, whatever the suite says of them.

        Raises:
            InputError: one is unknown, or none would count.
        """
        known = [task.name for task in self.tasks]
        for name in names:
            if name not in known:
                raise unknown("task in auxiliary", name, known)
        if len(names) == len(known):
            raise InputError(
                f"auxiliary=[{','.join(names)}]: these are all tasks that are learned: expected one or more that are "
                "not auxiliary, which the others are to help"
            )
        self.tasks = tuple(replace(task, auxiliary=task.name in names) for task in self.tasks)

    @property
    def main(self) -> tuple[str, ...]:
        """Names of the tasks that are learned and count."""
        return tuple(task.name for task in self.tasks if not task.auxiliary)

    @property
    def selects_by_auxiliary(self) -> bool:
        """Whether the best checkpoint would be chosen by a task that does not count."""
        names = [task.name for task in self.tasks if task.auxiliary]
        return self.acting in names or any(self.selection[0].startswith(f"val/{name}/") for name in names)

    def serve_raw_columns(self) -> None:
        """Serve the inputs as what is no network reads them; called before the rows are loaded.

        They are then columns of a table: ``numbers [N, F]`` in units of their own, NaN where missing, ``categories
        [N, C]``, -1 where missing or unseen. By default the inputs stay as they are, if they are such columns.

        Raises:
            InputError: they are something else, such as pictures or words.
        """
        if not set(self.input_shape) <= set(COLUMNS) or any(len(size) != 1 for size in self.input_shape.values()):
            shown = ", ".join(f"{name} {size}" for name, size in self.input_shape.items())
            raise InputError(
                f"the inputs of {type(self).__name__} are no columns of a table but {shown}: model=trees reads numbers "
                "and categories, as task=table gives them"
            )
        self.raw_columns = True

    def part(self, names: Sequence[str]) -> Self:
        """The same rows, which are loaded already, for some of the tasks, each by itself where it is given another."""
        part = copy(self)
        part.tasks = tuple(task if needed_event(task) in (None, *names) else without_event(task) for task in self.tasks)
        part.restrict(names)
        kept = [task.name for task in part.tasks]
        part.splits = {name: rows.of(kept) for name, rows in self.splits.items()}
        return part

    def served_as(self, other: "MultiTaskDataModule") -> Self:
        """The same rows, which are loaded already, in the batches of another suite, and held out as there."""
        same = copy(self)
        same.configure_batches(other.batch_size, other.seed, other.accumulate)
        same.check_batch_size()
        same.hold_out(other.held_share)
        return same

    def check_batch_size(self) -> None:
        """Raise InputError if the rows, which are loaded, are too few for the batches. Default: as many as there are.

        A suite that needs more says so in :meth:`load`, too.
        """

    def select_by(self, criterion: str) -> None:
        """Choose what the best epoch is chosen by.

        Args:
            criterion: ``score``, over all tasks that count; ``acting``, by how acting in validation went.

        Raises:
            InputError: there is no acting in validation, not with these tasks, or with one that does not count.
        """
        if criterion == "score":
            self.selection, self.acting = MultiTaskDataModule.selection, None
        elif self.selects_by_auxiliary:
            raise InputError(
                f"selection=acting chooses by how '{self.acting}' acts, which is auxiliary and does not count: "
                "expected selection=score, or another task in auxiliary"
            )
        elif self.acting is None:
            names = ", ".join(task.name for task in self.tasks)
            raise InputError(f"selection=acting: no validation acts with the tasks {names}: expected selection=score")

    @abstractmethod
    def load(self) -> dict[str, Split]:
        """The splits ``train``, ``val`` and ``test``. Called once."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """A short hash that changes whenever the data would."""

    def preview(self) -> str:
        """What a person should see of the data before training begins; by default nothing."""
        return ""

    def statistics(self) -> dict[str, Any]:
        """What was fitted on the training rows and a prediction has to repeat, as plain values for a JSON file.

        A suite that gives any takes the file's path as argument ``statistics`` and then needs no data to be built.
        """
        return {}

    def inputs(self, frame: "pd.DataFrame") -> Inputs:
        """Rows of a person's table as the network reads them.

        Args:
            frame: the rows.

        Returns:
            The inputs by name, ``[N, ...]`` each.

        Raises:
            InputError: a column is missing; the default: inputs of this suite are no rows of a table.
        """
        raise InputError(f"records are rows of a table, and {self.takes_instead}")

    @property
    def takes_rows(self) -> bool:
        """Whether inputs of this suite are rows of a table."""
        return type(self).inputs is not MultiTaskDataModule.inputs

    @property
    def can_act(self) -> bool:
        """Whether networks of this suite act without an environment, as in validation."""
        return type(self).validation_rollout is not MultiTaskDataModule.validation_rollout

    @property
    def takes_instead(self) -> str:
        """What a run of this suite takes where its inputs are no rows of a table, for a message."""
        return f"{type(self).__name__} is trained on something else"

    @property
    def values(self) -> dict[str, tuple[str, ...]]:
        """Names of the classes in the order of their numbers (of a binary task: no, yes), by task; default: none."""
        return {}

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """Names of the numbers that a prediction consists of, by task, where they are several; default: none."""
        return {}

    def unfamiliar(self, frame: "pd.DataFrame") -> list[str]:
        """In a line each, what of new rows is so unlike the training rows that predictions mean little."""
        return []

    def own_units(self, task: str, values: Tensor) -> list[float]:
        """Decoded predictions of a task whose targets are numbers, as they are written down.

        Args:
            task: its name.
            values: decoded, ``[N]``.

        Returns:
            In the units of the source, each with the digits that it has: by default those of single precision.
        """
        return [float(f"{value:.{DIGITS}g}") for value in values.tolist()]

    def validation_rollout(self, predict: Predict) -> dict[str, float]:
        """Act with the network in validation; what comes back is logged as ``val/<key>``. Default: no-op.

        Args:
            predict: inputs to raw predictions by task.

        Returns:
            Measured quantities by name.
        """
        return {}

    def setup(self, stage: str) -> None:
        """Load the rows, once. InputError for what they or the fingerprint cannot be."""
        if not self.splits:
            names = [task.name for task in self.tasks]
            loaded = checked_splits(self.load(), self.tasks, self.input_shape, double=self.raw_columns)
            self.splits = {name: split.of(names) for name, split in loaded.items()}
            if self.held_share:
                self._hold_out_rows()
            for name, split in self.splits.items():
                if not len(split):
                    raise InputError(f"the {name} split has no rows")
            check_fingerprint(self.fingerprint, type(self).__name__)
            check_notes(self.notes, type(self).__name__)

    def _hold_out_rows(self) -> None:
        """Hold rows out of the training split; the others keep their order. InputError unless both have rows."""
        train = self.splits["train"]
        generator = torch.Generator().manual_seed(self.seed)
        count = round(self.held_share * len(train))
        if not 0 < count < len(train):
            raise InputError(
                f"weighting.held_out={self.held_share:g} of {len(train)} training rows are {count}: expected a share "
                "that leaves a row on both sides"
            )
        if train.groups is None:
            order = torch.randperm(len(train), generator=generator)
        else:  # weights would else be learned on rows that depend on those of the training
            order, count = _whole_groups(train.groups, count, generator)
        held, kept = order[:count].sort().values, order[count:].sort().values
        self.kept = kept.tolist()
        # A dictionary of its own: a copy of this suite may have the other one
        self.splits = {**self.splits, "train": train.rows(kept), HELD_OUT: train.rows(held)}

    def held_out(self, step: int) -> Iterator[Batch]:
        """The held-out rows of an optimizer step, divided like those of training."""
        assert self._held is not None
        return self._held.at(step)

    def loader(self, split: str, *, training: bool = False, world: int | None = None) -> InMemoryLoader:
        """The batches of a split. Only training divides them among processes and accumulated batches, and shuffles.

        Args:
            split: its name.
            training: shuffled and divided.
            world: processes; by default those of the trainer.

        Returns:
            The loader of this process.
        """
        rank = self.trainer.global_rank if self.trainer else 0
        of_trainer = world is None
        if world is None:
            world = self.trainer.world_size if self.trainer else 1
        if split == "train" and training and self.held_share:
            held = MultiTaskDataModule.loader(self, HELD_OUT, training=True, world=world)
            if of_trainer:  # others look at the batches while the training goes on with its own
                self._held = held
        return InMemoryLoader(
            self.splits[split],
            self.batch_size if training else max(self.batch_size, measured_at_once(self.splits[split])),
            shuffle=training,
            seed=self.seed,
            accumulate=self.accumulate if training else 1,
            rank=rank if training else 0,
            world=world if training else 1,
        )

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """The batch on ``device``; as it is where it is there already, which on a CPU is always."""
        if device.type == "cpu":
            return batch
        moved: Batch = super().transfer_batch_to_device(batch, device, dataloader_idx)
        return moved

    def measured(self, split: str) -> InMemoryLoader:
        """The batches by which a split is measured after the training. Default: all of it."""
        return self.loader(split)

    def train_dataloader(self) -> InMemoryLoader:
        """Shuffled batches of the training rows."""
        return self.loader("train", training=True)

    def val_dataloader(self) -> InMemoryLoader:
        """The validation rows as they stand."""
        return self.loader("val")

    def test_dataloader(self) -> InMemoryLoader:
        """The test rows as they stand."""
        return self.loader("test")


def _whole_groups(groups: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, int]:
    """Rows with their groups in a random order, and where to cut them between two groups, nearest to a number of rows.

    Args:
        groups: number of each row's group, ``[N]``.
        count: the number of rows that is wanted before the cut.
        generator: of the random numbers.

    Returns:
        Numbers of rows, ``[N]``, and how many are before the cut.

    Raises:
        InputError: all rows are of one group.
    """
    _, group, sizes = torch.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) == 1:
        raise InputError(
            "weighting.held_out: whole groups are held out, and all training rows are of one group: choose a weighting "
            "that holds out no rows, or other groups"
        )
    shuffled = torch.randperm(len(sizes), generator=generator)
    ends = sizes[shuffled].cumsum(0)[:-1]
    return shuffled.argsort()[group].argsort(stable=True), int(ends[(ends - count).abs().argmin()])
