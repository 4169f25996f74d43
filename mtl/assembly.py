"""From a typed configuration to the objects of a run: YAML names factories, this file calls them."""

import inspect
import json
import pickle
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
from hydra.errors import InstantiationException
from hydra.utils import get_object, instantiate
from omegaconf import OmegaConf

from mtl.config.run_config import AUTO, SCHEMA, Node, RunConfig
from mtl.errors import InputError, unknown
from mtl.module.module import MultiTaskModule
from mtl.network import Network
from mtl.nn.norm import warn_of_batch_norm
from mtl.runs.directory import Run
from mtl.runs.files import write_text
from mtl.sharing.base import Sharing
from mtl.sharing.grouped import Grouped
from mtl.suites.base import MultiTaskDataModule
from mtl.tasks import TaskGraph
from mtl.weighting.base import Weighting

Groups = list[list[str]]  # names of the tasks of each


@dataclass(frozen=True)
class Assembly:
    """Everything of one run, ready to be trained or used.

    Attributes:
        config: what the run is told.
        data: the suite (nothing loaded yet).
        graph: its tasks.
        module: the Lightning module.
    """

    config: RunConfig
    data: MultiTaskDataModule
    graph: TaskGraph
    module: MultiTaskModule


def instantiate_node(node: Node, where: str) -> Any:
    """Make the object, or the factory, that ``node["_target_"]`` names; None for an empty node.

    Args:
        node: plain values.
        where: the node's key in the configuration, for messages.

    Returns:
        The object.

    Raises:
        InputError: a key that the target does not take, with the nearest one; a wrong argument or target.
    """
    if not node:
        return None
    if "_target_" not in node:
        raise InputError(f"{where}: it has no _target_, which names what is to be made")
    check_arguments(node, where)
    try:
        return instantiate(OmegaConf.create(dict(node)), _convert_="all")
    except InstantiationException as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, InputError):
            raise cause from None
        raise InputError(f"cannot build {node.get('_target_')}: {' '.join(str(cause).split())}") from None


def check_arguments(node: Mapping[str, Any], where: str) -> None:
    """Raise InputError for a key that the target of a node, or of a node within it, does not take."""
    try:
        parameters = inspect.signature(get_object(str(node["_target_"]))).parameters
    except Exception:  # no such target, or one that does not tell: making it says what is wrong
        return
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for key, value in node.items():
        if not takes_any and not key.startswith("_") and key not in parameters:
            raise unknown("key", f"{where}.{key}", [f"{where}.{name}" for name in parameters])
        if isinstance(value, Mapping) and "_target_" in value:
            check_arguments(value, f"{where}.{key}")


def call_factory(what: str, factory: Callable[..., Any], *args: Any) -> Any:
    """Call a factory from the configuration; arguments that it does not take are an InputError."""
    try:
        return factory(*args)
    except (TypeError, ValueError) as error:
        given = ", ".join(f"{key}={value}" for key, value in getattr(factory, "keywords", {}).items())
        raise InputError(f"{what}({given}): {' '.join(str(error).split())}") from error


def build(config: RunConfig, statistics: Path | None = None, groups: Groups | None = None) -> Assembly:
    """All objects of a run. Draws initial values from the config's seed; loads no rows that the suite can do without.

    Args:
        config: what the run is told.
        statistics: file in which the run wrote down what its suite fitted, to be repeated instead of fitted anew.
        groups: of tasks, which ``grouping=auto`` found; None: not known yet, one network for all.

    Returns:
        The objects.
    """
    repeated = {"statistics": str(statistics)} if statistics else {}
    data: MultiTaskDataModule = instantiate_node({**config.task, **repeated}, "task")
    data.batches(config.batch_size, config.seed, config.accumulate)
    if config.tasks:
        data.restrict(config.tasks)
    return build_with_data(data, config, groups)


