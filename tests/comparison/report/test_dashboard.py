"""The dashboard of a comparison: filters, curves, and a directory for every configuration."""

import re
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from mtl.comparison.report.dashboard import folder_names
from tests.comparison.report.support import made


@pytest.mark.parametrize(
    "labels",
    [("a b", "a_b", "a/b"), ("hard", "HARD"), ("..", ".", ""), ("x" * 300, "x" * 301)],
    ids=["characters", "case", "dots", "length"],
)
def test_every_configuration_has_a_directory_of_its_own_on_the_dashboard(labels: tuple[str, ...]) -> None:
    names = folder_names(labels)
    assert len({name.casefold() for name in names.values()}) == len(labels)
    assert all(re.fullmatch(r"[\w=-][\w.=-]{0,99}", name) for name in names.values())


def test_the_dashboard_filters_by_what_was_chosen(tmp_path: Path) -> None:
    board = EventAccumulator(str(made(tmp_path) / "tensorboard" / "hard-gradnorm" / "seed0")).Reload()
    filters = board.PluginTagToContent("hparams")["_hparams_/experiment"]
    for key in ("configuration", "model", "weighting", "seed"):
        assert key.encode() in filters
    for value in ("hard-gradnorm", "gated-equal", "gated", "single_task", "gradnorm"):
        assert value.encode() in filters
    metrics = ("comparison/delta_m", "comparison/gain/a", "comparison/test/b/mae", "comparison/cost/seconds")
    assert all(tag.encode() in filters for tag in metrics)
    assert set(metrics) <= set(board.Tags()["scalars"])


def test_the_dashboard_has_the_curves_by_configuration_and_seed(tmp_path: Path) -> None:
    board = EventAccumulator(str(made(tmp_path) / "tensorboard" / "gated-equal" / "seed2")).Reload()
    points = board.Scalars("val/a/r2")
    assert [one.step for one in points] == list(range(5))
    assert [one.value for one in points] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
