"""What a trained network shares is on its dashboard."""

import io
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from mtl.inspection.show_sharing import show_sharing, unused_experts
from mtl.lifecycle.train import train
from mtl.module.module import MultiTaskModule
from mtl.network import Network
from mtl.nn.encoder import SINGLE
from mtl.nn.mlp import MLP
from mtl.sharing.sparse import Sparse
from mtl.suites.batch import Batch
from mtl.tasks import TaskGraph, regression
from mtl.weighting.equal import Equal
from tests.support import tiny


def test_an_expert_that_nobody_uses_is_found() -> None:
    assert unused_experts(torch.tensor([[0.5, 0.5, 0.0], [0.995, 0.0, 0.005]])) == [2]
    assert unused_experts(torch.tensor([[0.5, 0.5], [1.0, 0.0]])) == []
    assert unused_experts(torch.tensor([[1.0], [1.0]])) == []
    assert unused_experts(torch.tensor([[1.2, 0.0], [-0.2, 0.0]])) == []


def test_what_is_said_of_experts_holds_for_the_rows_that_are_given(capsys: pytest.CaptureFixture[str]) -> None:
    """Not for those of the pass before, which may have been a single row and choose two experts for each task."""
    torch.manual_seed(0)
    graph = TaskGraph((regression("one"), regression("two")))
    network = Network(Sparse({SINGLE: (4,)}, graph.names, partial(MLP, widths=(3,)), experts=5, select=2), graph)
    module = MultiTaskModule(network, graph, Equal(2), partial(torch.optim.SGD, lr=0.1))
    inputs = {SINGLE: 9 * torch.randn(64, 4)}
    module({SINGLE: inputs[SINGLE][:1]})
    assert unused_experts(network.sharing.mixtures()[-1])
    show_sharing(module, Batch(inputs, {name: torch.zeros(64) for name in graph.names}, (64, 64), 64), [], 0)
    assert capsys.readouterr().err == ""
    assert module.training


@pytest.mark.smoke
@pytest.mark.parametrize("model", ["gated", "ple", "cross_stitch", "soft", "sluice"])
def test_the_dashboard_shows_who_draws_on_what(model: str, tmp_path: Path) -> None:
    """The use of experts over time and at the end, and the parameters; in groups and with relations too."""
    relations = ("grouping=[[task0,task2],[task1]]", "relations.depends_on={task2: [task0]}")
    result = train(
        tiny(tmp_path, f"model={model}", "epochs=2", "log_every=1", "weighting=equal", "logger=tensorboard", *relations)
    )
    board, curves = (
        EventAccumulator(str(Path(result.directory, "tensorboard", folder))).Reload() for folder in ("summary", "train")
    )
    assert {"sharing/parameters", "sharing/mixture", "sharing/tasks"} <= set(board.Tags()["images"])
    assert len(curves.Scalars("mixture/task0/1")) > 2
    for tag in ("sharing/parameters", "sharing/mixture", "sharing/tasks"):
        picture = Image.open(io.BytesIO(board.Images(tag)[-1].encoded_image_string))
        assert len(set(picture.convert("L").tobytes())) > 10  # something is drawn
