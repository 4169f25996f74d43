"""From a resolved config to the objects of a run: the only file that knows Hydra. YAML names factories, this file
calls them.
"""

import json
import pickle
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mtl.config.overrides import composed
from mtl.config.validation import AUTO
from mtl.errors import InputError
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

Config = dict[str, Any]
Groups = list[list[str]]  # names of the tasks of each
# Without these a config is not that of a run
NEEDED = {
    "choices",
    "tasks",
    "seed",
    "epochs",
    "batch_size",
    "accumulate",
    "gradient_clip",
    "compile",
    "log_every",
    "relations",
}
NEEDED |= {"task", "model", "encoder", "weighting", "optimizer", "scheduler", "execution"}
GROUPS = ("task", "model", "encoder", "weighting", "optimizer", "scheduler", "hardware", "execution")


@dataclass(frozen=True)
class Assembly:
    """Everything of one run, ready to be trained or used.

    Attributes:
        config: the resolved config, plain values only.
        data: the suite (nothing loaded yet).
        graph: its tasks.
        module: the Lightning module.
    """

    config: Config
    data: MultiTaskDataModule
    graph: TaskGraph
    module: MultiTaskModule


def resolved(cfg: DictConfig, choices: Mapping[str, str] | None = None) -> Config:
    """A composed config with every reference resolved, as plain values, with the names chosen in each group.

    Args:
        cfg: the composed config.
        choices: the option chosen in each group; by default those of the Hydra application that is running.
    """
    try:
        config = cast(Config, OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True))
    except OmegaConfBaseException as error:
        raise InputError(f"config: {' '.join(str(error).split())}") from None
    chosen = HydraConfig.get().runtime.choices if choices is None else choices
    return {"choices": {group: chosen[group] for group in GROUPS}, **config}


def configure(*overrides: str, config_name: str = "config") -> Config:
    """The resolved config that ``train.py`` would run with these overrides, for use from Python."""
    return resolved(*composed(list(overrides), config_name))


def make(node: Mapping[str, Any] | None) -> Any:
    """The object that ``node["_target_"]`` names. A wrong argument or target is an InputError."""
    if not node:
        return None
    try:
        return instantiate(OmegaConf.create(dict(node)), _convert_="all")
    except InstantiationException as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, InputError):
            raise cause from None
        raise InputError(f"cannot build {node.get('_target_')}: {' '.join(str(cause).split())}") from None


def call(what: str, factory: Callable[..., Any], *args: Any) -> Any:
    """Call a factory from the config; arguments that it does not take are an InputError."""
    try:
        return factory(*args)
    except (TypeError, ValueError) as error:
        given = ", ".join(f"{key}={value}" for key, value in getattr(factory, "keywords", {}).items())
        raise InputError(f"{what}({given}): {' '.join(str(error).split())}") from error


def build(config: Config, statistics: Path | None = None, groups: Groups | None = None) -> Assembly:
    """All objects of a run. Draws initial values from the config's seed; loads no rows that the suite can do without.

    Args:
        config: resolved.
        statistics: file in which the run wrote down what its suite fitted, to be repeated instead of fitted anew.
        groups: of tasks, which ``grouping=auto`` found; None: not known yet, one network for all.
    """
    repeated = {"statistics": str(statistics)} if statistics else {}
    data: MultiTaskDataModule = make({**config["task"], **repeated})
    data.configure_batches(config["batch_size"], config["seed"], config["accumulate"])
    if config["tasks"]:
        data.restrict(config["tasks"])
    return around(data, config, groups)


def around(data: MultiTaskDataModule, config: Config, groups: Groups | None = None) -> Assembly:
    """The objects of a run around a suite that is there already; arguments as for :func:`build`."""
    torch.manual_seed(config["seed"])
    graph = TaskGraph(data.tasks).depending(config["relations"]["depends_on"] or {})
    model, chosen = make(config["model"]), config.get("grouping")
    together = groups if chosen == AUTO else chosen
    strategy = partial(Grouped, strategy=model, groups=together) if together else model
    sharing: Sharing = call("model", strategy, data.input_shape, graph.names, make(config["encoder"]))
    if data.sources > 1:
        warn_of_batch_norm(sharing, f"rows of {data.sources} tables go through one network")
    network = Network(sharing, graph, detach=config["relations"]["detach"])
    weighting: Weighting = call("weighting", make(config["weighting"]), len(graph.tasks))
    weighting.bind(graph.names)
    data.hold_out(weighting.held_out)
    module = MultiTaskModule(
        network, graph, weighting, make(config["optimizer"]), make(config["scheduler"]), config["compile"]
    )
    return Assembly(config, data, graph, module)


def save_config(run: Run, config: Config) -> None:
    """Write the run's truth beside its checkpoints."""
    write_text(run.path / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(config)))


def save_statistics(run: Run, assembly: Assembly) -> None:
    """Write what the suite fitted beside the checkpoints, so that predictions repeat it."""
    fitted = assembly.data.statistics()
    if fitted:
        write_text(run.path / "statistics.json", json.dumps(fitted, indent=1) + "\n")


def read_config(run: Run) -> Config:
    """The resolved config of a run. InputError if the file is damaged."""
    path = run.path / "config.yaml"
    try:
        config = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except Exception as error:  # the YAML reader has many kinds of error, all mean the same here
        raise InputError(f"'{path}' is damaged: {' '.join(str(error).split())[:200]}") from None
    missing = NEEDED - set(config) if isinstance(config, dict) else NEEDED
    if missing:
        raise InputError(f"'{path}' is not the config of a run: it has no {', '.join(sorted(missing))}")
    return cast(Config, config)


def load(run: str | Path) -> Assembly:
    """A trained run: its objects with the weights of the checkpoint selected on validation. Loads no data."""
    opened = Run.open(run)
    config = read_config(opened)
    found = opened.affinity
    if config.get("grouping") == AUTO and found is None:
        raise InputError(f"'{opened.path}' has no affinity.json, which says the groups of its tasks")
    assembly = build(config, opened.statistics, found["groups"] if found else None)
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
