"""One run from config to result: train, select on validation, measure once on test, act, write down what came of it."""

import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

import pytorch_lightning as lightning
import torch
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import WeightAveraging

from mtl.agent.environment import Environment
from mtl.agent.improvement.base import Improvement
from mtl.agent.report import ExecutionReport
from mtl.assembly import Assembly, build, merged_of, restore, save_statistics, trees_of
from mtl.config.commands import is_one_of_many
from mtl.config.contents import check_contents
from mtl.config.factories import REFUSALS, call_factory, instantiate_node
from mtl.config.process import RESUMED_VARIABLE, RUN_VARIABLE
from mtl.config.run_config import RunConfig
from mtl.config.run_result import RunResult
from mtl.config.signals import signals_end_what_waits, signals_interrupt
from mtl.errors import InputError
from mtl.lifecycle.common_start import begin_with_start
from mtl.lifecycle.execution import act, check_meeting, check_rows, environment_for
from mtl.lifecycle.failures import failures_recorded
from mtl.lifecycle.finished_heads import check_finishing, finish_heads
from mtl.lifecycle.fit import Fitted, fit
from mtl.lifecycle.front import write_front
from mtl.lifecycle.improvement import improve, improvement_for
from mtl.lifecycle.introduction import introduce
from mtl.lifecycle.machines import Machines
from mtl.lifecycle.merged import train_merged
from mtl.lifecycle.new_run import new_run
from mtl.lifecycle.result import Cost, measure
from mtl.lifecycle.resume import DataChangedError, check_data, resumable_run, unfinished_run
from mtl.lifecycle.shrinkage import shrink
from mtl.lifecycle.trained import TrainedNetwork
from mtl.lifecycle.trees import train_trees
from mtl.module.lightning import silent_lightning
from mtl.runs.changed import say_of_changes
from mtl.runs.directory import Run, run_path
from mtl.runs.files import check_place
from mtl.runs.lock import hold
from mtl.suites.split_checks import check_labels
from mtl.training.callbacks import MovingAverage, ValidationWatch
from mtl.training.grouping import check as check_measuring
from mtl.training.grouping import grouped
from mtl.training.hardware import check_program, processes_of, threads_for
from mtl.training.loggers import check_loggers, register_run
from mtl.training.resources import reset_peak_memory
from mtl.training.step_threads import step_threads
from mtl.training.trainer import dashboard_loggers


def ignore(_: object) -> None:
    """Take no notice."""


@dataclass(frozen=True)
class Prepared:
    """What a run needs before it has a directory; whatever is wrong with the config or the data has been said by now.

    Attributes:
        assembly: its objects, the rows loaded.
        improvement: changes the trained network by acting; None: it stays as it is.
        environment: the trained agent acts in it; None: it does not act.
        callbacks: own ones of the config, and whoever watches the validation.
        resumed: the run to go on with.
        data_seconds: until the rows were in memory.
    """

    assembly: Assembly
    improvement: Improvement | None
    environment: Environment | None
    callbacks: tuple[Callback, ...]
    resumed: Run | None
    data_seconds: float


