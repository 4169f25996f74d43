"""Groups of tasks that share among themselves."""

import pytest
import torch

from mtl.errors import InputError
from mtl.sharing.grouped import Grouped
from tests.sharing.strategies import SHAPES, TASKS, assert_same, encoder, sample, seeded, strategy


def test_one_group_of_all_is_the_strategy_itself() -> None:
    torch.manual_seed(3)
    grouped = Grouped(SHAPES["flat"], TASKS, encoder("mlp"), strategy("gated"), [TASKS])
    assert_same(grouped, seeded("gated", "mlp", "flat"), sample("flat"))


@pytest.mark.parametrize(
    ("groups", "complaint"), [([["first", "secnd"]], "second"), ([["first"], ["first", "third"]], "more than one")]
)
def test_wrong_groups_are_one_line(groups: list[list[str]], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        Grouped(SHAPES["flat"], TASKS, encoder("mlp"), strategy("hard"), groups)


def test_each_group_draws_on_its_own_experts() -> None:
    """Groups in the order of their first tasks, then what is in none, however they are written."""
    names = tuple("abcde")
    made = Grouped(SHAPES["flat"], names, encoder("mlp"), strategy("soft", experts=2), [["e", "b"], ["c", "a"], ["d"]])
    assert made.groups == (("a", "c"), ("b", "e"))
    (first, second), zero = [network.rows().detach() for network in made.networks], torch.zeros(2)  # type: ignore[operator]
    nothing, alone = torch.zeros(1), torch.ones(1)
    expected = [
        torch.cat([first[0], zero, nothing]),
        torch.cat([zero, second[0], nothing]),
        torch.cat([first[1], zero, nothing]),
        torch.cat([zero, zero, alone]),
        torch.cat([zero, second[1], nothing]),
    ]
    (found,) = made.mixtures()
    torch.testing.assert_close(found, torch.stack(expected))
    inputs = sample("flat")
    out = made(inputs)
    assert list(out) == list(names)
    torch.testing.assert_close(out["e"], made.networks[1](inputs)["e"])
    torch.testing.assert_close(out["d"], made.ungrouped["d"](inputs))
