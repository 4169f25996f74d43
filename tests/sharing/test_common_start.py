"""Single-task networks that begin alike and keep what they began with."""

import pytest
import torch

from mtl.errors import InputError
from mtl.sharing.common_start import CommonStart
from mtl.sharing.single_task import SingleTask
from tests.sharing.strategies import FITTING, SHAPES, TASKS, encoder, sample

every_pair = pytest.mark.parametrize(("trunk", "kind"), FITTING, ids=["-".join(pair) for pair in FITTING])


@every_pair
def test_trunks_begin_alike_and_are_apart(trunk: str, kind: str) -> None:
    """With the values of the start, which stays as it is; and what they compute is what single-task networks do."""
    sharing = CommonStart(SHAPES[kind], TASKS, encoder(trunk))
    single = SingleTask(SHAPES[kind], TASKS, encoder(trunk))
    with torch.no_grad():
        for number, name in enumerate(TASKS):
            state = sharing.encoders[name].state_dict()
            assert state.keys() == sharing.start.state.keys()
            assert all(torch.equal(value, sharing.start.state[key]) for key, value in state.items())
            for parameter in sharing.private_parameters(name):
                parameter.add_(0.01 * number)
    single.encoders.load_state_dict(sharing.encoders.state_dict())
    inputs = sample(kind)
    sharing.eval()
    single.eval()
    for name, value in sharing(inputs).items():
        torch.testing.assert_close(value, single(inputs)[name])
    owned = [{id(p) for p in sharing.private_parameters(name)} for name in TASKS]
    assert sum(map(len, owned)) == len(set.union(*owned)) == len(list(sharing.parameters()))
    assert not list(sharing.shared_parameters())
    again = CommonStart(SHAPES[kind], TASKS, encoder(trunk))
    again.load_state_dict(sharing.state_dict())
    assert all(torch.equal(value, again.start.state[key]) for key, value in sharing.start.state.items())


def test_a_start_is_given_to_all() -> None:
    sharing, other = (CommonStart(SHAPES["flat"], TASKS, encoder("mlp")) for _ in range(2))
    sharing.begin_with(other.start.state)
    for name in TASKS:
        state = sharing.encoders[name].state_dict()
        assert all(torch.equal(value, state[key]) for key, value in other.start.state.items())
    with pytest.raises(InputError, match=r"model\.start=3: expected a run directory"):
        CommonStart(SHAPES["flat"], TASKS, encoder("mlp"), start=3)  # type: ignore[arg-type]
