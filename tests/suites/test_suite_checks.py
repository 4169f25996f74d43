"""An own class that is no whole suite is refused in one line, before a training."""

import re
from functools import cached_property
from typing import Any

import pytest

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.batch import Split
from mtl.suites.suite_checks import check_suite
from mtl.tasks import binary


class Whole(MultiTaskDataModule):
    """Has all that a suite needs."""

    tasks = (binary("late"),)
    input_shape = {SINGLE: (4,)}  # noqa: RUF012  # as an own class may have it

    @property
    def fingerprint(self) -> str:
        raise AssertionError("it may be costly, and is not asked for")

    def load(self) -> dict[str, Split]:
        return {}


class Unready(Whole):
    """Does not call what it inherits."""

    def __init__(self) -> None:
        pass


def changed(**values: Any) -> Whole:
    return type("Own", (Whole,), values)()  # type: ignore[no-any-return]


@pytest.mark.parametrize("values", [{}, {"fingerprint": "1"}, {"fingerprint": cached_property(lambda self: "1")}])
@pytest.mark.parametrize("tasks", [(binary("late"),), [binary("late")]])
def test_a_suite_is_accepted(values: dict[str, Any], tasks: Any) -> None:
    check_suite(changed(tasks=tasks, **values))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (object(), "task._target_ makes a object, expected a suite"),
        (Unready(), "suite Unready: its __init__ has to call super().__init__()"),
        (changed(tasks=binary("late")), "suite Own: expected tasks, a tuple such as (binary('late'),), found a Task"),
        (changed(tasks=("late",)), "suite Own: expected tasks"),
        (changed(tasks=None), "found nothing"),
        (changed(input_shape=None), "suite Own: expected input_shape"),
        (changed(input_shape=(4,)), "such as {'x': (4,)}, found a tuple"),
        (changed(input_shape={SINGLE: 4}), "suite Own: expected input_shape"),
        (changed(fingerprint=lambda self: "1"), "a text, or a method with @property that gives one, found a function"),
        (changed(fingerprint=None), "suite Own: expected fingerprint"),
        (changed(fingerprint=3), "found a int"),
    ],
)
def test_what_is_no_suite_is_refused(data: Any, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        check_suite(data)
