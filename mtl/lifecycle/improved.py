"""A finished run is improved by acting: a run of its own, that begins with the weights of the finished one."""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
import torch

from mtl.agent.environments.scheduling.job_shops import JobShops
from mtl.agent.improvement.base import InRounds
from mtl.agent.improvement.shop_search import ShopSearch
from mtl.agent.report import ExecutionReport
from mtl.assembly import build, merged_of, restore, save_statistics, trees_of
from mtl.config.compose import compose_chosen, name_of_choice
from mtl.config.factories import instantiate_node
from mtl.config.improve_choice import GROUP
from mtl.config.improve_config import ImproveConfig
from mtl.config.overrides import parse_override
from mtl.config.run_config import RunConfig
from mtl.config.run_result import RunResult
from mtl.config.signals import signals_interrupt
from mtl.errors import InputError
from mtl.lifecycle.execution import check_meeting, decides, environment_for, environment_of, use_settings
from mtl.lifecycle.failures import failures_recorded
from mtl.lifecycle.fit import Fitted
from mtl.lifecycle.improvement import improvement_for
from mtl.lifecycle.new_run import new_directory
from mtl.lifecycle.resume import UNFINISHED, directories_of
from mtl.lifecycle.train import Prepared, conclude, ignore
from mtl.module.lightning import silent_lightning
from mtl.runs.checkpoint import read_checkpoint, write_checkpoint
from mtl.runs.directory import Parent, Run, newest
from mtl.runs.lock import check_free, hold
from mtl.training.hardware import threads_for
from mtl.training.loggers import check_loggers, log_hyperparameters, make_loggers
from mtl.training.resources import reset_peak_memory

SHOPS = "mtl.suites.scheduling.SchedulingSuite"  # the target of the suite whose runs have a dispatcher
# Options of the group: how a network is improved, how decisions are, and how dispatchers are found for shops with due
# dates, and for shops with a choice of machines
CHOICE, DECISIONS, TARDINESS, MACHINES = "dispatchers", "decisions", "tardiness", "machines"
OWN_DECISIONS = (
    "; of a run with another environment decisions are improved, where the environment derives from "
    "mtl.agent.deciding.DecidingEnvironment and names its settings in tunable"
)


def improve_run(
    improvement: dict[str, Any],
    run: str | Path | None = None,
    output: str = "outputs",
    threads: int | None = None,
    trust: Sequence[str] = (),
    own: Sequence[str] = (),
    *,
    progress: bool = True,
    choice: str = CHOICE,
    on_report: Callable[[ExecutionReport], None] = ignore,
    on_run_created: Callable[[Run], None] = ignore,
) -> RunResult:
    """Improve a finished run by acting, in rounds.

    Leaves a run directory beside that of the finished run, which stays as it is: the same config but for ``improve``,
    so that training this config from the beginning would give the same network. It is a run like any other; where it
    was interrupted or killed, the same call goes on with it.

    Args:
        improvement: config of the rounds, see :class:`~mtl.agent.improvement.rounds.Rounds`.
        run: a run directory; None: the run under ``output`` that finished last.
        output: where runs are.
        threads: on the CPU; None: the cores, at most 4.
        trust: modules whose code the run and the improvement may name, beside this package's and what ``conf/`` names.
        own: modules whose code the improvement may name, and the run may not.
        progress: show a progress bar, or lines.
        choice: what the option of the improvement is called.
        on_report: called with the report when the improved agent has acted.
        on_run_created: called with the new run as soon as it has a directory.

    Returns:
        The result of the new run.

    Raises:
        InputError: the run is missing, damaged or not finished, or cannot be improved so.
    """
    rounds = instantiate_node(improvement, "improve", (*trust, *own))  # its mistakes are said before a run is read
    if not isinstance(rounds, InRounds):
        raise InputError(f"a finished run is improved in rounds, and improve={choice} has none")
    if rounds.first is not None:
        raise InputError("first: what comes before the rounds is the improvement of the finished run; expected null")
    parent = Run.open(run if run is not None else newest(output).path, trust)
    config = improved_config(parent, improvement, choice).changed(progress=progress, trust=[*parent.trust, *own])
    config = config.changed(threads=threads or config.threads)
    with silent_lightning(), signals_interrupt():
        prepared, fitted = prepare(parent, config)
        begun = unfinished(config, parent)
        if begun is not None:
            sys.stderr.write(f"goes on with {begun.path}, which was not finished\n")
        with ExitStack() as lock:
            child = begun or lock.enter_context(new_directory(config))
            if begun is not None:
                lock.enter_context(hold(child.path))
            lock.enter_context(failures_recorded(child, first=True, again="the same command goes on"))
            begin(child, parent, prepared, on_run_created)
            loggers = make_loggers(child.path, config)
            log_hyperparameters(loggers, config)
            return conclude(child, prepared, fitted(loggers), on_report)


