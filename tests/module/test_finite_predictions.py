"""A prediction that is not a number is an error that names the task."""

import pytest
import torch

from mtl.errors import InputError
from mtl.module.finite_predictions import check_finite
from mtl.nn.encoder import SINGLE
from mtl.weighting.equal import Equal
from tests.support import module_of, rows


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_weights_that_are_not_finite_predict_nothing(value: float) -> None:
    module = module_of(rows(), Equal(3))
    inputs = {SINGLE: torch.randn(4, 5)}
    assert module.predict(inputs).keys() == {"t0", "t1", "t2"}
    with torch.no_grad():
        list(module.network.heads["t1"].parameters())[-1].fill_(value)
    with pytest.raises(InputError, match="task 't1': 4 of 4 predictions are NaN or infinite"):
        module.predict(inputs)


def test_only_what_a_mask_leaves_out_may_be_infinite() -> None:
    mask = torch.tensor([[True, False], [True, True]])
    logits = torch.tensor([[0.5, -torch.inf], [0.1, 0.2]])
    check_finite({"choice": logits}, {"mask": mask})
    with pytest.raises(InputError, match="task 'choice': 1 of 4"):
        check_finite({"choice": logits.flip(1)}, {"mask": mask})
