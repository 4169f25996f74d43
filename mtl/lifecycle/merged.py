"""One run of networks that are trained apart and merged: its parts, the merging, and a result like any other."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytorch_lightning as lightning
import torch
from filelock import FileLock, Timeout

from mtl.agent.environment import Environment
from mtl.agent.improvement.base import Improvement
from mtl.agent.report import ExecutionReport
from mtl.assembly import Assembly, build, load_run, merged_of, save_statistics
from mtl.config.contents import check_contents, with_contents
from mtl.config.run_config import Node, RunConfig
from mtl.config.run_result import MergingResult, RunResult
from mtl.config.signals import signals_interrupt
from mtl.errors import InputError
from mtl.lifecycle.common_start import copy_heads
from mtl.lifecycle.execution import act, check_meeting, check_rows, environment_for
from mtl.lifecycle.failures import failures_recorded
from mtl.lifecycle.fit import Fitted
from mtl.lifecycle.improvement import improve, improvement_for
from mtl.lifecycle.new_run import new_run
from mtl.lifecycle.result import measure
from mtl.lifecycle.trained import TrainedNetwork
from mtl.lifecycle.trunk_trials import TrunkTrials, batch_norms, flat, other_state, trainable
from mtl.merging.base import MergedTrunk, TaskVectors
from mtl.merging.merged import Merged
from mtl.module.lightning import silent_lightning
from mtl.nn.norm import PerSourceBatchNorm
from mtl.runs.changed import say_of_changes
from mtl.runs.checkpoint import write_checkpoint
from mtl.runs.directory import Run, finished, run_path
from mtl.sharing.common_start import CommonStart
from mtl.training.hardware import processes_of, threads_for
from mtl.training.loggers import check_loggers, log_hyperparameters, make_loggers, register_run
from mtl.training.resources import reset_peak_memory

# As conf/model/ has them, so that runs which are there already are used
HARD: Node = {"_target_": "mtl.sharing.hard.Hard", "_partial_": True, "residual": False}
COMMON_START: Node = {"_target_": "mtl.sharing.common_start.CommonStart", "_partial_": True}

Train = Callable[[RunConfig], RunResult | None]  # one run from config to result


@dataclass(frozen=True)
class Parts:
    """The runs that a merged one is made of.

    Attributes:
        apart: the networks of one task each.
        start: the network that they began with; None: random values.
        counted: those that this run has to pay for.
    """

    apart: Run
    start: Run | None
    counted: tuple[RunResult, ...]


def train_merged(
    config: RunConfig,
    merged: Merged,
    on_report: Callable[[ExecutionReport], None],
    on_run_created: Callable[[Run], None],
    train: Train,
) -> RunResult:
    """Train the networks apart, or take those that are there; merge them, measure, act, and write the result.

    The networks are a run of their own, of ``model=common_start``; so is a joint start, of ``model=hard``. An
    interrupted one is gone on with by the same command, and every way to merge uses the same ones.

    Args:
        config: what the run is told.
        merged: how to merge, from the config.
        on_report: called with the report when the network has acted.
        on_run_created: called with the run as soon as it has a directory.
        train: trains the runs that are not there yet.

    Returns:
        The result.

    Raises:
        InputError: something in the config or the data is wrong, or a training diverged.
    """
    with silent_lightning(), signals_interrupt():
        check_contents(config)
        assembly, environment, improvement = prepare(config, merged)
        started = time.perf_counter()
        assembly.data.setup("fit")
        check_rows(environment, improvement, assembly.data, config.seed)
        data_seconds = time.perf_counter() - started
    parts = train_parts(config, merged, assembly.data.fingerprint, train)
    with silent_lightning(), signals_interrupt(), new_run(config) as run, failures_recorded(run, first=True):
        run.fingerprint = assembly.data.fingerprint
        on_run_created(run)
        run.state = "running"
        run.config = config
        save_statistics(run, assembly.data)
        fitted, found = merge(run, assembly, merged, parts)
        improved = improve(run, assembly, improvement, fitted)
        trained = TrainedNetwork.of(assembly)
        measured = measure(run, trained, fitted, data_seconds, improved)
        peaks = [one.peak_memory_bytes or 0 for one in (*parts.counted, measured.result)]
        result = measured.result.model_copy(update={"merging": found, "peak_memory_bytes": max(peaks) or None})
        report, result = act(run, trained, environment, result, fitted.loggers, fitted.steps)
        run.contributions = replace(measured.contributions, outcome=report.outcome() if report is not None else None)
        result = run.finish(result)
        register_run(fitted.loggers, run.path)
    if report is not None:
        on_report(report)
    return result


def check_merged(config: RunConfig) -> None:
    """InputError if networks cannot be merged as a config says; loads no data that the suite can do without."""
    merged = merged_of(config)
    assert merged is not None
    with silent_lightning():
        prepare(config, merged)


def prepare(config: RunConfig, merged: Merged) -> tuple[Assembly, Environment | None, Improvement | None]:
    """Build the network, what it acts in and what improves it: mistakes end here, before anything is trained."""
    if config.resume is not None:
        raise InputError("resume: a run of model=merged has nothing to go on from; start its command again instead")
    if config.grouping is not None:
        raise InputError("grouping: model=merged makes one trunk of all tasks; expected grouping=null")
    if processes_of(config.hardware.arguments()) > 1:
        raise InputError("hardware: model=merged trains in one process; expected hardware.devices=1")
    check_loggers(config)
    lightning.seed_everything(config.seed, verbose=False)
    torch.set_num_threads(config.threads or threads_for(config.hardware.arguments()))
    assembly = build(config)
    networks = build(apart_config(config, None)).module.network.sharing  # says what is wrong with them
    assert isinstance(networks, CommonStart)
    if any(isinstance(one, PerSourceBatchNorm) for one in networks.modules()):
        raise InputError("encoder.norm: merging knows no statistics of several tables; expected layer, group or batch")
    merged.merge.check(assembly.graph.tasks, keeps_statistics=bool(batch_norms(networks)))
    environment = environment_for(config, assembly.data)
    improvement = improvement_for(config, assembly, environment)
    check_meeting(environment, improvement, assembly.module.network)
    return assembly, environment, improvement


def train_parts(config: RunConfig, merged: Merged, fingerprint: str, train: Train) -> Parts:
    """The runs that a merged one is made of; those that are not there yet are trained.

    Args:
        config: of the merged run.
        merged: how its networks begin.
        fingerprint: of its data.
        train: trains a run.

    Returns:
        The runs.
    """
    counted = []
    start = None if merged.start is None else Run.open(merged.start, config.trust)
    if merged.joint_steps is not None:
        start = finished_run(joint_config(config, merged.joint_steps), fingerprint, train)
        counted.append(start.result)
    apart = finished_run(apart_config(config, start), fingerprint, train)
    return Parts(apart, start, (*counted, apart.result))


def apart_config(config: RunConfig, start: Run | None) -> RunConfig:
    """The config of the networks that are trained apart; they neither act nor are improved by acting."""
    path = None if start is None else str(start.path)
    return with_contents(part_of(config, "common_start", {**COMMON_START, "start": path}))


def joint_config(config: RunConfig, steps: int) -> RunConfig:
    """The config of the network that learns all tasks first, for so many optimizer steps."""
    return part_of(config, "hard", HARD).changed(steps=steps, patience=None, rates=None)


def part_of(config: RunConfig, name: str, model: Node) -> RunConfig:
    """The same config with another model, which does not act."""
    choices = {**config.choices.model_dump(), "model": name, "execution": "none", "improve": "none"}
    return config.changed(choices=choices, model=model, execution={}, improve={})


def finished_run(config: RunConfig, fingerprint: str, train: Train) -> Run:
    """The run of a config on data of this fingerprint; trained now, by one process at a time, unless it is there."""
    first = run_path(config)
    first.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(first.with_suffix(".part.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        sys.stderr.write(f"waits for {first}, which another process trains\n")
        lock.acquire()
    try:
        for path in finished(first):
            run = Run.open(path, config.trust)
            with suppress(InputError):  # damaged: not an answer
                if run.result.data.fingerprint == fingerprint:
                    say_of_changes(run, config)
                    return run
        result = train(config)
        assert result is not None  # this process is the first
        if result.data.fingerprint != fingerprint:
            raise InputError("the data have changed while networks to be merged were trained: begin anew")
        return Run.open(Path(result.directory), config.trust)
    finally:
        lock.release()


def merge(run: Run, assembly: Assembly, merged: Merged, parts: Parts) -> tuple[Fitted, MergingResult]:
    """Merge the trunks into the network of the run, and keep it as its checkpoint.

    Args:
        run: its directory.
        assembly: its objects, the rows loaded.
        merged: how to merge.
        parts: what to merge.

    Returns:
        How the training went, which is the sum of its parts; and what was merged.
    """
    reset_peak_memory()
    started = time.perf_counter()
    networks = load_run(parts.apart).module
    assert isinstance(networks.network.sharing, CommonStart)
    copy_heads(networks.network, assembly.module.network)
    assembly.module.weighting.load_state_dict(networks.weighting.state_dict())
    trials = TrunkTrials(assembly.module, assembly.data)
    check_kept_state(networks.network.sharing)
    trials.trunk.load_state_dict(networks.network.sharing.start.state)
    found = merged.merge.merge(task_vectors(networks.network.sharing, trials, assembly.config.seed), trials)
    trials.put(found.values)
    noted = [found.note] if found.note else []
    sys.stderr.write("".join(f"{note}\n" for note in noted))
    apart = parts.counted[-1]
    write_checkpoint(run.best, {"state_dict": assembly.module.state_dict(), "epoch": apart.selection.epoch})
    seconds = time.perf_counter() - started
    loggers = make_loggers(run.path, assembly.config)
    log_hyperparameters(loggers, assembly.config)
    for step, (coefficient, score) in enumerate(found.tried):
        for logger in loggers:
            logger.log_metrics({"merging/coefficient": coefficient, "val/score": score}, step)
    fitted = Fitted(
        loggers=loggers,
        steps=sum(one.steps for one in parts.counted),
        epochs=sum(one.epochs for one in parts.counted),
        selection=apart.selection,
        seconds=sum(one.seconds.fit for one in parts.counted) + seconds,
        step_seconds=apart.seconds.step,
        notes=(*(note for one in parts.counted for note in one.notes if note not in assembly.data.notes), *noted),
    )
    return fitted, merging_result(found, assembly, parts, seconds)


def merging_result(found: MergedTrunk, assembly: Assembly, parts: Parts, seconds: float) -> MergingResult:
    """What the result says of the merging."""
    return MergingResult(
        parts=str(parts.apart.path),
        start=None if parts.start is None else str(parts.start.path),
        coefficients=dict(zip(assembly.graph.names, found.coefficients.tolist(), strict=True)),
        tried=[[coefficient, score] for coefficient, score in found.tried],
        seconds=seconds,
    )


def task_vectors(networks: CommonStart, trials: TrunkTrials, seed: int) -> TaskVectors:
    """What the networks have learned since their start, in the order of the parameters of the trunk to be."""
    parameters = trainable(trials.trunk)
    at_start = networks.start.state
    start = torch.cat([at_start[name].flatten() for name in parameters])
    learned = torch.stack([flat(networks.encoders[name], parameters) for name in networks.task_names])
    return TaskVectors(start, learned - start, tuple(one.numel() for one in parameters.values()), seed)


def check_kept_state(networks: CommonStart) -> None:
    """InputError where a trunk has changed something in training that merging knows nothing of."""
    kept = other_state(networks.encoders[networks.task_names[0]])
    at_start = networks.start.state
    for name in kept.keys() & at_start.keys():
        for task in networks.task_names:
            if not torch.equal(networks.encoders[task].state_dict()[name], at_start[name]):
                raise InputError(
                    f"merging: the encoder keeps statistics of its training in '{name}', which cannot be added up"
                )