def read_improvement(given: Sequence[str], run: str | Path | None, trust: Sequence[str]) -> tuple[ImproveConfig, str]:
    """What is asked for, of a run whose way to improve follows from what it does if none is typed.

    Args:
        given: overrides of ``conf/improve.yaml``.
        run: the run that is to be improved; None: the one that they name.
        trust: modules whose code its config may name.

    Returns:
        It, and what the chosen option is called.

    Raises:
        InputError: an override that does not fit.
    """
    typed = any(parse_override(text).key_or_group == GROUP for text in given)
    if run is not None and not typed:
        given, typed = [*given, *option_for(run, trust)], True
    plain, choices = compose_chosen(given, GROUP)
    asked = ImproveConfig.read(plain)
    option = [] if typed else option_for(asked.run, trust, asked.output)
    if option:
        plain, choices = compose_chosen([*given, *option], GROUP)
        asked = ImproveConfig.read(plain)
    return asked, str(name_of_choice(GROUP, choices[f"{GROUP}@_global_"], asked.improvement))


def option_for(run: str | Path | None, trust: Sequence[str], output: str = "outputs") -> list[str]:
    """The override that chooses how a run is improved by what it does; a line says why. None for the default one.

    Args:
        run: the run; None: the one under ``output`` that finished last.
        trust: modules whose code its config may name.
        output: where runs are.

    Returns:
        The override; none either where the run cannot be read, which is said later.
    """
    try:
        config = Run.open(run or newest(output).path, trust).config
        choice, reason = suited(config)
    except InputError:
        return []
    if reason:
        sys.stderr.write(f"improve={choice}, as {reason}; improve@_global_=... chooses another way\n")
    return [] if choice == CHOICE else [f"{GROUP}@_global_={choice}"]


def suited(config: RunConfig) -> tuple[str, str]:
    """The option that fits what a run does.

    Args:
        config: of the run.

    Returns:
        The option, and the reason in words; none for plain shops.

    Raises:
        InputError: the environment of the run is refused.
    """
    if (config.execution or {}).get("objective") == "weighted_tardiness":
        return TARDINESS, "the run acts by weighted tardiness"
    if decides(config):
        return DECISIONS, "the run decides by settings that can be tuned"
    environment = environment_of(config)
    if isinstance(environment, JobShops):
        shops = environment.instances
        flexible = [shop.name for shop in shops if shop.alternatives is not None]
        if len(flexible) == len(shops):
            return MACHINES, "the shops of the run have a choice of machines"
        if flexible:
            return CHOICE, (
                f"{len(flexible)} of the {len(shops)} shops of the run have a choice of machines, for which "
                f"{GROUP}@_global_={MACHINES} is, and the others have none"
            )
    return CHOICE, ""


def dispatches(result: RunResult) -> bool:
    """Whether a run has a dispatcher that starts at a rule, beside which further ones can be searched."""
    config = result.config
    if config.task.get("_target_") != SHOPS or ShopSearch.task not in result.tasks or config.task.get("prior") is None:
        return False
    return trees_of(config) is None and merged_of(config) is None


