"""What a trained network shares is on its dashboard."""

import io
from pathlib import Path

import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from mtl.inspection.show_sharing import unused_experts
from mtl.lifecycle.train import train
from tests.support import tiny


def test_an_expert_that_nobody_uses_is_found() -> None:
    assert unused_experts(torch.tensor([[0.5, 0.5, 0.0], [0.995, 0.0, 0.005]])) == [2]
    assert unused_experts(torch.tensor([[0.5, 0.5], [1.0, 0.0]])) == []
    assert unused_experts(torch.tensor([[1.0], [1.0]])) == []
    assert unused_experts(torch.tensor([[1.2, 0.0], [-0.2, 0.0]])) == []


@pytest.mark.smoke
@pytest.mark.parametrize("model", ["gated", "ple", "cross_stitch", "soft", "sluice"])
def test_the_dashboard_shows_who_draws_on_what(model: str, tmp_path: Path) -> None:
    """The use of experts over time and at the end, and the parameters; in groups and with relations too."""
    relations = ("grouping=[[task0,task2],[task1]]", "relations.depends_on={task2: [task0]}")
    result = train(tiny(tmp_path, f"model={model}", "epochs=2", "log_every=1", "weighting=equal", *relations))
    board, curves = (
        EventAccumulator(str(Path(result.directory, "tensorboard", folder))).Reload() for folder in ("summary", "train")
    )
    assert {"sharing/parameters", "sharing/mixture", "sharing/tasks"} <= set(board.Tags()["images"])
    assert len(curves.Scalars("mixture/task0/1")) > 2
    for tag in ("sharing/parameters", "sharing/mixture", "sharing/tasks"):
        picture = Image.open(io.BytesIO(board.Images(tag)[-1].encoded_image_string))
        assert len(set(picture.convert("L").tobytes())) > 10  # something is drawn
