"""docs/result.md explains every field of the typed result, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

import pytest

from mtl.config.fields import Frozen
from mtl.config.run_result import RunResult, SplitMetrics

DOCUMENT = Path(__file__).parents[2] / "docs" / "result.md"
KINDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}
SCIENCE = ("config",)  # whose keys conf/config.yaml explains


def documented() -> dict[str, str]:
    """Path and type of every key in the table of the page."""
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    return {path: kind.strip() for path, kind in rows}


def fields(kind: Any, path: str) -> Iterator[tuple[str, str]]:
    """Path and type of what a type holds, as the page writes them."""
    if get_origin(kind) is UnionType or "Union" in str(get_origin(kind)):
        (kind,) = (part for part in get_args(kind) if part is not NoneType)
    if get_origin(kind) is not None and "Annotated" in str(get_origin(kind)):
        kind = get_args(kind)[0]
        yield from fields(kind, path)
    elif isinstance(kind, type) and issubclass(kind, Frozen):
        yield path, "object"
        if path in SCIENCE:
            yield f"{path}.*", "any"
            return
        for name, field in kind.model_fields.items():
            yield from fields(field.annotation, f"{path}.{field.alias or name}".lstrip("."))
    elif get_origin(kind) is dict:
        yield path, "object"
        yield from fields(get_args(kind)[1], f"{path}.*")
    elif get_origin(kind) is list:
        yield path, "list"
    elif "Literal" in str(get_origin(kind)):
        yield path, KINDS[type(get_args(kind)[0])]
    else:
        yield path, KINDS.get(kind, "any")


def test_the_page_has_every_field_with_its_type_and_no_other() -> None:
    of_type = {path: kind for path, kind in fields(RunResult, "") if path}
    assert documented() == of_type


def test_keys_of_tasks_cannot_meet() -> None:
    """Whatever tasks and metrics are called."""
    tasks = {name: {"loss": 1.0, "r2": 2.0, "score": 3.0} for name in ("loss", "r2", "score", "val", "y")}
    measured = SplitMetrics(score=4.0, tasks=tasks)
    flat = measured.flat("val/")
    assert len(flat) == 3 * len(tasks) + 1
    assert flat["val/loss/r2"] == 2.0
    assert flat["val/r2/loss"] == 1.0
    assert flat["val/score"] == 4.0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_was_not_measured(value: float) -> None:
    measured = SplitMetrics(score=value, tasks={"y": {"loss": value}})
    assert measured.score is None
    assert measured.tasks["y"]["loss"] is None
    assert measured.flat() == {}
