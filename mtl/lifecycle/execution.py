"""One execution: of an agent just trained, or from a trained run to a report beside it."""

import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.loggers import Logger, TensorBoardLogger

from mtl.agent.deciding import DecidingEnvironment
from mtl.agent.environment import Environment, check_required_tasks
from mtl.agent.improvement.base import Improvement
from mtl.agent.other_run import trusting
from mtl.agent.report import ExecutionReport
from mtl.assembly import merged_of, trees_of
from mtl.config.factories import instantiate_node
from mtl.config.folders import option_names
from mtl.config.run_config import RunConfig
from mtl.config.run_result import RunResult
from mtl.errors import InputError, without_effect
from mtl.lifecycle.trained import Trained, load_trained
from mtl.network import Network
from mtl.runs.dashboard import CHOSEN, write_choices
from mtl.runs.directory import Run, newest
from mtl.runs.files import check_place, make_unique_directory, write_json
from mtl.suites.base import MultiTaskDataModule
from mtl.training.hardware import threads_for
from mtl.training.loggers import log_outcome
from mtl.weighting.state.per_task_option import PerTaskNumbers

EXECUTIONS = "executions"  # in the directory of a run
READING = ("separator", "encoding", "missing", "header", "skip")


def execute(
    environment: dict[str, Any] | None,
    run: str | PathLike[str] | None,
    output: str = "outputs",
    threads: int | None = None,
    records: str | None = None,
    trust: Sequence[str] = (),
    own: Sequence[str] = (),
    preference: PerTaskNumbers = None,
    query: str | None = None,
) -> tuple[ExecutionReport, Path]:
    """Let a trained run act, and keep what came of it in a new directory under ``<run>/executions``.

    The directory holds the files of :meth:`ExecutionReport.write` and ``settings.json``, the environment's config.

    Args:
        environment: config of the environment; None: the one in the run's own config.
        run: a run directory; None takes the run under ``output`` that finished last.
        output: where runs are.
        threads: on the CPU; None: the cores, at most 4.
        records: a file of new rows, or the address of a database with them, to be predicted, and decided on where the
            environment decides on rows.
        trust: modules whose code the run and the environment may name, beside this package's and what ``conf/`` names.
        own: modules whose code the environment may name, and the run may not.
        preference: among the tasks, of a network that was trained for all of them; None: all tasks alike.
        query: of that database; None: ``records`` is a file.

    Returns:
        The report and the directory.

    Raises:
        InputError: the run is missing, damaged or not of this environment, or the environment's config has a mistake.
    """
    if environment is not None and not isinstance(environment, Mapping):
        raise InputError(
            f"environment: expected a config with a _target_, or None, and got a {type(environment).__name__}; the run "
            "is the argument 'run'"
        )
    if query is not None and not records:
        raise without_effect("query", query, "records=<the address of a database>")
    torch.set_num_threads(threads or threads_for({}))
    with trusting(trust):  # its mistakes are said before a run is read
        given: Environment | None = (
            None if not environment else instantiate_node(environment, "environment", (*trust, *own))
        )
    opened = Run.open(newest(str(output)) if run is None else run, trust)
    check_place(opened.path / EXECUTIONS)
    trained = load_trained(opened)
    if preference is not None:
        trained.choose(preference)
    say_if_unfinished(opened)
    if records:
        if not trained.data.takes_rows:  # before the file is read, of which anything may be wrong as a table
            raise InputError(f"records are rows of a table, and {trained.data.takes_instead}")
        from mtl.agent.environments.new_rows import NewRows  # pandas is slow to import, and few commands read a file

        deciding = deciding_environment(given, trained, opened)
        reading = reading_options(trained.config, Path(str(records)))
        chosen: Environment = NewRows(str(records), reading, deciding, query)
        rows = {"records": records} if query is None else {"records": records, "query": query}
        if deciding is not None:
            decided_by = {**(environment or trained.config.execution), **deciding.settings}
            environment = {**rows, "settings": deciding.settings, "decided_by": decided_by}
        else:
            environment = rows
    else:
        chosen = given or own_environment(trained.config, opened)
        tuned = chosen.settings if given is None and isinstance(chosen, DecidingEnvironment) else {}
        environment = environment or {**trained.config.execution, **tuned}
        check_environment(trained.data, chosen, opened)
    report = trained.act(chosen)
    report.say_origin(opened.path, chosen)
    return report, keep(report, opened, environment, preference)


