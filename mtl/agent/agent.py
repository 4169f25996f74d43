"""The agent: acts with a trained network."""

from mtl.agent.environment import Environment, ExecutionReport
from mtl.errors import InputError
from mtl.suites.base import Predict
from mtl.tasks import TaskGraph


class Agent:
    """Knows the tasks, asks the network, acts in environments.

    Args:
        graph: the tasks that the network was trained on.
        predict: inputs to raw predictions by task, in evaluation mode (``MultiTaskModule.predict``).
    """

    def __init__(self, graph: TaskGraph, predict: Predict) -> None:
        self.graph = graph
        self.predict = predict

    def execute(self, environment: Environment) -> ExecutionReport:
        """Act in ``environment`` from beginning to end.

        Raises:
            InputError: the network was not trained on a task that the environment asks for.
        """
        able(self.graph, environment)
        return environment.run(self.predict)


def able(graph: TaskGraph, environment: Environment) -> None:
    """Raise InputError if acting in ``environment`` takes a task that is not among ``graph``'s."""
    for name in environment.requires:
        if name not in graph.names:
            raise InputError(
                f"this run cannot act in {type(environment).__name__}: that takes task '{name}', "
                f"and the run is trained on {', '.join(graph.names)}"
            )
