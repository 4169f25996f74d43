"""What TensorBoard finds of runs: read with its own backend."""

from pathlib import Path

from tensorboard import context  # type: ignore[import-untyped]
from tensorboard.backend.event_processing import data_provider  # type: ignore[import-untyped]
from tensorboard.backend.event_processing.plugin_event_multiplexer import (  # type: ignore[import-untyped]
    EventMultiplexer,
)
from tensorboard.plugins import base_plugin  # type: ignore[import-untyped]
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups  # type: ignore[import-untyped]

from mtl.runs.dashboard import place_of, write_choices
from mtl.runs.event_file import event_file


def test_a_run_that_is_part_of_comparisons_stands_once_among_hyper_parameters(tmp_path: Path) -> None:
    """With the numbers of all its entries."""
    for run in ("outputs/runs/table/hard-equal/0123", "outputs/runs/table/hard-equal/0123-2"):
        for folder, number in ((tmp_path / run, "val/score"), (tmp_path / "comparisons" / run[-4:], "delta_m")):
            with event_file(folder / "summary") as writer:
                write_choices(writer.add_summary, tmp_path / run, {"model": "hard", "seed": "0"}, {number: 0.5})
    runs = EventMultiplexer().AddRunsFromDirectory(str(tmp_path)).Reload()
    provider = data_provider.MultiplexerDataProvider(runs, str(tmp_path))
    backend = backend_context.Context(base_plugin.TBContext(data_provider=provider, logdir=str(tmp_path)))
    states = [api_pb2.STATUS_UNKNOWN, api_pb2.STATUS_SUCCESS]
    asked = api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=9, allowed_statuses=states, include_metrics=True)
    found = list_session_groups.Handler(context.RequestContext(), backend, "", asked).run().session_groups
    assert len(found) == 2
    for group in found:
        assert group.hparams["seed"].string_value == "0"
        assert {one.name.tag: one.value for one in group.metric_values} == {
            "summary/val/score": 0.5,
            "summary/delta_m": 0.5,
        }


def test_training_and_validation_share_a_chart_and_no_colour() -> None:
    """A colour is that of a directory, a chart that of a tag."""
    (train, one), (validation, other) = place_of("train/a/loss"), place_of("val/a/loss")
    assert one == other
    assert train != validation
    assert place_of("cost/step_relative_to_equal")[1] > max(one, place_of("gradient/conflict")[1])