def train(
    config: RunConfig,
    on_report: Callable[[ExecutionReport], None] = ignore,
    on_run_created: Callable[[Run], None] = ignore,
    on_validation: Callable[[int, float], bool] | None = None,
    most_threads: int | None = None,
) -> RunResult | None:
    """Train what ``config`` says, a network, merged ones or trees, or go on with the run that ``config.resume`` names.

    Where a run of the same config was interrupted or killed, that one is gone on with.

    Leaves a run directory (see :mod:`mtl.runs.directory`); an interrupted or failed run keeps its last good checkpoint.

    Args:
        config: what the run is told.
        on_report: called with the report when the trained agent has acted.
        on_run_created: called with the run as soon as it has a directory, which says of which data it will be.
        on_validation: of a network, called after each validation with the epochs so far and the score; the training
            ends where it returns True.
        most_threads: of a run whose config says none, where others share the cores; None: as for a run alone.

    Returns:
        The result; None for a process that is not the first of its training.

    Raises:
        InputError: something in the config or the data is wrong, or the training diverged.
        Pruned: ``on_validation`` has ended it.
    """
    _check_kind(config)
    if config.resume is None:
        check_place(run_path(config).parent)
    merged = merged_of(config)
    if merged is not None:
        part = partial(train, most_threads=most_threads)
        return train_merged(config, merged, on_report, on_run_created, part)
    with silent_lightning(), signals_interrupt(), ExitStack() as lock:
        trees = trees_of(config)
        if trees is not None:
            limited = config.changed(threads=config.threads or most_threads)
            return train_trees(limited, trees, on_report, on_run_created)
        machines = machines_of(config)
        if config.hardware.num_nodes > 1:
            lock.enter_context(signals_end_what_waits())
        if machines is not None and not machines.first:
            lock.enter_context(machines.run_of_first())
        first = RUN_VARIABLE not in os.environ
        asked = config
        if config.resume is None:
            config = going_on(config, first=first)
        if first and config.resume is not None:
            lock.enter_context(hold(Run.open(config.resume).path))
        try:
            prepared = prepare(config, most_threads)
        except DataChangedError as error:
            if asked.resume is not None or not first:
                raise
            sys.stderr.write(f"{error}: trains anew\n")
            config = asked
            prepared = prepare(config, most_threads)
        if on_validation is not None:
            prepared = replace(prepared, callbacks=(*prepared.callbacks, ValidationWatch(on_validation)))
        run = prepared.resumed
        if run is None:
            run = lock.enter_context(new_run(config)) if first else Run.open(os.environ[RUN_VARIABLE])
        try:
            with failures_recorded(run, first=first):
                if first:
                    begin(run, prepared, on_run_created)
                if machines is not None:
                    machines.meet()
                return carry_out(run, prepared, on_report)
        finally:
            if first:
                os.environ.pop(RUN_VARIABLE, None)
                os.environ.pop(RESUMED_VARIABLE, None)


def _check_kind(config: object) -> None:
    """InputError if it is no config, as may be where Python calls: an override, say."""
    if not isinstance(config, RunConfig):
        found = type(config).__name__
        raise InputError(f"train: expected a config, as configure('task=credit') gives; found a {found}")


def machines_of(config: RunConfig) -> Machines | None:
    """The machines that train the run; None where there is one, or Lightning has started this process."""
    count = config.hardware.num_nodes
    several = count > 1 and RUN_VARIABLE not in os.environ
    return Machines(count, config.hardware.rendezvous_timeout) if several else None


def going_on(config: RunConfig, *, first: bool) -> RunConfig:
    """The config, with ``resume`` where a run of it was begun and not finished."""
    if not first:
        return config.changed(resume=os.environ[RUN_VARIABLE]) if RESUMED_VARIABLE in os.environ else config
    found = unfinished_run(config)
    if found is None:
        return config
    if not is_one_of_many():
        sys.stderr.write(f"goes on with {found.path}, which was not finished\n")
    return config.changed(resume=str(found.path))


def prepare(config: RunConfig, most_threads: int | None = None) -> Prepared:
    """Build everything and load the rows: mistakes end here, before a directory is made.

    Args:
        config: what the run is told.
        most_threads: as for :func:`train`.

    Returns:
        What it needs.
    """
    resumed = resumable_run(config) if config.resume is not None else None
    if resumed is None:
        check_contents(config)
    lightning.seed_everything(config.seed, verbose=False)
    hardware = config.hardware.arguments()
    torch.set_num_threads(config.threads or threads_for(hardware, most_threads))
    known = resumed.affinity if resumed else None
    assembly = build(config, resumed.statistics if resumed else None, known.groups if known else None)
    if known is None:  # the groups that were found may share nothing any more
        check_measuring(assembly)
    call_factory("optimizer or scheduler", assembly.module.configure_optimizers)
    world = processes_of(hardware)
    if config.finish_heads:
        check_finishing(assembly, world)
    check_program(hardware, world)
    environment = environment_for(config, assembly.data)
    improvement = improvement_for(config, assembly, environment)
    callbacks = own_callbacks(config)
    check_loggers(config)
    if resumed is not None:
        restore(assembly.module, resumed.best)  # both are needed, and of this model
        restore(assembly.module, resumed.last)
    else:
        begin_with_start(assembly.module, config)
    check_meeting(environment, improvement, assembly.module.network)
    started = time.perf_counter()
    try:
        assembly.data.setup("fit")
    except REFUSALS as error:  # arguments of the suite that were not checked when they were typed
        if resumed is None:
            raise
        raise InputError(f"run '{resumed.path}': its rows cannot be loaded: {' '.join(str(error).split())}") from error
    check_labels(assembly.data.splits, assembly.data.tasks)
    check_rows(environment, improvement, assembly.data, config.seed)
    if resumed is not None:
        check_data(resumed, assembly.data.fingerprint)
        say_of_changes(resumed, config, "is gone on with")
    assembly.data.loader("train", training=True, world=world)
    return Prepared(assembly, improvement, environment, callbacks, resumed, time.perf_counter() - started)


