"""Seconds that a plan expects of a run."""

from pathlib import Path

import pytest

from mtl.assembly import build
from mtl.config.compose import configure
from mtl.errors import InputError
from mtl.sweep.timing import closing_seconds

SMALL = (
    "task=scheduling",
    "task.instances=2",
    "task.validation=2",
    "task.rollout_instances=1",
    "task.rollout_size=[3,3]",
    "task.test=[ft06]",
    "decoder@execution.decoder=search",
    "execution.instances=ft06",
    "model=hard",
    "encoder.width=16",
    "encoder.heads=2",
)


def test_acting_that_takes_an_improvement_is_planned_with_one(tmp_path: Path) -> None:
    """The network that is timed has no further dispatchers yet; without an improvement it will have none."""
    for improve, planned in (("complement_search", True), ("none", False)):
        assembly = build(configure(*SMALL, f"improve={improve}", f"output={tmp_path}"))
        assembly.data.setup("fit")
        if planned:
            assert closing_seconds(assembly, assembly.data) > 0
        else:
            with pytest.raises(InputError, match="decoder=search: the agent has no dispatcher"):
                closing_seconds(assembly, assembly.data)
