"""From a typed configuration to the objects of a run: YAML names factories, this file calls them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mtl.config.contents import check_pretrained
from mtl.config.factories import UnknownArgument, call_factory, instantiate_node
from mtl.config.fields import format_value
from mtl.config.folders import option_file
from mtl.config.number_types import usual_values
from mtl.config.run_config import AUTO, Node, RunConfig
from mtl.errors import InputError
from mtl.merging.merged import Merged
from mtl.module.module import MultiTaskModule
from mtl.module.random_state import unchanged_random_state
from mtl.network import Network
from mtl.nn.encoder import Encoder
from mtl.nn.norm import warn_of_batch_norm
from mtl.nn.tabular import check_values
from mtl.nn.transformer import check_texts, note_on_words
from mtl.runs.checkpoint import read_checkpoint
from mtl.runs.checksums import write_checked_text
from mtl.runs.directory import Run
from mtl.sharing.base import EncoderFactory, Sharing
from mtl.sharing.common_start import CommonStart
from mtl.sharing.grouped import Grouped
from mtl.sharing.hard import Hard
from mtl.sharing.preferring import Preferring
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.suite_checks import check_suite
from mtl.tasks import TaskGraph
from mtl.trees.boosting import BoostedTrees
from mtl.weighting.base import Weighting
from mtl.weighting.equal import Equal

Groups = list[list[str]]  # names of the tasks of each
CHOOSES = "override /encoder"  # in the defaults of a task's option: the encoder that it comes with
PER_TASK = ("weights", "preference", "ideal", "initial_losses")  # arguments of weightings: a number for each task


@dataclass(frozen=True)
class Assembly:
    """Everything of one run, ready to be trained or used.

    Attributes:
        config: what the run is told.
        data: the suite (nothing loaded yet).
        graph: its tasks.
        module: the Lightning module.
        notes: what a person should know of how they differ from what the config says.
    """

    config: RunConfig
    data: MultiTaskDataModule
    graph: TaskGraph
    module: MultiTaskModule
    notes: tuple[str, ...] = ()


def build(config: RunConfig, statistics: Path | None = None, groups: Groups | None = None) -> Assembly:
    """All objects of a run. Draws initial values from the config's seed; loads no rows that the suite can do without.

    Args:
        config: what the run is told.
        statistics: file in which the run wrote down what its suite fitted, to be repeated instead of fitted anew.
        groups: of tasks, which ``grouping=auto`` found; None: not known yet, one network for all.

    Returns:
        The objects.
    """
    return build_with_data(build_suite(config, statistics), config, groups)


def build_suite(config: RunConfig, statistics: Path | None = None) -> MultiTaskDataModule:
    """The suite of a run; arguments as for :func:`build`."""
    if not config.task:
        raise InputError("task: it has no _target_, which names what is to be made")
    repeated = {"statistics": str(statistics)} if statistics else {}
    data: MultiTaskDataModule = instantiate_node({**config.task, **repeated}, "task", config.trust)
    check_suite(data)
    data.configure_batches(config.batch_size, config.seed, config.accumulate)
    if config.tasks:
        left_out = [task.name for task in data.tasks if task.name not in config.tasks]
        data.restrict(config.tasks)
        check_named(config, left_out)
    if config.auxiliary or any(task.auxiliary for task in data.tasks):  # whatever an own suite says of its tasks
        data.set_auxiliary(config.auxiliary or [])
    if config.selection is not None:
        data.select_by(config.selection)
    elif data.selects_by_auxiliary:
        data.select_by("score")  # what the suite prefers is about a task that does not count
    return data


def check_named(config: RunConfig, left_out: Sequence[str]) -> None:
    """Raise InputError where another key names a task that ``tasks`` leaves out, as of auxiliary tasks or groups."""
    depends_on = config.relations.depends_on or {}
    named = {f"relations.depends_on.{task}": [task, *upstream] for task, upstream in depends_on.items()}
    named["auxiliary"] = config.auxiliary or []
    if isinstance(config.grouping, list):
        named["grouping"] = [task for group in config.grouping for task in group]
    for key, value in config.weighting.items():
        if isinstance(value, Mapping):
            named[f"weighting.{key}"] = [str(task) for task in value]
    for option, tasks in named.items():
        for task in tasks:
            if task in left_out:
                chosen = ",".join(config.tasks or [])
                raise InputError(
                    f"{option}: task '{task}' is left out by tasks=[{chosen}]: name it in both, or in neither"
                )


def trees_of(config: RunConfig) -> BoostedTrees | None:
    """What the config's model says of trees; None if it is a sharing strategy, and the run trains a network."""
    model = instantiate_node(config.model, "model", config.trust)
    return model if isinstance(model, BoostedTrees) else None


def merged_of(config: RunConfig) -> Merged | None:
    """What the config's model says of merging; None if the run trains a network as its model has it, or trees."""
    model = instantiate_node(config.model, "model", config.trust)
    return model if isinstance(model, Merged) else None