def execute_in(environment: Environment, run: Run, settings: Any) -> tuple[ExecutionReport, Path]:
    """Let a trained run act in an environment that is made already, and keep what came of it as :func:`execute` does.

    Args:
        environment: where to act.
        run: the trained run.
        settings: what is written down of the environment, as plain values.

    Returns:
        The report and its directory.

    Raises:
        InputError: the run is damaged, or cannot act there.
    """
    check_place(run.path / EXECUTIONS)
    trained = load_trained(run)
    say_if_unfinished(run)
    check_environment(trained.data, environment, run)
    report = trained.act(environment)
    report.say_origin(run.path, environment)
    return report, keep(report, run, settings)


def say_if_unfinished(run: Run) -> None:
    """Say on standard error that a run may still change."""
    if not (run.path / "result.json").is_file():
        state = run.state or "unknown"
        sys.stderr.write(f"run '{run.path}' is not finished (state '{state}'): it acts with its best epoch so far\n")


def keep(report: ExecutionReport, run: Run, environment: Any, preference: PerTaskNumbers = None) -> Path:
    """Write a report to a new directory under ``<run>/executions``, with the config of the environment."""
    directory = make_unique_directory(run.path / EXECUTIONS / time.strftime("%Y%m%d-%H%M%S"))
    chosen = {} if preference is None else {"preference": preference}
    try:
        write_json(directory / "settings.json", {"run": run.id, "environment": environment, **chosen})
        report.write(directory)
    except BaseException:  # a full disk, an own report that is none, Ctrl-C: no half of a report stays
        shutil.rmtree(directory, ignore_errors=True)
        raise
    return directory


def environment_of(config: RunConfig) -> Environment | None:
    """The environment of a config; None if it has none. InputError if it is refused."""
    with trusting(config.trust):
        environment: Environment | None = instantiate_node(config.execution, "execution", config.trust)
    return environment


def own_environment(config: RunConfig, run: Run) -> Environment:
    """The environment of the run's own config. InputError if it has none."""
    environment = environment_of(config)
    if environment is None:
        raise InputError(f"run '{run.path}' has no environment of its own: name one {ways_to_act(run)}")
    if isinstance(environment, DecidingEnvironment) and (run.path / "result.json").is_file():
        use_settings(environment, run.result)
    return environment


def deciding_environment(given: Environment | None, trained: Trained, run: Run) -> DecidingEnvironment[Any] | None:
    """The environment that decides on new rows: the one that is given, or that of the run's own config.

    Args:
        given: an environment; None: that of the run.
        trained: the run's network.
        run: the run.

    Returns:
        It; None if that of the run decides on no rows, as one that schedules shops.

    Raises:
        InputError: the run has not learned what deciding takes, or one is given that decides on no rows.
    """
    if given is not None and not isinstance(given, DecidingEnvironment):
        raise InputError(
            f"records: {type(given).__name__} decides on no rows: leave out what is said of it; the run then decides "
            "in the environment of its own config, if that decides on rows"
        )
    environment = given or (own_environment(trained.config, run) if trained.config.execution else None)
    if not isinstance(environment, DecidingEnvironment):
        return None
    check_required_tasks(environment, trained.data)
    return environment


def decides(config: RunConfig) -> bool:
    """Whether the network of a run decides by settings that can be tuned. InputError if its environment is refused."""
    if trees_of(config) is not None or merged_of(config) is not None:
        return False
    environment = environment_of(config)
    return isinstance(environment, DecidingEnvironment) and bool(environment.tunable)


def use_settings(environment: Environment | None, result: RunResult) -> None:
    """Let an environment decide by the settings that an improvement of a run has kept, if there are any."""
    if result.improvement is not None and result.improvement.settings and isinstance(environment, DecidingEnvironment):
        environment.use(result.improvement.settings)


def check_environment(data: MultiTaskDataModule, environment: Environment, run: Run) -> None:
    """Check that a trained run can act in an environment, on the rows that it was trained beside.

    Args:
        data: the run's suite.
        environment: where to act.
        run: the run.

    Raises:
        InputError: it cannot, or the suite's rows are no longer those of the training; says what can be done instead.
    """
    try:
        environment.check(data)
    except InputError as error:
        raise InputError(f"{error}; name another {ways_to_act(run)}") from None
    if environment.acts_on_test_rows and (run.path / "result.json").is_file():
        check_fingerprint(run, data.fingerprint)


def check_fingerprint(run: Run, fingerprint: str) -> None:
    """Raise InputError where the data of a finished run are others now, whose fingerprint is given."""
    trained_on = run.result.data.fingerprint
    if trained_on != fingerprint:
        raise InputError(
            f"the data of run '{run.path}' has changed since the training (fingerprint {fingerprint},"
            f" was {trained_on}): its test rows may be rows that the run was trained on"
        )


def ways_to_act(run: Run) -> str:
    """What a person may type to let a run act; of a run on a table also how to predict new rows."""
    rows = "; to predict new rows: records=new.csv" if run.statistics else ""
    named = ", ".join(name for name in option_names("execution") if name != "none")
    return f"with execution@_global_=<one of {named}>{rows}"


