"""Image networks of timm; skipped where the extra is not installed, or not with this torch."""

import sys
from typing import Any

import pytest
import torch

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.nn.timm import Timm


def test_without_timm_one_line_tells_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match=r"mtl-verdict\[vision\]"):
        Timm({SINGLE: (1, 28, 28)})


@pytest.fixture
def library() -> Any:
    """The library."""
    try:
        return pytest.importorskip("timm")
    except RuntimeError as error:  # torchvision for another torch
        pytest.skip(str(error))


def test_stages_are_the_network_itself(library: Any) -> None:
    """What the stages compute one by one is what timm computes as a whole."""
    torch.manual_seed(0)
    encoder = Timm({SINGLE: (3, 64, 64)}, "test_resnet").eval()
    torch.manual_seed(0)
    model = library.create_model("test_resnet", features_only=True).eval()
    model.load_state_dict(dict(zip(model.state_dict(), encoder.stages.state_dict().values(), strict=True)))
    inputs = {SINGLE: torch.randn(2, 3, 64, 64)}
    hidden = encoder.stem(inputs)
    for stage, expected in zip(encoder.stages, model(inputs[SINGLE]), strict=True):
        hidden = stage(hidden, inputs)
        wanted = expected.movedim(1, -1)
        torch.testing.assert_close(hidden, wanted.mean((1, 2)) if stage is encoder.stages[-1] else wanted)
    assert encoder.widths == tuple(model.feature_info.channels())
    assert encoder.summary(inputs).shape == (2, encoder.summary_features)


def test_a_network_that_cannot_be_cut_is_one_stage(library: Any) -> None:
    encoder = Timm({SINGLE: (1, 28, 28)}, "test_vit", side=160).eval()
    inputs = {SINGLE: torch.randn(2, 1, 28, 28)}
    assert len(encoder.stages) == 1
    assert encoder(inputs).shape == (2, encoder.out_features)


def test_unknown_network_names_others(library: Any) -> None:
    with pytest.raises(InputError, match=r"resnet10.*timm has no such network.*resnet"):
        Timm({SINGLE: (1, 28, 28)}, "resnet10")


@pytest.mark.parametrize(
    ("shape", "options", "complaint"),
    [((6,), {}, "encoder=timm reads pictures"), ((1, 8, 8), {"side": -1}, "side=-1")],
)
def test_mistakes_are_one_line(shape: tuple[int, ...], options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        Timm({SINGLE: shape}, **options)