def build_with_data(data: MultiTaskDataModule, config: RunConfig, groups: Groups | None = None) -> Assembly:
    """The objects of a run with a suite that is there already; arguments as for :func:`build`."""
    torch.manual_seed(config.seed)
    graph = TaskGraph(data.tasks).depending(config.relations.depends_on or {})
    model = instantiate_node(config.model, "model", config.trust)
    if isinstance(model, BoostedTrees):
        raise InputError(f"model={config.choices.model} has no network, which is asked for here")
    rates = config.rates
    if isinstance(model, Merged):  # the network that there is in the end; its parts have the rates
        model, rates = Hard, None
    chosen = groups if config.grouping == AUTO else config.grouping
    strategy = partial(Grouped, strategy=model, groups=chosen) if chosen else model
    encoder = encoder_factory(config)
    sharing: Sharing = call_factory("model", strategy, data.input_shape, graph.names, encoder)
    check_own(sharing, Sharing, "model", "out_features")
    if chosen or config.grouping == AUTO:
        check_groupable(sharing, config)
    check_values(sharing, data.most_values)
    check_texts(sharing, data.longest_text, data.own_words)
    note = note_on_words(sharing, data.words)
    if note is not None and note not in data.notes:
        data.notes.append(note)
    if data.sources > 1:
        warn_of_batch_norm(sharing, f"rows of {data.sources} tables go through one network")
    network = Network(sharing, graph, detach=config.relations.detach)
    if data.reordered:
        check_no_list(config.weighting, graph.names)
    make_weighting = instantiate_node(config.weighting, "weighting", config.trust)
    weighting: Weighting = call_factory("weighting", make_weighting, len(graph.tasks))
    check_own(weighting, Weighting, "weighting", "num_tasks")
    data.hold_out(weighting.held_out)
    notes: tuple[str, ...] = ()
    if config.grouping == AUTO and chosen and weighting.needs_shared and not network.partition().shared:
        notes = (
            "grouping=auto found no tasks that belong together, so nothing is shared and each is trained as with "
            f"weighting=equal: {type(weighting).__name__} would compare gradients of shared parameters",
        )
        weighting = Equal(len(graph.tasks))
    weighting.bind(graph.names)
    if len(graph.main) < len(graph.names):
        weighting.serve([graph.names.index(name) for name in graph.main])
    optimizer = instantiate_node(config.optimizer, "optimizer", config.trust)
    scheduler = instantiate_node(config.scheduler, "scheduler", config.trust)
    module = MultiTaskModule(network, graph, weighting, optimizer, scheduler, config.compile, rates)
    if isinstance(sharing, Grouped):
        alone = outside_groups(graph, sharing.groups)
        subject = "it is" if len(alone) == 1 else "they are"
        note_on_auxiliary(data, alone, f"{subject} in no group with a task that counts")
    elif module.nothing_shared and not isinstance(sharing, CommonStart):  # whose trunks are merged
        note_on_auxiliary(data, names_of_auxiliary(data), f"model={config.choices.model} shares nothing")
    return Assembly(config, data, graph, module, notes)


def names_of_auxiliary(data: MultiTaskDataModule) -> list[str]:
    """The tasks of a suite that do not count."""
    return [task.name for task in data.tasks if task.auxiliary]


def outside_groups(graph: TaskGraph, groups: Sequence[Sequence[str]]) -> list[str]:
    """Auxiliary tasks that no task depends on, and that share with none that counts."""
    helping = {name for task in graph.tasks for name in task.depends_on}
    helping.update(name for group in groups if not set(group).isdisjoint(graph.main) for name in group)
    return [name for name in graph.names if name not in graph.main and name not in helping]


def note_on_auxiliary(data: MultiTaskDataModule, names: Sequence[str], why: str) -> None:
    """Note that these auxiliary tasks help no other, and why."""
    note = f"auxiliary=[{','.join(names)}] helps no task here, since {why}"
    if names and note not in data.notes:
        data.notes.append(note)


def check_no_list(weighting: Node, names: Sequence[str], where: str = "weighting") -> None:
    """InputError for numbers of the tasks as a list, where the order of the tasks is not that in which they are typed.

    Args:
        weighting: what the config says of it, or a part of that.
        names: of the tasks, in their order.
        where: the key, for messages.
    """
    for key, value in weighting.items():
        place = f"{where}.{key}"
        if isinstance(value, Mapping):
            check_no_list(dict(value), names, place)
        elif (
            key in PER_TASK
            and isinstance(value, list)
            and len(value) == len(names)
            and value.count(value[0]) < len(value)
        ):
            raise InputError(
                f"{place}={format_value(value)}: which number is of which task? The tasks are in the order "
                f"{', '.join(names)}, and are typed in another: type them in this one"
                + ("" if key == "initial_losses" else f", or numbers by task, '{place}={{{names[0]}: ...}}'")
            )


