"""What training leaves, a network or trees: as a result and an agent look at it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from typing_extensions import override

from mtl.agent.environment import Environment
from mtl.agent.other_run import trusting
from mtl.agent.report import ExecutionReport
from mtl.assembly import Assembly, build_suite, load_run, trees_of
from mtl.config.run_config import RunConfig
from mtl.config.run_result import ParameterCounts, SplitMetrics
from mtl.errors import InputError
from mtl.module.evaluation import Evaluation
from mtl.module.finite_predictions import check_finite
from mtl.module.module import MultiTaskModule
from mtl.module.row_contributions import RowContributions
from mtl.network import Network
from mtl.nn.encoder import Inputs
from mtl.runs.directory import Run
from mtl.sharing.preferring import Preferring
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.batch import Batch
from mtl.tasks import TaskGraph
from mtl.training.resources import count_flops, count_parameters
from mtl.trees.forest import Forest
from mtl.weighting.state.per_task_option import PerTaskNumbers, PerTaskOption

NOT_PREFERRING = "preference: model={} has one trade-off; model=palora and model=conditioned learn all of them"


@dataclass(frozen=True)
class Trained(ABC):
    """Predicts with what was selected on validation.

    Attributes:
        config: what the run was told.
        data: its suite.
    """

    config: RunConfig
    data: MultiTaskDataModule

    @property
    @abstractmethod
    def network(self) -> Network | None:
        """The network; None where there is none."""

    @abstractmethod
    def predict(self, inputs: Inputs) -> dict[str, Tensor]:
        """Raw predictions by task for inputs of the suite. InputError if one is NaN or infinite."""

    def act(self, environment: Environment) -> ExecutionReport:
        """Act in an environment. InputError if it cannot."""
        environment.meet(self.network)
        with trusting(self.config.trust):
            return environment.act(self.predict, self.data)

    @abstractmethod
    def evaluate(self, batches: Iterable[Batch], contributions: RowContributions | None = None) -> SplitMetrics:
        """Metrics, losses and score over these batches; see :meth:`~mtl.module.evaluation.Evaluation.result`.

        Args:
            batches: rows.
            contributions: gets what is needed to say what each row contributes; None: that is not wanted.

        Returns:
            What was measured.
        """

    def choose(self, preference: PerTaskNumbers) -> None:
        """Predict with a preference among the tasks from now on.

        Args:
            preference: a number for each task, by name or in order, of which the shares count.

        Raises:
            InputError: it was trained for one trade-off, or the preference is not of its tasks.
        """
        raise InputError(NOT_PREFERRING.format(self.config.choices.model))

    @abstractmethod
    def parameters(self) -> ParameterCounts:
        """How much was learned."""

    @abstractmethod
    def flops(self) -> int | None:
        """Floating-point operations that predict one row; None: not counted."""


@dataclass(frozen=True)
class TrainedNetwork(Trained):
    """A network with the weights of the selected checkpoint.

    Attributes:
        module: the Lightning module around it.
    """

    module: MultiTaskModule

    @classmethod
    def of(cls, assembly: Assembly) -> "TrainedNetwork":
        """The network of a run's objects."""
        return cls(assembly.config, assembly.data, assembly.module)

    @property
    @override
    def network(self) -> Network:
        return self.module.network

    @override
    def predict(self, inputs: Inputs) -> dict[str, Tensor]:
        return self.module.predict(inputs)

    @override
    def evaluate(self, batches: Iterable[Batch], contributions: RowContributions | None = None) -> SplitMetrics:
        return self.module.evaluate(batches, contributions)

    @override
    def choose(self, preference: PerTaskNumbers) -> None:
        sharing = self.module.network.sharing
        if not isinstance(sharing, Preferring):
            raise InputError(NOT_PREFERRING.format(self.config.choices.model))
        names = sharing.task_names
        option = PerTaskOption("preference", len(names), preference)
        option.bind(names)
        sharing.choose(option.shares(torch.arange(len(names))))

    @override
    def parameters(self) -> ParameterCounts:
        return ParameterCounts(**count_parameters(self.module))

    @override
    def flops(self) -> int | None:
        return count_flops(self.module, self.data)


@dataclass(frozen=True)
class TrainedTrees(Trained):
    """Trees up to the selected iteration of each task; the suite serves raw columns.

    Attributes:
        forest: the trees.
    """

    forest: Forest

    @property
    @override
    def network(self) -> None:
        return None

    @override
    def predict(self, inputs: Inputs) -> dict[str, Tensor]:
        predictions = self.forest.predict(inputs)
        check_finite(predictions, inputs)
        return predictions

    @override
    @torch.inference_mode()
    def evaluate(self, batches: Iterable[Batch], contributions: RowContributions | None = None) -> SplitMetrics:
        evaluation = Evaluation(TaskGraph(self.data.tasks))
        for batch in batches:
            evaluation.add(self.predict(batch.inputs), batch, contributions)
        return evaluation.result()

    @override
    def parameters(self) -> ParameterCounts:
        nodes = self.forest.nodes()
        return ParameterCounts(total=sum(nodes.values()), shared=0, private=nodes)

    @override
    def flops(self) -> int | None:
        return None  # trees compare, and add one number each


def load_trained(run: Run) -> Trained:
    """What a run's training left, from its directory. Loads no data. InputError if something is missing or damaged."""
    config = run.config
    if trees_of(config) is None:
        return TrainedNetwork.of(load_run(run))
    return TrainedTrees(config, suite_of_columns(config, run.statistics), Forest.read(run.trees))


def suite_of_columns(config: RunConfig, statistics: Path | None = None) -> MultiTaskDataModule:
    """The suite of a run of trees, which serves raw columns. Loads no data that the suite can do without.

    Args:
        config: what the run is told.
        statistics: what the run wrote down of its suite, to be repeated; None: to be fitted.

    Returns:
        The suite.

    Raises:
        InputError: its inputs are no columns of a table.
    """
    data = build_suite(config, statistics)
    data.configure_batches(1, config.seed)  # nothing goes by steps, and no number of rows is too few for one
    data.serve_raw_columns()
    return data
