"""What a weighting costs is measured without a trace in the training."""

import csv
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mtl.lifecycle.train import train
from mtl.training.callbacks.step_cost import TAG, StepCost
from mtl.weighting.base import Weighting
from mtl.weighting.equal import Equal
from mtl.weighting.famo import FAMO
from mtl.weighting.graddrop import GradDrop
from mtl.weighting.mgda import MGDA
from tests.support import fit, module_of, parameters, rows, tiny


@pytest.mark.parametrize("make", [GradDrop, FAMO, lambda n: MGDA(n, at="representation")])
def test_training_is_the_one_without(make: type[Weighting]) -> None:
    """Random draws, dropout and state of the method included."""
    ends = []
    for callbacks in ((), (StepCost(),)):
        data = rows()
        module = module_of(data, make(3), dropout=0.5)
        ends.append(parameters(fit(data, module, batch_size=10, callbacks=callbacks)))
        state = module.weighting.state_dict()
        ends[-1] = torch.cat([ends[-1], *(value.flatten().float() for value in state.values())])
    assert torch.equal(ends[0].nan_to_num(-1.0), ends[1].nan_to_num(-1.0))


class Slow(Equal):
    """Equal weights after a rest."""

    def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
        time.sleep(0.1)
        return super().forward(losses, tasks)


def test_methods_that_take_longer_cost_more() -> None:
    """By what they take longer, however busy the machine is."""
    found = StepCost()
    data = rows()
    fit(data, module_of(data, Slow(3)), batch_size=40, epochs=1, callbacks=[found])
    assert found.value is not None
    assert found.value > 2


def test_dashboard_has_it(tmp_path: Path) -> None:
    """Under its tag, in the files of a run."""
    train(tiny(tmp_path, "weighting=equal"))
    (path,) = tmp_path.rglob("metrics.csv")
    with path.open(encoding="utf-8") as file:
        written = [row[TAG] for row in csv.DictReader(file) if row.get(TAG)]
    assert len(written) == 1
    assert 0.1 < float(written[0]) < 10