def check_own(made: object, kind: type, where: str, attribute: str) -> None:
    """InputError where a part is none of its kind, or lacks what others read of it, as an own one may."""
    name = type(made).__name__
    if not isinstance(made, kind):
        raise InputError(f"{where}: expected a subclass of mtl.{kind.__name__}, and {name} is none")
    if not isinstance(getattr(made, attribute, None), int):
        raise InputError(f"{where}: {name} has no whole number {attribute}: expected its __init__ to set it")


def check_groupable(sharing: Sharing, config: RunConfig) -> None:
    """InputError where a network goes by a preference among all tasks, which groups do not have."""
    if any(isinstance(part, Preferring) for part in sharing.modules()):
        raise InputError(
            f"grouping: model={config.choices.model} goes by a preference among all tasks, so they cannot be in groups"
        )


def encoder_factory(config: RunConfig) -> EncoderFactory:
    """What makes the encoders of a run. InputError where the config names a module that is no encoder."""
    try:
        made = instantiate_node(config.encoder, "encoder", config.trust)
    except UnknownArgument as error:
        raise _set_by_task(error, config) from None
    if isinstance(made, nn.Module):
        raise InputError("encoder: expected what makes an encoder, and it is one that is made: add _partial_: true")
    target = made.func if isinstance(made, partial) else made
    if isinstance(target, type) and issubclass(target, nn.Module) and not issubclass(target, Encoder):
        raise InputError(
            f"encoder._target_={config.encoder['_target_']}: a module of torch is no encoder by itself; expected "
            "encoder._target_=mtl.nn.custom.CustomEncoder, with the module as its argument 'module'"
        )
    factory: EncoderFactory = made
    return factory


def _set_by_task(error: UnknownArgument, config: RunConfig) -> InputError:
    """What is said of a key that the encoder does not take, where the task's option sets it, for an encoder of its own.

    Args:
        error: of any key of the encoder.
        config: of the run.

    Returns:
        The message; of a key that the option does not set, as it is.
    """
    task, name = config.choices.task, error.key.removeprefix("encoder.")
    path = option_file("task", task)
    usual = {} if path is None else usual_values(path, "task")
    chosen = [one[CHOOSES] for one in usual.get("defaults", []) if isinstance(one, dict) and CHOOSES in one]
    if not chosen or name not in (usual.get("encoder") or {}):
        return error
    return InputError(
        f"encoder={config.choices.encoder} does not take '{name}', which task={task} sets for its encoder: expected "
        f"encoder={chosen[0]}"
    )


def save_statistics(run: Run, data: MultiTaskDataModule) -> None:
    """Write what the suite fitted beside the checkpoints, so that predictions repeat it.

    InputError where an own suite gives what a JSON file cannot hold.
    """
    fitted = data.statistics()
    if fitted:
        try:  # also numbers that strict JSON does not know, since a prediction repeats exactly what was fitted
            text = json.dumps(fitted, indent=1)
        except (TypeError, ValueError) as error:
            raise InputError(f"suite {type(data).__name__}: statistics are no plain values: {error}") from None
        write_checked_text(run.path / "statistics.json", text + "\n")


def load(run: str | PathLike[str], trust: Sequence[str] = ()) -> Assembly:
    """A trained run: its objects with the weights of the checkpoint selected on validation. Loads no data.

    Args:
        run: its directory.
        trust: modules whose code its config may name, beside this package's and what ``conf/`` names.

    Returns:
        The objects.

    Raises:
        InputError: there is no such run, something in its directory is missing or damaged, or its config names code
            that is not trusted.
    """
    return load_run(Run.open(run, trust))


def load_beside(opened: Run) -> Assembly:
    """As :func:`load_run`, beside a run that is at work with a seed of its own: what that one draws stays as it is."""
    with unchanged_random_state():
        return load_run(opened)


def load_run(opened: Run) -> Assembly:
    """As :func:`load`, of a run that is open."""
    config = opened.config
    found = opened.affinity
    if config.grouping == AUTO and found is None:
        raise InputError(f"'{opened.path}' has no affinity.json, which says the groups of its tasks")
    check_pretrained(config, opened.path)
    assembly = build(config, opened.statistics, found.groups if found else None)
    restore(assembly.module, opened.best)
    assembly.module.eval()
    return assembly


def restore(module: MultiTaskModule, path: Path) -> None:
    """Load a checkpoint's weights. InputError if it is missing, damaged or of another model."""
    take_weights(module, read_checkpoint(path), path)


def take_weights(module: MultiTaskModule, checkpoint: Mapping[str, Any], path: Path) -> None:
    """Load the weights of a checkpoint that was read from a path. InputError if it is of another model."""
    try:
        module.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise InputError(f"checkpoint '{path}' is of another model: {first[:200]}") from None
