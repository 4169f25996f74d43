"""What every encoder does. A check takes what makes one, and what draws the inputs of so many rows."""

from collections.abc import Callable

import torch

from mtl.nn.encoder import Encoder
from mtl.testing.strategies import ROWS, Sample, some

Build = Callable[[], Encoder]


def stages_have_the_widths_they_say(build: Build, sample: Sample) -> None:
    """Stem and stages follow one another, each state has a row for every row, and the last width is the result's."""
    encoder, inputs = build().eval(), sample(ROWS)
    assert len(encoder.stages) == len(encoder.widths) >= 1
    hidden = encoder.stem(inputs)
    for stage, width in zip(encoder.stages, encoder.widths, strict=True):
        hidden = stage(hidden, inputs)
        assert len(hidden) == ROWS * encoder.members
        assert width in hidden.shape[1:]
    out = encoder(inputs)
    assert out.shape[-1] == encoder.out_features == encoder.widths[-1]
    assert out.isfinite().all()


def summary_is_one_row_per_row(build: Build, sample: Sample) -> None:
    """Without parameters, and as wide as it says."""
    encoder, inputs = build(), sample(ROWS)
    summary = encoder.summary(inputs)
    assert summary.shape == (ROWS * encoder.members, encoder.summary_features)
    assert not summary.requires_grad


def no_row_sees_another(build: Build, sample: Sample) -> None:
    """In evaluation a row's representation is the same whatever rows stand beside it."""
    encoder, inputs = build().eval(), sample(ROWS)
    whole, part, each = encoder(inputs), encoder(some(inputs, slice(2, 3))), encoder.members
    torch.testing.assert_close(whole[2 * each : 3 * each], part, atol=1e-4, rtol=1e-4)


def every_parameter_is_used(build: Build, sample: Sample) -> None:
    """The representation depends on all of them."""
    encoder = build()
    out = encoder(sample(12))
    used = torch.autograd.grad((out * torch.randn_like(out)).sum(), list(encoder.parameters()), allow_unused=True)
    names = [name for (name, _), grad in zip(encoder.named_parameters(), used, strict=True) if grad is None]
    assert not names, f"no effect on the representation: {', '.join(names)}"


ENCODER_CHECKS: tuple[Callable[[Build, Sample], None], ...] = (
    stages_have_the_widths_they_say,
    summary_is_one_row_per_row,
    no_row_sees_another,
    every_parameter_is_used,
)
