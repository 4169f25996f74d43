"""Multi-task learning with evidence: learn tasks together or apart, shared how, weighted how; then act.

The public names below are imported when they are first used, so that ``import mtl`` itself imports nothing heavy.
Methods are in ``mtl.weighting``, ``mtl.sharing`` and ``mtl.nn``, by the names of their classes.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mtl.config import beginning as _beginning  # noqa: F401 - before the program may change its working directory

if TYPE_CHECKING:
    from mtl.agent.environment import Environment
    from mtl.agent.report import ExecutionReport
    from mtl.assembly import load
    from mtl.cli.compare import compare
    from mtl.config.compose import configure
    from mtl.config.run_config import RunConfig
    from mtl.config.run_result import RunResult
    from mtl.errors import InputError
    from mtl.lifecycle.agent import Agent
    from mtl.lifecycle.execution import execute
    from mtl.lifecycle.predictor import Predictor
    from mtl.lifecycle.train import train
    from mtl.nn.encoder import Encoder
    from mtl.runs.directory import Run
    from mtl.sharing.base import Sharing
    from mtl.suites.base import MultiTaskDataModule
    from mtl.suites.batch import Split
    from mtl.suites.table import TableSuite
    from mtl.tasks import Task, TaskGraph, binary, classification, regression
    from mtl.weighting.base import DirectionWeighting, GradientWeighting, LossWeighting, Weighting

__version__ = "0.1.0"

__all__ = (
    "Agent",
    "DirectionWeighting",
    "Encoder",
    "Environment",
    "ExecutionReport",
    "GradientWeighting",
    "InputError",
    "LossWeighting",
    "MultiTaskDataModule",
    "Predictor",
    "Run",
    "RunConfig",
    "RunResult",
    "Sharing",
    "Split",
    "TableSuite",
    "Task",
    "TaskGraph",
    "Weighting",
    "binary",
    "classification",
    "compare",
    "configure",
    "execute",
    "load",
    "regression",
    "train",
)

_MODULES = {
    "mtl.agent.environment": ("Environment",),
    "mtl.agent.report": ("ExecutionReport",),
    "mtl.assembly": ("load",),
    "mtl.cli.compare": ("compare",),
    "mtl.config.compose": ("configure",),
    "mtl.config.run_config": ("RunConfig",),
    "mtl.config.run_result": ("RunResult",),
    "mtl.errors": ("InputError",),
    "mtl.lifecycle.agent": ("Agent",),
    "mtl.lifecycle.execution": ("execute",),
    "mtl.lifecycle.predictor": ("Predictor",),
    "mtl.lifecycle.train": ("train",),
    "mtl.nn.encoder": ("Encoder",),
    "mtl.runs.directory": ("Run",),
    "mtl.sharing.base": ("Sharing",),
    "mtl.suites.base": ("MultiTaskDataModule",),
    "mtl.suites.batch": ("Split",),
    "mtl.suites.table": ("TableSuite",),
    "mtl.tasks": ("Task", "TaskGraph", "binary", "classification", "regression"),
    "mtl.weighting.base": ("DirectionWeighting", "GradientWeighting", "LossWeighting", "Weighting"),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}
_PACKAGES = ("nn", "sharing", "weighting")  # in which methods are, as mtl.weighting.UPGrad


def __getattr__(name: str) -> Any:
    """A public name, imported at its first use."""
    if name in _PACKAGES:
        return import_module(f"mtl.{name}")
    if name not in _PLACES:
        raise AttributeError(f"module 'mtl' has no attribute '{name}'")
    value = getattr(import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted({*globals(), *__all__, *_PACKAGES})
