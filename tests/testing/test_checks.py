"""A part that does not keep its promise is found out by a check; those that do are in the tests of the parts."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from mtl.nn.encoder import SINGLE, Inputs, InputShape
from mtl.nn.heads import RegressionHead
from mtl.nn.mlp import MLP
from mtl.sharing.base import EncoderFactory
from mtl.sharing.hard import Hard
from mtl.suites.batch import Split
from mtl.suites.synthetic import SyntheticSuite
from mtl.testing import encoders, heads, strategies, suites, weightings
from mtl.testing.weightings import refuses
from mtl.weighting.equal import Equal

SHAPE: InputShape = {SINGLE: (4,)}
SMALL_MLP = partial(MLP, widths=[6, 5])


def rows(count: int) -> Inputs:
    return {SINGLE: torch.randn(count, 4)}


class Wrong(Equal):
    """Says that its weights do not depend on the losses, and they do."""

    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        return (losses.detach().softmax(0) * losses).sum()


class Forgetful(Equal):
    """Counts steps, and does not save the number."""

    seen = 0

    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        self.seen += 1
        return losses.sum() / self.seen


class Undeclared(Hard):
    """Has parameters of each task's own, and does not say so."""

    def __init__(self, input_shape: InputShape, task_names: Sequence[str], encoder: EncoderFactory) -> None:
        super().__init__(input_shape, task_names, encoder, residual=True)

    def private_parameters(self, task: str) -> Iterator[nn.Parameter]:
        return iter(())


class Looking(Hard):
    """Looks at the other rows of a batch."""

    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        return {name: value - value.mean(0) for name, value in super().forward(inputs).items()}


class Idle(MLP):
    """Has a layer that nothing depends on."""

    def __init__(self, input_shape: InputShape) -> None:
        super().__init__(input_shape, [6, 5])
        self.idle = nn.Linear(3, 3)


class Wide(RegressionHead):
    """Says that its message is wider than it is, and looks at the other rows of a batch."""

    message_features = 2

    def forward(self, representation: Tensor, inputs: Inputs) -> Tensor:
        out = super().forward(representation, inputs)
        return out - out.mean()


class Unseeded(SyntheticSuite):
    """Draws its rows from the random state of the training."""

    def load(self) -> dict[str, Split]:
        return {
            name: Split({SINGLE: torch.randn_like(split.inputs[SINGLE])}, split.targets)
            for name, split in super().load().items()
        }


@pytest.mark.parametrize("kind", [Wrong, Forgetful])
def test_weightings(kind: type[Equal]) -> None:
    check = weightings.accumulated_batches_are_one_batch if kind is Wrong else weightings.resumed_is_uninterrupted
    check(Equal)
    with pytest.raises(AssertionError):
        check(kind)


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        (Undeclared, strategies.declared_parameters_are_those_that_autograd_finds),
        (Looking, strategies.no_row_sees_another),
    ],
)
def test_strategies(kind: type[Hard], check: object) -> None:
    with pytest.raises(AssertionError):
        check(lambda names: kind(SHAPE, names, SMALL_MLP), rows)  # type: ignore[operator]


def test_encoders() -> None:
    with pytest.raises(AssertionError, match=r"no effect on the representation: idle\.weight, idle\.bias"):
        encoders.every_parameter_is_used(lambda: Idle(SHAPE), rows)


@pytest.mark.parametrize("check", [heads.a_message_is_as_wide_as_the_head_says, heads.no_row_sees_another])
def test_heads(check: Callable[..., None]) -> None:
    with pytest.raises(AssertionError):
        check(Wide, rows)


def test_suites() -> None:
    with pytest.raises(AssertionError):
        suites.the_same_arguments_give_the_same_rows(lambda: Unseeded(rows=50, features=4))


def test_a_refusal_has_to_be_there_and_to_say_why() -> None:
    with pytest.raises(AssertionError, match="expected an InputError: features"):
        refuses(lambda: None, "features")
