"""One run of boosted trees from config to result: the same steps as a network's, with nothing to resume."""

import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.metadata import version

import torch

from mtl.agent.report import ExecutionReport
from mtl.assembly import names_of_auxiliary, note_on_auxiliary, save_statistics, trees_of
from mtl.config.run_config import RunConfig
from mtl.config.run_result import LOSS, RunResult, Selection
from mtl.errors import InputError
from mtl.lifecycle.execution import act, check_meeting, check_rows, environment_for
from mtl.lifecycle.failures import failures_recorded
from mtl.lifecycle.fit import Fitted
from mtl.lifecycle.introduction import introduce
from mtl.lifecycle.new_run import new_run
from mtl.lifecycle.result import measure
from mtl.lifecycle.trained import TrainedTrees, suite_of_columns
from mtl.runs.directory import Run
from mtl.suites.base import MultiTaskDataModule
from mtl.training.hardware import processes_of, threads_for
from mtl.training.loggers import check_loggers, log_hyperparameters, make_loggers, register_run
from mtl.training.resources import reset_peak_memory
from mtl.trees.boosting import Boosted, BoostedTrees
from mtl.trees.lightgbm import lightgbm

# Keys that only the training of a network reads
OF_NETWORKS = (
    "encoder",
    "weighting",
    "optimizer",
    "scheduler",
    "hardware",
    "epochs",
    "steps",
    "patience",
    "validate_every",
    "rates",
    "batch_size",
    "accumulate",
    "gradient_clip",
    "compile",
    "log_every",
    "relations",
    "grouping",
    "affinity",
    "finish_heads",
    "second_cooldown",
    "shrinkage",
    "improve",
    "callbacks",
    "resume",
)


def check_typed(keys: Iterable[str]) -> None:
    """InputError for the first key that somebody typed and that trees do not read."""
    for key in keys:
        if key in OF_NETWORKS:
            raise InputError(f"'{key}' is for networks, and model=trees has none: leave it out")


def train_trees(
    config: RunConfig,
    trees: BoostedTrees,
    on_report: Callable[[ExecutionReport], None],
    on_run_created: Callable[[Run], None],
) -> RunResult:
    """Boost trees for every task alone, measure them, act, and write the result.

    Args:
        config: what the run is told. What it says of networks is not read, as far as every config says something of it.
        trees: how to grow trees, from the config.
        on_report: called with the report when the trees have acted.
        on_run_created: called with the run as soon as it has a directory.

    Returns:
        The result.

    Raises:
        InputError: something in the config or the data is wrong.
    """
    check_config(config)
    torch.set_num_threads(config.threads or threads_for(config.hardware.arguments()))
    lightgbm()
    data = suite_of_columns(config)
    trees.check(data)
    note_on_auxiliary(data, names_of_auxiliary(data), f"model={config.choices.model} shares nothing")
    environment = environment_for(config, data)
    check_meeting(environment, None, None)
    started = time.perf_counter()
    data.setup("fit")
    check_rows(environment, None, data, config.seed)
    data_seconds = time.perf_counter() - started
    with new_run(config) as run, failures_recorded(run, first=True):
        run.fingerprint = data.fingerprint
        on_run_created(run)
        run.state = "running"
        run.config = config
        save_statistics(run, data)
        introduce(data)
        trained, fitted = fit_trees(run, config, trees, data)
        measured = measure(run, trained, fitted, data_seconds)
        machine = {**measured.result.environment, "device": "cpu", "lightgbm": version("lightgbm")}
        result = measured.result.model_copy(update={"environment": machine})
        report, result = act(run, trained, environment, result, fitted.loggers, fitted.steps)
        run.contributions = replace(measured.contributions, outcome=report.outcome() if report is not None else None)
        result = run.finish(result)
        register_run(fitted.loggers, run.path)
    if report is not None:
        on_report(report)
    return result


def check_trees(config: RunConfig) -> None:
    """InputError if trees cannot be trained as a config says; loads no data that the suite can do without."""
    trees = trees_of(config)
    assert trees is not None
    check_config(config)
    lightgbm()
    trees.check(suite_of_columns(config))


def check_config(config: RunConfig) -> None:
    """InputError where a config asks for what only a network can do, or for a logger that is not there."""
    asked = {
        "resume": config.resume is not None,
        "grouping": config.grouping is not None,
        "relations.depends_on": bool(config.relations.depends_on),
        "callbacks": bool(config.callbacks),
        "hardware": processes_of(config.hardware.arguments()) > 1,
    }
    check_typed(key.partition(".")[0] for key, found in asked.items() if found)
    check_loggers(config)


def fit_trees(
    run: Run, config: RunConfig, trees: BoostedTrees, data: MultiTaskDataModule
) -> tuple[TrainedTrees, Fitted]:
    """Boost every task, and keep the trees in the run's directory.

    Args:
        run: its directory.
        config: what the run is told.
        trees: how to grow trees.
        data: raw columns, loaded.

    Returns:
        The trees, and how boosting went.
    """
    done: dict[str, Boosted] = {}

    def on_task(name: str, boosted: Boosted) -> None:
        done[name] = boosted
        if config.progress:
            lowest, total = boosted.losses[boosted.best], len(boosted.losses)
            sys.stderr.write(
                f"{name}: lowest validation loss {lowest:.4f} in iteration {boosted.best + 1} of {total}\n"
            )

    reset_peak_memory()
    started = time.perf_counter()
    forest = trees.fit(data, config.seed, torch.get_num_threads(), on_task)
    forest.write(run.trees)
    seconds = time.perf_counter() - started
    loggers = make_loggers(run.path, config)
    log_hyperparameters(loggers, config)
    course = {f"val/{name}/{LOSS}": boosted.losses for name, boosted in done.items()}
    for step in range(max(map(len, course.values()))):
        for logger in loggers:
            logger.log_metrics({name: losses[step] for name, losses in course.items() if step < len(losses)}, step)
    by_task = {name: boosted.best for name, boosted in done.items()}
    steps = sum(len(boosted.losses) for boosted in done.values())
    fitted = Fitted(
        loggers=loggers,
        steps=steps,
        epochs=max(len(boosted.losses) for boosted in done.values()),
        selection=Selection(
            metric=f"val/{LOSS}",
            mode="min",
            epoch=max(by_task.values()),
            by_task=by_task,
            still_improving=any(
                done[task.name].best + 1 == trees.num_iterations for task in data.tasks if not task.auxiliary
            ),
            budget_key="model.num_iterations",
        ),
        seconds=seconds,
        step_seconds=seconds / steps,
        notes=(),
    )
    return TrainedTrees(config, data, forest), fitted
