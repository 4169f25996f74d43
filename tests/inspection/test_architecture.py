"""Which parameters serve whom is what is drawn, and how tasks are related."""

import io
from pathlib import Path

import pytest
from matplotlib.patches import FancyArrowPatch, Rectangle
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from mtl.assembly import build, configure
from mtl.inspection.architecture import amount, parts_figure, tasks_figure
from mtl.inspection.parts import Part, most, parts
from mtl.lifecycle.train import train
from tests.support import tiny

SMALL = ("task=synthetic", "task.rows=50", "task.features=8", "encoder.widths=[16]")
TRUNK, HEAD, GATE = 8 * 16 + 16, 16 + 1, 8 * 4 + 4
TASKS = ("task0", "task1", "task2")


def found(*overrides: str) -> list[Part]:
    assembly = build(configure(*SMALL, *overrides))
    assembly.data.setup("fit")
    return parts(assembly.module, next(iter(assembly.data.loader("val"))))


def test_one_trunk_serves_all() -> None:
    assert found("model=hard") == [
        Part("sharing", dict.fromkeys(TASKS, TRUNK), shared=True),
        Part("heads.*", dict.fromkeys(TASKS, HEAD), shared=False),
    ]


def test_groups_are_told_apart() -> None:
    """Each network serves its group only, where the bare count of shared parameters would say both serve all."""
    assert found("model=hard", "task.num_tasks=5", "grouping=[[task0,task3],[task1,task4]]") == [
        Part("networks.0", dict.fromkeys(("task0", "task3"), TRUNK), shared=True),
        Part("networks.1", dict.fromkeys(("task1", "task4"), TRUNK), shared=True),
        Part("ungrouped", {"task2": TRUNK}, shared=False),
        Part("heads.*", dict.fromkeys([f"task{i}" for i in range(5)], HEAD), shared=False),
    ]


def test_gates_are_of_each_task() -> None:
    shared, *own = found("model=gated")
    assert shared.serves == dict.fromkeys(TASKS, 4 * TRUNK)
    assert own == [
        Part("gates.*", dict.fromkeys(TASKS, GATE), shared=False),
        Part("heads.*", dict.fromkeys(TASKS, HEAD), shared=False),
    ]


def test_a_chain_serves_those_behind() -> None:
    by_name = {part.name: tuple(part.serves) for part in found("model=aitm")}
    assert by_name["encoders.task0"] == TASKS
    assert by_name["encoders.task1"] == ("task1", "task2")
    assert by_name["encoders.*"] == ("task2",)


def test_a_head_that_learns_from_another_task_is_shared() -> None:
    chain = ("model=single_task", "relations.depends_on={task1: [task0]}", "relations.detach=false")
    by_name = {part.name: part for part in found(*chain)}
    assert tuple(by_name["heads.task0"].serves) == ("task0", "task1")
    assert by_name["heads.task0"].shared
    assert tuple(by_name["heads.*"].serves) == ("task1", "task2")


@pytest.mark.parametrize("model", ["ple", "cross_stitch", "soft", "sluice", "ltb", "lora", "single_task"])
def test_every_parameter_is_in_one_part(model: str) -> None:
    assembly = build(configure(*SMALL, f"model={model}"))
    assembly.data.setup("fit")
    seen = parts(assembly.module, next(iter(assembly.data.loader("val"))))
    counted = sum(max(part.serves.values()) if part.shared else sum(part.serves.values()) for part in seen)
    assert counted == sum(p.numel() for p in assembly.module.network.parameters() if p.requires_grad)
    assert assembly.module.training
    assert all(p.grad is None for p in assembly.module.parameters())


def test_the_smallest_parts_are_left_out_where_there_are_many() -> None:
    many = [Part(str(i), {"a": i}, shared=False) for i in range(9)]
    assert [part.name for part in most(many, 3)] == ["6", "7", "8"]
    assert most(many, 9) == many


def test_fields_say_the_numbers() -> None:
    rows = [("trunk", {"a": 12_345, "b": 12_345}, True), ("heads.*", {"b": 7}, False)]
    (axes,) = parts_figure(rows, ["a", "b"], left_out=2).axes
    assert [text.get_text() for text in axes.texts] == ["12.3k", "12.3k", "7"]
    filled = [patch for patch in axes.patches if isinstance(patch, Rectangle) and patch.get_facecolor()[3] > 0]
    assert len(filled) == 3
    assert [label.get_text() for label in axes.get_yticklabels()] == ["trunk", "heads.*"]
    assert [amount(n) for n in (0, 9999, 10_000, 2_500_000, 3 * 10**9)] == ["0", "9999", "10k", "2.5M", "3G"]


def test_arrows_go_from_what_is_seen_to_who_sees_it() -> None:
    seen = {"a": (), "b": ("a",), "c": ("a", "b")}
    (axes,) = tasks_figure([["a"], ["b"], ["c"]], seen, [["a", "c"]]).axes
    place = {text.get_text(): text.get_position() for text in axes.texts}
    assert place["a"][0] < place["b"][0] < place["c"][0]
    assert len([patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]) == 3
    edges = {text.get_text(): text.get_bbox_patch().get_edgecolor() for text in axes.texts}  # type: ignore[union-attr]
    assert edges["a"] == edges["c"] != edges["b"]


@pytest.mark.smoke
@pytest.mark.parametrize("model", ["gated", "ple", "cross_stitch", "soft", "sluice"])
def test_the_dashboard_shows_who_draws_on_what(model: str, tmp_path: Path) -> None:
    """The use of every expert over time, at the end as a heat map, and the parts; in groups and with relations too."""
    relations = ("grouping=[[task0,task2],[task1]]", "relations.depends_on={task2: [task0]}")
    result = train(tiny(tmp_path, f"model={model}", "epochs=2", "log_every=1", "weighting=equal", *relations))
    board = EventAccumulator(str(Path(result["directory"], "tensorboard")))
    board.Reload()
    tags = board.Tags()
    assert {"sharing/parameters", "sharing/mixture", "sharing/tasks"} <= set(tags["images"])
    assert len(board.Scalars("mixture/task0/1")) > 2
    for tag in ("sharing/parameters", "sharing/mixture", "sharing/tasks"):
        picture = Image.open(io.BytesIO(board.Images(tag)[-1].encoded_image_string))
        assert len(set(picture.convert("L").tobytes())) > 10  # something is drawn
