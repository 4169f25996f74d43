"""Whether what a config names as a suite is one: what an own class lacks is said before anything is built from it."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from mtl.errors import InputError
from mtl.suites.base import MultiTaskDataModule
from mtl.tasks import Task


def check_suite(data: object) -> None:
    """InputError for the first thing that a suite needs and an own one does not have, or has otherwise.

    Args:
        data: what the config's ``task`` has made.

    Raises:
        InputError: it is no suite; its tasks, input shape or fingerprint are none.
    """
    name = type(data).__name__
    if not isinstance(data, MultiTaskDataModule):
        raise InputError(f"task._target_ makes a {name}, expected a suite, a mtl.suites.base.MultiTaskDataModule")
    if not hasattr(data, "splits"):
        raise InputError(f"suite {name}: its __init__ has to call super().__init__()")
    tasks = getattr(data, "tasks", None)
    if not isinstance(tasks, Sequence) or not all(isinstance(one, Task) for one in tasks):
        raise InputError(f"suite {name}: expected tasks, a tuple such as (binary('late'),), found {_found(tasks)}")
    shape = getattr(data, "input_shape", None)
    if not isinstance(shape, Mapping) or not all(isinstance(sizes, Sequence) for sizes in shape.values()):
        raise InputError(
            f"suite {name}: expected input_shape, the shape of one row's inputs by name, such as {{'x': (4,)}}, found "
            f"{_found(shape)}"
        )
    fingerprint = inspect.getattr_static(data, "fingerprint")
    if not isinstance(fingerprint, str) and (callable(fingerprint) or not hasattr(type(fingerprint), "__get__")):
        raise InputError(
            f"suite {name}: expected fingerprint, a text, or a method with @property that gives one, found "
            f"{_found(fingerprint)}"
        )


def _found(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
