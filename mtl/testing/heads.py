"""What every head does. A check takes what makes a head for so many features, and what draws inputs of so many rows."""

from collections.abc import Callable

import torch
from torch import Tensor

from mtl.nn.encoder import Inputs
from mtl.nn.heads import Head
from mtl.testing.strategies import ROWS, Sample, some

FEATURES = 5

Build = Callable[[int], Head]  # features of the representation to a head


def representation_of(inputs: Inputs) -> Tensor:
    """A random representation ``[B, D]``, or where the inputs are sets ``[B, J, D]``."""
    rows = inputs["mask"].shape if "mask" in inputs else (len(next(iter(inputs.values()))),)
    return torch.randn(*rows, FEATURES)


def there_is_a_prediction_of_every_row(build: Build, sample: Sample) -> None:
    """Its first axis is that of the rows."""
    head, inputs = build(FEATURES).eval(), sample(ROWS)
    assert len(head(representation_of(inputs), inputs)) == ROWS


def a_message_is_as_wide_as_the_head_says(build: Build, sample: Sample) -> None:
    """Dependent tasks get finite numbers, ``[B, M]``; a probability is between 0 and 1."""
    head, inputs = build(FEATURES).eval(), sample(ROWS)
    message = head.message(head(representation_of(inputs), inputs), inputs)
    assert message.shape == (ROWS, head.message_features)
    assert message.isfinite().all()
    if head.message_is_probability:
        assert message.shape[1] == 1
        assert ((message >= 0) & (message <= 1)).all()


def no_row_sees_another(build: Build, sample: Sample) -> None:
    """In evaluation a row's prediction is the same whatever rows stand beside it."""
    head, inputs = build(FEATURES).eval(), sample(ROWS)
    representation = representation_of(inputs)
    whole, part = head(representation, inputs), head(representation[2:3], some(inputs, slice(2, 3)))
    torch.testing.assert_close(whole[2:3], part, atol=1e-5, rtol=1e-4)


def a_prediction_depends_on_the_representation(build: Build, sample: Sample) -> None:
    """Else what the tasks share would have no part in it, and this task would not train it."""
    head, inputs = build(FEATURES), sample(ROWS)
    for parameter in head.parameters():  # some begin at zero
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    representation = representation_of(inputs).requires_grad_()
    out = head(representation, inputs)
    (found,) = torch.autograd.grad(out[out.isfinite()].square().sum(), representation, allow_unused=True)
    assert found is not None
    assert found.any()


def every_parameter_is_used(build: Build, sample: Sample) -> None:
    """The predictions depend on all of them."""
    head, inputs = build(FEATURES), sample(12)
    out = head(representation_of(inputs), inputs)
    used = torch.autograd.grad(out[out.isfinite()].square().sum(), list(head.parameters()), allow_unused=True)
    names = [name for (name, _), grad in zip(head.named_parameters(), used, strict=True) if grad is None]
    assert not names, f"no effect on the prediction: {', '.join(names)}"


HEAD_CHECKS: tuple[Callable[[Build, Sample], None], ...] = (
    there_is_a_prediction_of_every_row,
    a_message_is_as_wide_as_the_head_says,
    no_row_sees_another,
    a_prediction_depends_on_the_representation,
    every_parameter_is_used,
)