def reading_options(config: RunConfig, records: Path) -> dict[str, Any]:
    """How the files of a run's suite are written and joined, if it reads a person's.

    Args:
        config: of the run.
        records: the file that is to be read like them.

    Returns:
        Arguments of :func:`~mtl.suites.table.source.read_source`.
    """
    task = config.task
    if READING[0] not in task:  # other suites have keys of these names that mean something else
        return {}
    from mtl.suites.table.joining import parse_joins  # pandas is slow to import, and other suites do without
    from mtl.suites.table.user_table import sheet_of

    sheet = {"sheet": sheet_of(task.get("sheet"), records)}
    return {key: task[key] for key in READING if key in task} | sheet | {"joins": parse_joins(task.get("join"))}


def environment_for(config: RunConfig, data: MultiTaskDataModule) -> Environment | None:
    """Build the environment in which the config lets the trained agent act, before the training.

    Args:
        config: what the run is told.
        data: its suite.

    Returns:
        The environment; None if the agent does not act.

    Raises:
        InputError: the run cannot act there.
    """
    environment = environment_of(config)
    if environment is not None:
        try:
            environment.check(data)
        except InputError as error:
            raise InputError(f"{error}; execution=none trains without acting") from None
    return environment


def check_rows(
    environment: Environment | None, improvement: Improvement | None, data: MultiTaskDataModule, seed: int
) -> None:
    """Say before a training what acting, or improving by it, will miss in the rows of its suite, which are loaded.

    Args:
        environment: where it will act; None: it does not.
        improvement: of the trained network; None: there is none.
        data: the suite.
        seed: of the run.

    Raises:
        InputError: something is missing.
    """
    if environment is not None and environment.acts_on_test_rows:
        try:
            environment.check_rows(data)
        except InputError as error:
            raise InputError(f"{error}; execution=none trains without acting") from None
    if improvement is not None:
        improvement.check_rows(seed)


def check_meeting(environment: Environment | None, improvement: Improvement | None, network: Network | None) -> None:
    """Say before a training what acting will miss in the network, unless an improvement may give it.

    Args:
        environment: where it will act; None: it does not.
        improvement: of the trained network; None: there is none.
        network: as built, or improved before; None: the agent has none, as with trees.

    Raises:
        InputError: something is missing.
    """
    if environment is not None and (improvement is None or not improvement.adds_dispatchers):
        environment.meet(network)


def what_is_missing(environment: Environment, network: Network | None) -> str:
    """What a network lacks to act in an environment, which takes from it what it needs; empty if it lacks nothing."""
    try:
        environment.meet(network)
    except InputError as error:
        return str(error)
    return ""


def act(
    run: Run,
    trained: Trained,
    environment: Environment | None,
    result: RunResult,
    loggers: list[Logger],
    step: int,
) -> tuple[ExecutionReport | None, RunResult]:
    """Let the agent that was just trained act, and show its pictures and the final metrics on the dashboard.

    Where an improvement has not found what acting takes, the run is finished without it, and a line says so.

    Args:
        run: gets the report's files.
        trained: what its training left, as selected on validation.
        environment: where to act; None: it does not.
        result: of the training.
        loggers: those of the dashboard get the pictures.
        step: optimizer steps so far.

    Returns:
        The report, None if the agent does not act; and the result with its summary as ``execution``.
    """
    report = None
    numbers = {f"val/{key}": value for key, value in result.metrics["val"].flat().items()}
    missing = "" if environment is None else what_is_missing(environment, trained.network)
    if missing:  # an improvement might have found it
        sys.stderr.write(f"the run ends without acting: {missing}\n")
    elif environment is not None:
        report = trained.act(environment)
        report.say_origin(run.path, environment)
        report.write(run.path / "execution")
        result = result.model_copy(update={"execution": report.summary()})
        numbers |= {f"execution/{key}": v for key, v in report.summary().items() if isinstance(v, float)}
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            chosen = {group: str(getattr(result.choices, group)) for group in CHOSEN}
            add = logger.experiment._get_file_writer().add_summary
            write_choices(add, run.path, {**chosen, "seed": str(result.seed)}, numbers)
            for picture in sorted((run.path / "execution").glob("*.png")):
                add_picture(logger, picture, step)
        logger.save()
    log_outcome(loggers, result, step)
    return report, result


def add_picture(logger: TensorBoardLogger, path: Path, step: int) -> None:
    """Show a PNG file on the dashboard."""
    from matplotlib.image import imread  # matplotlib is slow to import, and not every run has a picture

    logger.experiment.add_image(f"execution/{path.stem}", imread(path)[..., :3], step, dataformats="HWC")
