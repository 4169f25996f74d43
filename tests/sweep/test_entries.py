"""What the entries of a comparison stand for."""

import pytest

from mtl.config.compose import configure
from mtl.sweep.entries import as_trained


@pytest.mark.parametrize(
    ("typed", "generations"), [([], None), (["improve=outcome_search"], 16), (["improve.generations=3"], 3)]
)
def test_networks_are_compared_as_they_were_trained_unless_a_person_asks(
    typed: list[str], generations: int | None
) -> None:
    assert configure(*as_trained(typed)).improve.get("generations") == generations
