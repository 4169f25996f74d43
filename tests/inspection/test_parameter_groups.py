"""Groups of parameters serve the tasks whose losses depend on them."""

import pytest

from mtl.assembly import build
from mtl.config.compose import configure
from mtl.inspection.parameter_groups import ParameterGroup, group_parameters, largest

SMALL = ("task=synthetic", "task.rows=50", "task.features=8", "encoder.widths=[16]")
TRUNK, HEAD, GATE = 8 * 16 + 16, 16 + 1, 8 * 4 + 4
TASKS = ("task0", "task1", "task2")


def found(*overrides: str) -> list[ParameterGroup]:
    assembly = build(configure(*SMALL, *overrides))
    assembly.data.setup("fit")
    return group_parameters(assembly.module, next(iter(assembly.data.loader("val"))))


def test_one_trunk_serves_all() -> None:
    assert found("model=hard") == [
        ParameterGroup("sharing", dict.fromkeys(TASKS, TRUNK), shared=True),
        ParameterGroup("heads.*", dict.fromkeys(TASKS, HEAD), shared=False),
    ]


def test_groups_are_told_apart() -> None:
    """Each network serves its group only, where the bare count of shared parameters would say both serve all."""
    assert found("model=hard", "task.num_tasks=5", "grouping=[[task0,task3],[task1,task4]]") == [
        ParameterGroup("networks.0", dict.fromkeys(("task0", "task3"), TRUNK), shared=True),
        ParameterGroup("networks.1", dict.fromkeys(("task1", "task4"), TRUNK), shared=True),
        ParameterGroup("ungrouped", {"task2": TRUNK}, shared=False),
        ParameterGroup("heads.*", dict.fromkeys([f"task{i}" for i in range(5)], HEAD), shared=False),
    ]


def test_gates_are_of_each_task() -> None:
    shared, *own = found("model=gated")
    assert shared.serves == dict.fromkeys(TASKS, 4 * TRUNK)
    assert own == [
        ParameterGroup("gates.*", dict.fromkeys(TASKS, GATE), shared=False),
        ParameterGroup("heads.*", dict.fromkeys(TASKS, HEAD), shared=False),
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
    seen = group_parameters(assembly.module, next(iter(assembly.data.loader("val"))))
    counted = sum(max(part.serves.values()) if part.shared else sum(part.serves.values()) for part in seen)
    assert counted == sum(p.numel() for p in assembly.module.network.parameters() if p.requires_grad)
    assert assembly.module.training
    assert all(p.grad is None for p in assembly.module.parameters())


def test_the_smallest_parts_are_left_out_where_there_are_many() -> None:
    many = [ParameterGroup(str(i), {"a": i}, shared=False) for i in range(9)]
    assert [part.name for part in largest(many, 3)] == ["6", "7", "8"]
    assert largest(many, 9) == many
