"""What a weighting costs is measured without a trace in the training."""

import csv
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from mtl.lifecycle.train import train
from mtl.training.callbacks import step_cost
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


class Clock:
    """Goes on by one second whenever it is looked at."""

    now = 0.0

    def perf_counter(self) -> float:
        self.now += 1
        return self.now


def test_cost_is_the_ratio_to_equal_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method that takes three seconds longer than the one of equal weights costs four times as much."""
    clock = Clock()
    monkeypatch.setattr(step_cost, "time", clock)

    class Slow(Equal):
        def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
            clock.now += 3
            return super().forward(losses, tasks)

    found = StepCost()
    data = rows()
    fit(data, module_of(data, Slow(3)), batch_size=40, epochs=1, callbacks=[found])
    assert found.value == 4


def test_a_clock_that_stands_still_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_cost, "time", SimpleNamespace(perf_counter=lambda: 5.0))
    found = StepCost()
    data = rows()
    fit(data, module_of(data, FAMO(3)), batch_size=40, epochs=1, callbacks=[found])
    assert found.value is None


def test_gradients_are_compared_in_full_precision_when_losses_are_not() -> None:
    """In the measurement and in the training: products of gradients in half precision are refused by some solvers."""
    seen = []

    class Look(Equal):
        def forward(self, losses: Tensor, tasks: Tensor) -> Tensor:
            seen.append(torch.is_autocast_enabled("cpu"))
            return super().forward(losses, tasks)

    found = StepCost()
    data = rows()
    fit(data, module_of(data, Look(3)), batch_size=40, epochs=1, callbacks=[found], precision="bf16-mixed")
    assert found.value is not None
    assert len(seen) > 1
    assert not any(seen)


def test_dashboard_has_it(tmp_path: Path) -> None:
    """Under its tag, in the files of a run."""
    train(tiny(tmp_path, "weighting=equal"))
    (path,) = tmp_path.rglob("metrics.csv")
    with path.open(encoding="utf-8") as file:
        written = [row[TAG] for row in csv.DictReader(file) if row.get(TAG)]
    assert len(written) == 1
    assert 0.1 < float(written[0]) < 10
