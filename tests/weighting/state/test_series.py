"""A row of numbers that grows."""

import torch

from mtl.weighting.state.series import Series


def test_what_is_loaded_goes_on_growing() -> None:
    """Into an object that has another size."""
    one, two = Series(), Series()
    for value in (1.0, 2.0, 3.0):
        one.append(torch.tensor(value))
    two.append(torch.tensor(9.0))
    two.load_state_dict(one.state_dict())
    two.append(torch.tensor(4.0))
    assert two.values.tolist() == [1, 2, 3, 4]
    assert len(one.values) == 3
