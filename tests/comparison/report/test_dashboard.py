"""The dashboard of a comparison: filters, curves, and a directory for every configuration."""

import re
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from mtl.comparison.comparison import compare
from mtl.comparison.report.curves import logged
from mtl.comparison.report.dashboard import folder_names, write_dashboard
from mtl.comparison.report.figures import draw_figures, tags_of_figures
from tests.comparison.report.support import made, records


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
    board = EventAccumulator(str(made(tmp_path) / "tensorboard" / "hard-gradnorm" / "seed0" / "summary")).Reload()
    chosen = board.PluginTagToContent("hparams")["_hparams_/session_start_info"]
    for text in ("configuration", "hard-gradnorm", "model", "weighting", "gradnorm", "seed"):
        assert text.encode() in chosen
    metrics = ("summary/delta_m", "summary/gain/a", "summary/test/b/mae", "summary/cost/seconds")
    assert set(metrics) <= set(board.Tags()["scalars"])


def test_the_dashboard_has_the_curves_by_configuration_and_seed(tmp_path: Path) -> None:
    """Of training and validation in two directories, to which TensorBoard gives two colours."""
    board = EventAccumulator(str(made(tmp_path) / "tensorboard" / "gated-equal" / "seed2" / "validation")).Reload()
    points = board.Scalars("fit/a/r2")
    assert [one.step for one in points] == list(range(5))
    assert [one.value for one in points] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


def test_of_what_runs_logged_only_that_is_kept_which_figures_show(tmp_path: Path) -> None:
    """The dashboard has all of it."""
    runs = records(tmp_path)
    for one in runs:
        (one.path / "csv-2").mkdir()
        (one.path / "csv-2" / "metrics.csv").write_text("step,train/a/loss\n1,0.5\n")
    comparison = compare(runs)
    kept = write_dashboard(tmp_path / "board", comparison, tags_of_figures(comparison))
    assert {tag for logs in kept.values() for log in logs for tag in log} <= tags_of_figures(comparison)
    board = EventAccumulator(str(tmp_path / "board" / "hard-gradnorm" / "seed0" / "train")).Reload()
    assert [one.value for one in board.Scalars("fit/a/loss")] == [0.5]
    everything = {row.label: [logged(one.path) for one in row.records] for row in comparison.all_rows}
    figures = draw_figures(comparison, kept)
    assert {"learning", "weights", "cosines"} <= {one.name for one in figures}
    assert figures == draw_figures(comparison, everything)
