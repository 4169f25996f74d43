"""Parameters that are there to be trained and are not: what is said of them."""

from functools import partial
from pathlib import Path

import pytest
from torch import Tensor, nn

from mtl.errors import InputError
from mtl.lifecycle.together import Job, train_jobs
from mtl.module.module import MultiTaskModule
from mtl.network import Network
from mtl.nn.encoder import Inputs
from mtl.nn.mlp import MLP
from mtl.sharing.hard import Hard
from mtl.tasks import TaskGraph
from mtl.weighting.equal import Equal
from mtl.weighting.mgda import MGDA
from tests.support import ADAM, fit, rows, tiny

SAID = (
    "model: no loss of the first epoch reaches sharing (102 numbers), which so learn nothing: their output is "
    "detached, or not used (of what is not to be trained: requires_grad_(False))"
)


class Detached(Hard):
    """Hard sharing that takes what the trunk gives out of the graph."""

    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        return dict.fromkeys(self.task_names, self.trunk(inputs).detach())


class Elsewhere:
    """Holds a layer, and is no module."""

    def __init__(self) -> None:
        self.layer = nn.Linear(6, 6)


class Hidden(Hard):
    """Hard sharing with a layer that torch does not find."""

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self.elsewhere = Elsewhere()

    def forward(self, inputs: Inputs) -> dict[str, Tensor]:
        return {name: self.elsewhere.layer(value) for name, value in super().forward(inputs).items()}


def module(sharing: type[Hard], weighting: type[Equal] | type[MGDA] = Equal) -> MultiTaskModule:
    graph = TaskGraph(rows().tasks)
    network = Network(sharing({"x": (5,)}, graph.names, partial(MLP, widths=[8, 6])), graph)
    return MultiTaskModule(network, graph, weighting(len(graph.names)), ADAM)


@pytest.mark.parametrize("weighting", [Equal, MGDA])
def test_a_trunk_that_no_loss_reaches_is_said_once(
    weighting: type[Equal] | type[MGDA], capsys: pytest.CaptureFixture[str]
) -> None:
    made = module(Detached, weighting)
    fit(rows(), made, batch_size=20, epochs=2)
    assert made.notes == [SAID]
    assert capsys.readouterr().err.count(SAID) == 1


def test_nothing_is_said_of_what_is_reached_or_frozen_or_reached_later() -> None:
    """Such as a task's head, which has no label in the first steps."""
    frozen = module(Detached)
    frozen.network.sharing.requires_grad_(False)
    for made in (module(Hard), frozen):
        fit(rows(missing=0.9), made, batch_size=5, epochs=1)
        assert made.notes == []


def test_a_layer_that_is_no_part_of_the_network_ends_the_training() -> None:
    with pytest.raises(InputError, match=r"depend on a parameter \(6, 6\) that is no part of the network, so no opt"):
        fit(rows(), module(Hidden), batch_size=20)


def test_runs_at_once_say_it_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("model=hard", "weighting=equal", "epochs=1", "task.rows=60", "logger=csv")
    jobs = [Job(tiny(tmp_path, *asked, f"seed={seed}")) for seed in (0, 1)]
    monkeypatch.setattr(Hard, "forward", Detached.forward)
    train_jobs(jobs, 2)
    for job in jobs:
        assert job.result is not None
        assert job.result.replicas == 2
        assert [note for note in job.result.notes if "reaches sharing (" in note]
    assert capsys.readouterr().err.count("reaches sharing (") == 1
