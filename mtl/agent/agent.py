"""The agent: acts with a trained network."""

from mtl.agent.environment import Environment
from mtl.agent.report import ExecutionReport
from mtl.suites.base import MultiTaskDataModule, Predict


class Agent:
    """Acts in environments with the predictions of a trained network.

    Args:
        predict: inputs to raw predictions by task, in evaluation mode (``MultiTaskModule.predict``).
    """

    def __init__(self, predict: Predict) -> None:
        self.predict = predict

    def execute(self, environment: Environment, data: MultiTaskDataModule) -> ExecutionReport:
        """Act in an environment from beginning to end.

        Args:
            environment: where to act.
            data: the suite that the network was trained on. Its rows are loaded if the environment acts on them.

        Returns:
            What came of it.

        Raises:
            InputError: the suite is not what the environment needs.
        """
        environment.check(data)
        if environment.acts_on_test_rows:
            data.setup("test")
        return environment.run(self.predict, data)
