"""Evaluation mode lasts as long as the block, whatever happens in it."""

import pytest
from torch import nn

from mtl.module.evaluating import evaluating
from mtl.nn.encoder import SINGLE
from mtl.weighting.equal import Equal
from tests.support import module_of, rows


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_is_put_back(training: bool) -> None:
    module = nn.Sequential(nn.Dropout()).train(training)
    with evaluating(module):
        assert not module.training
        assert not module[0].training
    assert module.training is module[0].training is training


def test_the_mode_is_put_back_on_errors() -> None:
    data = rows()
    module = module_of(data, Equal(3), dropout=0.5).train()
    with pytest.raises(RuntimeError):
        module.predict({SINGLE: data.given.inputs[SINGLE][:, :2]})
    assert module.network.training
    with pytest.raises(TypeError), evaluating(module):
        raise TypeError
    assert module.training