def build_with_data(data: MultiTaskDataModule, config: RunConfig, groups: Groups | None = None) -> Assembly:
    """The objects of a run build_with_data a suite that is there already; arguments as for :func:`build`."""
    torch.manual_seed(config.seed)
    graph = TaskGraph(data.tasks).depending(config.relations.depends_on or {})
    model = instantiate_node(config.model, "model")
    chosen = groups if config.grouping == AUTO else config.grouping
    strategy = partial(Grouped, strategy=model, groups=chosen) if chosen else model
    encoder = instantiate_node(config.encoder, "encoder")
    sharing: Sharing = call_factory("model", strategy, data.input_shape, graph.names, encoder)
    if data.sources > 1:
        warn_of_batch_norm(sharing, f"rows of {data.sources} tables go through one network")
    network = Network(sharing, graph, detach=config.relations.detach)
    weighting: Weighting = call_factory("weighting", instantiate_node(config.weighting, "weighting"), len(graph.tasks))
    weighting.bind(graph.names)
    data.hold_out(weighting.held_out)
    optimizer = instantiate_node(config.optimizer, "optimizer")
    scheduler = instantiate_node(config.scheduler, "scheduler")
    module = MultiTaskModule(network, graph, weighting, optimizer, scheduler, config.compile)
    return Assembly(config, data, graph, module)


def save_config(run: Run, config: RunConfig) -> None:
    """Write the run's truth beside its checkpoints."""
    write_text(run.path / "config.yaml", yaml.safe_dump(config.plain(), sort_keys=False, allow_unicode=True))


def save_statistics(run: Run, assembly: Assembly) -> None:
    """Write what the suite fitted beside the checkpoints, so that predictions repeat it."""
    fitted = assembly.data.statistics()
    if fitted:
        # Also numbers that strict JSON does not know, since a prediction repeats exactly what was fitted
        write_text(run.path / "statistics.json", json.dumps(fitted, indent=1) + "\n")


def read_config(run: Run) -> RunConfig:
    """The configuration of a run.

    Args:
        run: its directory.

    Returns:
        The configuration.

    Raises:
        InputError: the file is damaged, of another version, or not of a run.
    """
    path = run.path / "config.yaml"
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"'{path}' is damaged: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(values, dict):
        raise InputError(f"'{path}' is not the config of a run: expected a mapping")
    if values.get("schema") != SCHEMA:
        found = values.get("schema", 1)
        raise InputError(f"run '{run.path}' is of schema {found}, and this version reads {SCHEMA}: train it again")
    return RunConfig.read(values, f"'{path}' is not the config of a run")


def load(run: str | Path) -> Assembly:
    """A trained run: its objects with the weights of the checkpoint selected on validation. Loads no data."""
    opened = Run.open(run)
    config = read_config(opened)
    found = opened.affinity
    if config.grouping == AUTO and found is None:
        raise InputError(f"'{opened.path}' has no affinity.json, which says the groups of its tasks")
    assembly = build(config, opened.statistics, found.groups if found else None)
    restore(assembly.module, opened.best)
    assembly.module.eval()
    return assembly


def restore(module: MultiTaskModule, path: Path) -> None:
    """Load a checkpoint's weights. InputError if it is missing, damaged or of another model."""
    state = read_checkpoint(path)["state_dict"]
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise InputError(f"checkpoint '{path}' is of another model: {first[:200]}") from None


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint's contents, tensors and plain values only. InputError if it is missing or damaged."""
    if not path.is_file():
        raise InputError(f"no checkpoint '{path}': the run has not finished an epoch")
    try:
        with warnings.catch_warnings(action="ignore"):  # of what is refused anyway
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise InputError(
            f"checkpoint '{path}' is damaged: it cannot be read as tensors and plain values ({type(error).__name__})"
        ) from None
    if not isinstance(found, dict) or not isinstance(found.get("state_dict"), dict):
        raise InputError(f"checkpoint '{path}' is damaged: it holds no weights")
    return found
