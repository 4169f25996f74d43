"""An environment: what is done with the predictions, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from rich.table import Table

from mtl.agent.environment import Environment
from mtl.agent.labelled_rows import predict_test_rows
from mtl.agent.report import ExecutionReport, Value, plain_table
from mtl.config.numbers import check_number
from mtl.suites.base import MultiTaskDataModule, Predict


class Warn(Environment):
    """Warns the customers whose delivery is most probably late; counts how many of them were right to be warned.

    Args:
        share: of the deliveries of which the customer is warned, above 0 and at most 1.
    """

    requires: ClassVar[Mapping[str, str]] = {"late": "binary"}  # tasks that a run needs to act here, with their kinds
    acts_on_test_rows = True

    def __init__(self, share: float = 0.2) -> None:
        check_number("share", share, above=0, most=1)
        self.share = share

    @torch.inference_mode()
    def run(self, predict: Predict, data: MultiTaskDataModule) -> "Warnings":
        """Predict the test rows, and warn."""
        predicted, true = predict_test_rows(predict, data, ["late"])
        probability, late = predicted["late"], true["late"]
        warned = torch.zeros_like(late, dtype=torch.bool)
        warned[probability.argsort(descending=True)[: max(1, round(self.share * len(late)))]] = True
        return Warnings(probability.tolist(), late.bool().tolist(), warned.tolist())


@dataclass(frozen=True)
class Warnings(ExecutionReport):
    """Who was warned, and what came of it.

    Attributes:
        probability: predicted, of being late, by delivery.
        late: whether it was.
        warned: whether the customer was warned.
    """

    probability: list[float]
    late: list[bool]
    warned: list[bool]

    def records(self) -> list[dict[str, Value]]:
        """A row for each delivery."""
        columns = zip(self.probability, self.late, self.warned, strict=True)
        return [
            {"delivery": number, "probability": probability, "late": late, "warned": warned}
            for number, (probability, late, warned) in enumerate(columns, 1)
        ]

    def summary(self) -> dict[str, float]:
        """The share of warnings that were right comes first: by it agents are compared."""
        right = sum(late for late, warned in zip(self.late, self.warned, strict=True) if warned)
        return {"right": right / sum(self.warned), "late": sum(self.late) / len(self.late)}

    def table(self) -> Table:
        """For a person at a terminal."""
        numbers = self.summary()
        return plain_table(
            f"Warnings: {sum(self.warned)} of {len(self.late)} deliveries",
            ("right", "right if drawn by lot"),
            [(f"{numbers['right']:.1%}", f"{numbers['late']:.1%}")],
            texts=0,
        )