def own_callbacks(config: RunConfig) -> tuple[Callback, ...]:
    """The Lightning callbacks that the config names. InputError if one is something else."""
    found = []
    for name, node in config.callbacks.items():
        callback = instantiate_node(node, f"callbacks.{name}", config.trust)
        if not isinstance(callback, Callback):
            raise InputError(f"callbacks.{name}: expected a Lightning callback, and it is a {type(callback).__name__}")
        check_averaging(callback, f"callbacks.{name}", config)
        found.append(callback)
    return tuple(found)


def check_averaging(callback: Callback, where: str, config: RunConfig) -> None:
    """InputError where an average of the weights would not be one of the training that is kept."""
    if isinstance(callback, WeightAveraging):
        raise InputError(f"{where}: Lightning's averages what a run measures with, too: use callbacks=ema")
    cooldown = str(config.scheduler.get("_target_")).endswith(".Cooldown")
    if isinstance(callback, MovingAverage) and config.patience is not None and cooldown:
        raise InputError(
            f"{where}: with scheduler=cooldown, patience goes back to an earlier state, which an average cannot: use "
            "patience=null with some steps, or scheduler=plateau"
        )


def begin(run: Run, prepared: Prepared, on_run_created: Callable[[Run], None]) -> None:
    """Write down what the run is, for whoever looks at its directory and for the other processes."""
    os.environ[RUN_VARIABLE] = str(run.path.resolve())
    if prepared.resumed is not None:
        os.environ[RESUMED_VARIABLE] = "1"
    write_beginning(run, prepared.assembly, on_run_created)
    introduce(prepared.assembly.data, prepared.assembly.config.hardware)


def write_beginning(run: Run, assembly: Assembly, on_run_created: Callable[[Run], None]) -> None:
    """Write down in its directory what the run is."""
    run.fingerprint = assembly.data.fingerprint
    run.notes = assembly.data.notes
    on_run_created(run)
    run.state = "running"
    run.config = assembly.config
    save_statistics(run, assembly.data)


def carry_out(run: Run, prepared: Prepared, on_report: Callable[[ExecutionReport], None]) -> RunResult | None:
    """Train, measure, act, and write the result."""
    with step_threads(prepared.assembly):
        assembly = grouped(run, prepared.assembly, dashboard_loggers(run, prepared.assembly.config))
        reset_peak_memory()
        fitted = fit(run, assembly, prepared.callbacks, resumed=prepared.resumed is not None)
        if fitted is None:
            return None
        if assembly.config.finish_heads:
            fitted = finish_heads(run, assembly, fitted, prepared.callbacks)
    return conclude(run, replace(prepared, assembly=assembly), fitted, on_report)


def conclude(
    run: Run,
    prepared: Prepared,
    fitted: Fitted,
    on_report: Callable[[ExecutionReport], None],
    replicas: int = 1,
    cost: Cost | None = None,
) -> RunResult:
    """Measure what was trained, let it act, and write the result.

    Args:
        run: its directory.
        prepared: its objects, with the weights selected on validation.
        fitted: how training went.
        on_report: called with the report when the trained agent has acted.
        replicas: runs that were trained at once, this one among them.
        cost: of a prediction, where one of those has measured it.

    Returns:
        The result.
    """
    if prepared.assembly.config.shrinkage:
        fitted = shrink(run, prepared.assembly, fitted)
    improvement = improve(run, prepared.assembly, prepared.improvement, fitted)
    trained = TrainedNetwork.of(prepared.assembly)
    measured = measure(run, trained, fitted, prepared.data_seconds, improvement, cost)
    write_front(run, trained)
    found = measured.result.model_copy(update={"replicas": replicas})
    report, result = act(run, trained, prepared.environment, found, fitted.loggers, fitted.steps)
    run.contributions = replace(measured.contributions, outcome=report.outcome() if report is not None else None)
    result = run.finish(result)
    register_run(fitted.loggers, run.path)
    if report is not None:
        on_report(report)
    return result
