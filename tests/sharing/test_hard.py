"""One trunk for all tasks."""

import pytest

from mtl.errors import InputError
from tests.sharing.strategies import TASKS, build, disturbed, every_pair, reached, sample


@every_pair
def test_residual_is_the_trunk_plus_a_layer_of_its_own(trunk: str, kind: str) -> None:
    hard, inputs = build("hard", trunk, kind, residual=True).eval(), sample(kind)
    shared = hard.trunk(inputs)  # type: ignore[operator]
    for name, value in hard(inputs).items():
        own = hard.private[name]  # type: ignore[index]
        assert value.equal(shared + own(shared))


@every_pair
def test_residual_keeps_the_trunk_shared_and_the_layers_private(trunk: str, kind: str) -> None:
    hard = disturbed(build("hard", trunk, kind, residual=True))
    found = reached(hard, sample(kind, 12))
    for name in TASKS:
        own = {id(p) for p in hard.private_parameters(name)}
        assert own == found[name] - set().union(*(found[other] for other in TASKS if other != name))
        assert len(own) == 2


def test_a_switch_that_is_neither_on_nor_off_is_refused() -> None:
    """Any text would count as on."""
    with pytest.raises(InputError, match=r"^model\.residual=false: expected true or false$"):
        build("hard", "mlp", "flat", residual="false")
