"""One trunk that sees the preference beside the inputs."""

import pytest
import torch

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.sharing.conditioned import Conditioned
from mtl.testing.strategies import disturbed
from tests.sharing.strategies import TASKS, build, encoder, sample, strategy

P = torch.tensor([0.6, 0.1, 0.3])


def made(trunk: str, kind: str) -> Conditioned:
    sharing = disturbed(build("conditioned", trunk, kind))
    assert isinstance(sharing, Conditioned)
    sharing.choose(P)
    return sharing


def test_a_row_of_numbers_gets_the_preference_behind_it() -> None:
    sharing, inputs = made("mlp", "flat"), sample("flat")
    x = torch.stack([torch.cat([row, P]) for row in inputs[SINGLE]])
    for value in sharing(inputs).values():
        torch.testing.assert_close(value, sharing.trunk({SINGLE: x}))


def test_whole_numbers_get_the_preference_too() -> None:
    """As a suite may serve bytes."""
    sharing, inputs = made("mlp", "flat"), {SINGLE: torch.randint(0, 9, (5, 6), dtype=torch.uint8)}
    expected = sharing({SINGLE: inputs[SINGLE].float()})
    for name, value in sharing(inputs).items():
        torch.testing.assert_close(value, expected[name])


def test_a_picture_gets_a_channel_of_one_value_for_each_task() -> None:
    sharing, inputs = made("convolution", "picture"), sample("picture")
    planes = [torch.full((len(inputs[SINGLE]), 1, 6, 5), float(p)) for p in P]
    expected = sharing.trunk({SINGLE: torch.cat([inputs[SINGLE], *planes], 1)})
    torch.testing.assert_close(sharing(inputs)["second"], expected)


@pytest.mark.parametrize(
    ("trunk", "kind", "extended"), [("tabular", "table", "numbers"), ("candidate_set", "set", "context")]
)
def test_tables_get_numbers_and_sets_get_context(trunk: str, kind: str, extended: str) -> None:
    sharing, inputs = made(trunk, kind), sample(kind)
    rows = len(inputs[extended])
    expected = sharing.trunk({**inputs, extended: torch.cat([inputs[extended], P.repeat(rows, 1)], 1)})
    torch.testing.assert_close(sharing(inputs)["third"], expected)


def test_a_table_of_categories_alone_gets_its_only_numbers() -> None:
    sharing = strategy("conditioned")({"categories": (2,)}, TASKS, encoder("tabular"))
    rows = torch.tensor([[0, 1], [2, -1]])
    expected = sharing.trunk({"categories": rows, "numbers": torch.full((2, 3), 1 / 3)})
    torch.testing.assert_close(sharing({"categories": rows})["first"], expected)


def test_another_preference_is_another_network() -> None:
    sharing, inputs = made("mlp", "flat"), sample("flat")
    before = sharing(inputs)["first"]
    sharing.choose(P.flip(0))
    assert not torch.allclose(sharing(inputs)["first"], before)


def test_texts_are_refused_in_one_line() -> None:
    with pytest.raises(InputError, match=r"model=conditioned: .* these are tokens, mask: use model=palora"):
        strategy("conditioned")({"tokens": (None,), "mask": (None,)}, TASKS, encoder("mlp"))