def improved_config(parent: Run, improvement: dict[str, Any], choice: str) -> RunConfig:
    """The config of the new run: that of the finished one, whose own improvement comes first."""
    config = parent.config
    parts = parent.path.parts  # beside the finished run, wherever that is
    place = str(Path(*parts[:-4])) if parts[-4:-3] == ("runs",) else config.output
    return config.changed(
        choices={**config.choices.model_dump(), "improve": choice},
        improve={**improvement, "first": config.improve or None},
        output=place,
        resume=None,
    )


def prepare(parent: Run, config: RunConfig) -> tuple[Prepared, Callable[[list[Any]], Fitted]]:
    """Build everything and load the rows: mistakes end here, before a directory is made.

    Args:
        parent: the finished run.
        config: of the new one.

    Returns:
        What the new run needs; and how its training went, which is that of the finished one, from its loggers.

    Raises:
        InputError: the run cannot be improved so, or its data has changed.
    """
    was = parent.result
    check_loggers(config)
    lightning.seed_everything(config.seed, verbose=False)
    torch.set_num_threads(config.threads or threads_for(config.hardware.arguments()))
    if trees_of(config) is not None:
        raise InputError(f"run '{parent.path}' has boosted trees: only networks are improved by acting")
    known = parent.affinity
    assembly = build(config, parent.statistics, known.groups if known else None)
    environment = environment_for(config, assembly.data)
    use_settings(environment, was)
    if environment is None and not assembly.data.can_act:
        raise InputError(
            f"run '{parent.path}' does not act, so that there is nothing to improve it by: expected a run of "
            "task=scheduling, or one trained with execution=lending, alerts or routing"
        )
    advice = "" if assembly.data.can_act else OWN_DECISIONS
    improvement = improvement_for(config, assembly, environment, advice)
    assert isinstance(improvement, InRounds)
    restore(assembly.module, parent.best)
    assembly.module.eval()
    check_meeting(environment, improvement, assembly.module.network)
    started = time.perf_counter()
    assembly.data.setup("fit")
    if assembly.data.fingerprint != was.data.fingerprint:
        raise InputError(
            f"the data of run '{parent.path}' has changed since the training (fingerprint {assembly.data.fingerprint}, "
            f"was {was.data.fingerprint}): its validation rows may be rows that it was trained on"
        )
    improvement.check_rows(config.seed)
    seconds = time.perf_counter() - started
    reset_peak_memory()
    prepared = Prepared(assembly, improvement.without_first(), environment, (), None, seconds)

    def fitted(loggers: list[Any]) -> Fitted:
        notes = tuple(note for note in was.notes if note not in assembly.data.notes)
        return Fitted(loggers, was.steps, was.epochs, was.selection, was.seconds.fit, was.seconds.step, notes)

    return prepared, fitted


def unfinished(config: RunConfig, parent: Run) -> Run | None:
    """The last run of this config that improves the same weights, was interrupted or killed, and that nobody is at."""
    found = [run for run in directories_of(config) if (run.path / "parent.json").is_file()]
    for run in sorted(found, key=lambda run: (run.path / "parent.json").stat().st_mtime, reverse=True):
        try:
            check_free(run.path)
            same = run.parent == Parent.of(parent)
        except InputError:  # somebody is at it, or it is damaged
            continue
        if same and run.state in UNFINISHED:
            return run
    return None


def begin(run: Run, parent: Run, prepared: Prepared, on_run_created: Callable[[Run], None]) -> None:
    """Write down in its directory what the run is, with the weights that it begins with."""
    run.state = "running"
    run.parent = Parent.of(parent)  # from here on the same command goes on with this run
    on_run_created(run)
    known = parent.affinity
    if known is not None:
        run.affinity = known
    save_statistics(run, prepared.assembly.data)
    if not run.best.is_file():
        write_checkpoint(run.best, read_checkpoint(parent.best))
    run.config = prepared.assembly.config
