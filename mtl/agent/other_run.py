"""Another run on the same data, which acts beside the agent."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from mtl.assembly import load_beside
from mtl.errors import InputError
from mtl.runs.directory import Run
from mtl.suites.base import MultiTaskDataModule, Predict

_trusted: ContextVar[tuple[str, ...]] = ContextVar("trusted", default=())


@contextmanager
def trusting(modules: Sequence[str]) -> Iterator[None]:
    """Within this, a run that an environment names may name code of these modules, as the run that acts may."""
    token = _trusted.set(tuple(modules))
    try:
        yield
    finally:
        _trusted.reset(token)


def open_other(run: str) -> Run:
    """The run that an environment names. InputError if there is no such run."""
    return Run.open(run, _trusted.get())


def predict_of(run: str, data: MultiTaskDataModule, names: Sequence[str], option: str) -> Predict:
    """What another trained network predicts of the rows of a suite.

    Args:
        run: directory of its run.
        data: the suite, whose inputs and rows the other run has to have.
        names: tasks that it has to predict.
        option: that names the run, for messages.

    Returns:
        Inputs to raw predictions by task, in evaluation mode.

    Raises:
        InputError: there is no such run, it is damaged or not finished, or it is of other data or tasks.
    """
    opened = open_other(run)
    if opened.result.data.fingerprint != data.fingerprint:
        raise InputError(f"{option}={run}: that run is of other data, so its training rows may be test rows here")
    assembly = load_beside(opened)
    missing = [name for name in names if name not in {task.name for task in assembly.data.tasks}]
    if missing or dict(assembly.data.input_shape) != dict(data.input_shape):
        why = f"it has not learned {missing[0]}" if missing else "it reads other inputs"
        raise InputError(f"{option}={run}: expected a run that can take the agent's place, and {why}")
    return assembly.module.predict
