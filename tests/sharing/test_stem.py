"""A task draws on the encoders of the others and does not teach them."""

import torch

from mtl.sharing.stem import STEM
from mtl.testing.strategies import disturbed
from tests.sharing.strategies import TASKS, assert_gates_sum_to_one, build, every_pair, sample


@every_pair
def test_gates_sum_to_one(trunk: str, kind: str) -> None:
    assert_gates_sum_to_one("stem", trunk, kind)


def test_representations_are_those_of_the_formula() -> None:
    """Gates over the shared encoder and those of all tasks, on a table with categories."""
    sharing = disturbed(build("stem", "tabular", "table"))
    assert isinstance(sharing, STEM)
    inputs = sample("table")
    out = sharing(inputs)
    found = [sharing.shared_encoder(inputs), *(sharing.encoders[name](inputs) for name in TASKS)]
    summary = sharing.shared_encoder.summary(inputs)
    for name in TASKS:
        gates = (sharing.shared_gates[name], sharing.gates[name])
        powers = torch.exp(torch.cat([summary @ gate.weight.T + gate.bias for gate in gates], 1))
        shares = powers / powers.sum(1, keepdim=True)
        expected = sum(shares[:, [j]] * hidden for j, hidden in enumerate(found))
        torch.testing.assert_close(out[name], expected)


def test_other_tasks_are_seen_and_not_taught() -> None:
    """Another encoder changes what a task gets, and gets no gradient of it."""
    sharing = disturbed(build("stem", "tabular", "table"))
    assert isinstance(sharing, STEM)
    first, second, *_ = TASKS
    before = sharing(sample("table"))[first]
    before.sum().backward()
    assert all(p.grad is None for p in sharing.encoders[second].parameters())
    assert any(p.grad is not None for p in sharing.encoders[first].parameters())
    with torch.no_grad():
        for p in sharing.encoders[second].parameters():
            p.mul_(2)
    assert not torch.equal(sharing(sample("table"))[first], before)
