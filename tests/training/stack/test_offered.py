"""Which runs are trained at once, and what is said of the others."""

from pathlib import Path

import pytest

from mtl.assembly import build
from mtl.training.stack.offered import obstacle, obstacle_in_config, shape_of
from tests.support import own_optimizer, tiny


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("weighting=uncertainty", None),
        ("model=single_task", None),
        ("weighting=pcgrad", None),
        ("weighting=gradnorm", None),
        ("weighting=nash_mtl", "weighting=nash_mtl, which looks at more than losses and their gradients"),
        ("weighting=famo", "weighting=famo, which looks at more than losses and their gradients"),
        (
            "weighting.at=representation weighting=mgda",
            "weighting=mgda, which looks at more than losses and their gradients",
        ),
        ("weighting.normalise=gradient_norm", "weighting=equal, which looks at more than losses and their gradients"),
        ("model=gated", None),
        (
            "model=conditioned weighting=cosmos",
            "model=conditioned, which is trained with a preference drawn in every step",
        ),
        ("model=soft_distance", "model=soft_distance, whose objective has a term of its own"),
        ("task.missing=0.9", "steps without a label of some task"),
        ("accumulate=2", "accumulate=2"),
        ("grouping=auto", "grouping=auto"),
        ("compile=true", "compile=true"),
        ("hardware=cpu_bf16", None),
    ],
)
def test_what_cannot_be_trained_at_once_has_a_reason(tmp_path: Path, override: str, reason: str | None) -> None:
    config = tiny(tmp_path, "model=hard", "weighting=equal", *override.split())
    found = obstacle_in_config(config)
    if found is None:
        assembly = build(config)
        assembly.data.setup("fit")
        found = obstacle(assembly)
    assert found == reason


def test_runs_of_one_shape_differ_in_seed_weighting_learning_rate_and_weight_decay_alone(tmp_path: Path) -> None:
    base = ("model=hard", "weighting=equal")
    shape = shape_of(tiny(tmp_path, *base))
    own = ("seed=3", "weighting=uncertainty", "optimizer.lr=0.1", "+optimizer.weight_decay=0.1")
    assert shape_of(tiny(tmp_path, *base, *own)) == shape
    for other in (
        "optimizer=sgd",
        "batch_size=41",
        "encoder.widths=[8,7]",
        "model=single_task",
        "patience=3",
        "task.seed=1",
    ):
        assert shape_of(tiny(tmp_path, *base, other)) != shape, other
    # One pass for each task would be made with all
    assert shape_of(tiny(tmp_path, "model=hard", "weighting=pcgrad")) != shape


def test_an_optimizer_that_divides_its_groups_is_not_offered(tmp_path: Path) -> None:
    """Its groups would be taken for those that it is given, and their settings left out."""
    assembly = build(own_optimizer(tiny(tmp_path, "model=hard", "weighting=equal")))
    assembly.data.setup("fit")
    assert obstacle(assembly) == "optimizer=adam"
