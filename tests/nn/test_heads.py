"""What every head promises; and a choice with a prior: a rule at first, corrected where training shows such choices."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE, Inputs
from mtl.nn.heads import (
    BinaryHead,
    ChoiceHead,
    ClassificationHead,
    ConditionalHead,
    Head,
    OrdinalHead,
    RegressionHead,
    VectorHead,
)
from mtl.testing import HEAD_CHECKS

HEADS: dict[str, Callable[[int], Head]] = {
    "binary": partial(BinaryHead, hidden=4),
    "conditional": ConditionalHead,
    "classes": partial(ClassificationHead, classes=3),
    "ordinal": partial(OrdinalHead, shares=(0.2, 0.3, 0.5)),
    "regression": RegressionHead,
    "values": partial(VectorHead, values=2, hidden=4),
    "choice": partial(ChoiceHead, hidden=4),
    "choice with a prior": lambda features: ChoiceHead(features, prior=PRIOR, most_candidates=8),
}
PRIOR = (-1.0, 0.0, 0.5)


def candidates(seed: int, rows: int = 4, width: int = 6) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    real = torch.randint(1, width + 1, (rows, 1), generator=generator)
    return {
        "candidates": torch.randn(rows, width, 3, generator=generator),
        "mask": torch.arange(width) < real,
        "representation": torch.randn(rows, width, 5, generator=generator),
    }


@pytest.mark.parametrize("check", HEAD_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", HEADS)
def test_a_head_keeps_its_promises(check: Callable[..., None], name: str) -> None:
    torch.manual_seed(0)

    def sample(rows: int) -> Inputs:
        return candidates(0, rows) if name.startswith("choice") else {SINGLE: torch.randn(rows, 3)}

    check(HEADS[name], sample)


def rule(inputs: dict[str, Tensor]) -> Tensor:
    values = -inputs["candidates"][..., 0] + 0.5 * inputs["candidates"][..., 2]
    return values.masked_fill(~inputs["mask"], -torch.inf)


@given(st.integers(0, 10**6), st.sampled_from([0, 4]))
def test_an_untrained_head_chooses_as_its_prior(seed: int, hidden: int) -> None:
    inputs = candidates(seed)
    logits = ChoiceHead(5, hidden, prior=PRIOR)(inputs["representation"], inputs)
    assert logits.argmax(-1).equal(rule(inputs).argmax(-1))
    assert logits[~inputs["mask"]].eq(-torch.inf).all()


@given(st.integers(0, 10**6))
def test_among_more_candidates_than_training_shows_the_prior_alone_chooses(seed: int) -> None:
    inputs = candidates(seed)
    head = ChoiceHead(5, prior=PRIOR, most_candidates=3)
    torch.nn.init.normal_(head.score[-1].weight, std=10.0)
    logits = head(inputs["representation"], inputs)
    many = inputs["mask"].sum(-1) > 3
    torch.testing.assert_close(logits[many], (head.scale * rule(inputs))[many])
    correction = head.score(inputs["representation"]).squeeze(-1)
    torch.testing.assert_close(logits[~many], (head.scale * rule(inputs) + correction)[~many])


def test_scale_and_correction_are_learned() -> None:
    inputs = candidates(0)
    head = ChoiceHead(5, prior=PRIOR)
    head(inputs["representation"], inputs)[inputs["mask"]].square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in head.parameters())


@pytest.mark.parametrize("most", [None, 2])
def test_without_a_prior_nothing_changes(most: int | None) -> None:
    inputs = candidates(1)
    head = ChoiceHead(5, most_candidates=most)
    expected = head.score(inputs["representation"]).squeeze(-1).masked_fill(~inputs["mask"], -torch.inf)
    assert head(inputs["representation"], inputs).equal(expected)
    assert not hasattr(head, "scale")


def test_rows_may_have_rules_and_gains_of_their_own() -> None:
    inputs = candidates(0)
    head = ChoiceHead(5, prior=PRIOR)
    torch.nn.init.normal_(head.score[-1].weight)
    rules, gains = torch.randn(4, 3), torch.randn(4, 1)
    head.rule, head.gain = rules, gains
    together = head(inputs["representation"], inputs)
    for row in range(4):
        head.rule, head.gain = rules[row], gains[row, 0]
        one = {name: values[row : row + 1] for name, values in inputs.items()}
        torch.testing.assert_close(head(one["representation"], one), together[row : row + 1])


def test_a_choice_without_a_candidate_says_something_finite() -> None:
    """A shop that is done is predicted beside others; a task that depends on its choice is given numbers."""
    inputs = {"mask": torch.tensor([[True, True, False], [True, False, False], [False, False, False]])}
    head = ChoiceHead(4)
    logits = head(torch.randn(3, 3, 4), inputs)
    message = head.message(logits, inputs)
    assert message.isfinite().all()
    torch.testing.assert_close(message[1:], torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    torch.testing.assert_close(message[0, 0], logits[0, :2].softmax(0).max())


def test_what_is_no_size_or_share_is_one_line() -> None:
    """A share of 0 would give its class a probability of 0 that no training changes."""
    for hidden in (-1, 2.5, "4"):
        with pytest.raises(InputError, match=rf"^hidden={hidden}.*: expected a whole number, 0 or more$"):
            BinaryHead(4, hidden)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^classes=0: expected"):
        ClassificationHead(4, 0)
    with pytest.raises(InputError, match=r"^shares=\[1\.0\]: expected those of two classes or more$"):
        OrdinalHead(4, [1.0])
    with pytest.raises(InputError, match=r"^shares=0\.0: expected a finite number, above 0$"):
        OrdinalHead(4, [0.5, 0.0, 0.5])


def test_heads_read_the_mean_over_all_places_of_a_picture() -> None:
    """An encoder of one's own may keep rows and columns, for tasks of every pixel beside one of the whole picture."""
    head, picture = ClassificationHead(5, 3), torch.randn(2, 4, 6, 5)
    torch.testing.assert_close(head(picture, {}), head(picture.mean((1, 2)), {}))
    mask = torch.rand(2, 4, 6) < 0.5
    mean = (picture * mask.unsqueeze(-1)).sum((1, 2)) / mask.sum((1, 2)).unsqueeze(-1)
    torch.testing.assert_close(head(picture, {"mask": mask}), head(mean, {}))
