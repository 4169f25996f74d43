"""Several runs in one process: those of one shape are trained at once, the others one after another."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from copy import copy
from dataclasses import dataclass, field

import pytorch_lightning as lightning
import torch

from mtl.agent.report import ExecutionReport
from mtl.assembly import build_with_data, trees_of
from mtl.config.own_code import exits_are_errors
from mtl.config.printable import printable_line
from mtl.config.run_config import RunConfig
from mtl.config.run_result import RunResult
from mtl.config.signals import interruptions_prevail, signals_interrupt
from mtl.errors import InputError
from mtl.lifecycle.common_start import begin_with_start
from mtl.lifecycle.execution import check_meeting, check_rows, environment_for
from mtl.lifecycle.failures import failures_recorded
from mtl.lifecycle.fit import Observers, fitted
from mtl.lifecycle.improvement import improvement_for
from mtl.lifecycle.introduction import introduce
from mtl.lifecycle.new_run import new_run
from mtl.lifecycle.result import Cost
from mtl.lifecycle.resume import unfinished_run
from mtl.lifecycle.train import Prepared, conclude, ignore, prepare, train, write_beginning
from mtl.module.lightning import silent_lightning
from mtl.runs.directory import Run
from mtl.training.callbacks import Checkpoints, Dashboard
from mtl.training.half_precision import MIXED
from mtl.training.loggers import make_loggers
from mtl.training.resources import reset_peak_memory
from mtl.training.stack.member import Member, SharedTimer
from mtl.training.stack.module import StackedModule
from mtl.training.stack.offered import check_losses, obstacle, obstacle_in_config, shape_of
from mtl.training.step_threads import step_threads, threads
from mtl.training.trainer import stack_trainer


@dataclass
class Job:
    """A run to be done.

    Attributes:
        config: what it is told.
        on_run_created: called with the run as soon as it has a directory.
        reports: of the trained agent, where it has acted.
        result: what came of it; None before, and where it failed.
        error: why it failed; None: it has not.
        most_threads: as for :func:`~mtl.lifecycle.train.train`.
    """

    config: RunConfig
    on_run_created: Callable[[Run], None] = ignore
    reports: list[ExecutionReport] = field(default_factory=list)
    result: RunResult | None = None
    error: Exception | None = None
    most_threads: int | None = None


@dataclass
class Trainee:
    """A run of a stack.

    Attributes:
        job: what is to be done.
        prepared: its objects.
        observers: of its training.
        random_state: of torch, once its objects are made: its training goes on from there.
        member: of the stack; None before it begins.
        run: its directory; None before it has one.
    """

    job: Job
    prepared: Prepared
    observers: Observers
    random_state: torch.Tensor
    run: Run | None = None
    member: Member | None = None


def train_jobs(jobs: Sequence[Job], replicas: int) -> None:
    """Train runs, up to ``replicas`` of one shape at once, and put into each job what came of it.

    Runs are of one shape where they differ in nothing but the seed, the weighting, the learning rate and the weight
    decay. What cannot be trained beside others is trained by itself, after the others of its shape; a line on the
    standard error says why. A run that fails leaves the others alone.

    Args:
        jobs: runs.
        replicas: most runs at once.
    """
    for group in groups_of(jobs, replicas):
        together = group
        while len(together) > 1:
            apart = train_stack(together)
            if not apart:
                break
            say_apart(apart, len(together))
            together = [job for job in together if not any(job is one for one, _ in apart)]
        for job in group:
            if job.result is None and job.error is None:
                train_alone(job)


def say_apart(apart: Sequence[tuple[Job, str]], runs: int) -> None:
    """Say which of so many runs are not trained at once, and why."""
    others = runs - len(apart)
    if others < 2:  # of which there is no stack either
        sys.stderr.write(f"{runs} runs are trained one after another, not at once: {printable_line(apart[0][1])}\n")
        return
    for reason, count in Counter(reason for _, reason in apart).items():
        what = "is trained by itself" if count == 1 else "are trained one after another"
        sys.stderr.write(f"{count} of {runs} runs {what}, and not at once with others: {printable_line(reason)}\n")


def groups_of(jobs: Iterable[Job], replicas: int) -> list[list[Job]]:
    """Jobs that may be done at once, in the order in which the first of each group stands."""
    alike: dict[str, list[Job]] = {}
    for number, job in enumerate(jobs):
        config = job.config
        alone = trees_of(config) is not None or unfinished_run(config) is not None
        alike.setdefault(str(number) if alone else shape_of(config), []).append(job)
    return [group[first : first + replicas] for group in alike.values() for first in range(0, len(group), replicas)]


def train_alone(job: Job) -> None:
    """Do a job as a run of its own."""
    try:
        with interruptions_prevail(), exits_are_errors():
            job.result = train(job.config, job.reports.append, job.on_run_created, most_threads=job.most_threads)
    except Exception as error:
        job.error = error


def train_stack(jobs: Sequence[Job]) -> list[tuple[Job, str]]:
    """Train runs of one shape at once.

    Args:
        jobs: two or more.

    Returns:
        Which of them cannot be trained beside others, and why; where there is any, none was trained. Nothing where all
        were.
    """
    apart = [(job, reason) for job in jobs if (reason := obstacle_in_config(job.config)) is not None]
    if apart:
        return apart
    with silent_lightning(), signals_interrupt(), ExitStack() as locks:
        trainees: list[Trainee] = []
        for job in jobs:
            try:
                trainees.append(prepared(job, trainees[0].prepared if trainees else None))
            except InputError:  # which it says for itself, where it is trained alone
                return [(job, "it cannot be prepared")]
        found = [(one.job, obstacle(one.prepared.assembly)) for one in trainees]
        apart = [(job, reason) for job, reason in found if reason is not None]
        if apart:
            return apart
        return Training(trainees).start(locks)


def prepared(job: Job, first: Prepared | None) -> Trainee:
    """The objects of a run; the rows are those of the first one, if there is one."""
    if first is None:
        made = prepare(job.config, job.most_threads)
    else:
        config = job.config
        lightning.seed_everything(config.seed, verbose=False)
        data = copy(first.assembly.data)
        data.configure_batches(config.batch_size, config.seed, config.accumulate)
        assembly = build_with_data(data, config)
        environment = environment_for(config, data)
        improvement = improvement_for(config, assembly, environment)
        check_rows(environment, improvement, data, config.seed)
        begin_with_start(assembly.module, config)
        check_meeting(environment, improvement, assembly.module.network)
        made = Prepared(assembly, improvement, environment, (), None, first.data_seconds)
    return Trainee(job, made, Observers.of(made.assembly, SharedTimer()), torch.get_rng_state())


class Training:
    """A training of several runs at once.

    Args:
        trainees: runs of one shape.
    """

    def __init__(self, trainees: Sequence[Trainee]) -> None:
        self.trainees = list(trainees)
        self.size = len(self.trainees)
        self.threads = torch.get_num_threads()
        self.cost: Cost | None = None  # of a prediction of one network, measured with the first that is trained

    def start(self, locks: ExitStack) -> list[tuple[Job, str]]:
        """Train.

        Args:
            locks: hold the runs' directories.

        Returns:
            Which runs cannot be trained at once, and why; nothing was trained then. Nothing where all were.
        """
        members = [self.member(one) for one in self.trainees]
        data = [one.prepared.assembly.data for one in self.trainees]
        config = self.trainees[0].job.config
        module = StackedModule(members, data, config.gradient_clip, self.on_end)
        trainer = stack_trainer(config, max(member.budget.epochs for member in members))
        mixed = trainer.precision_plugin.forward_context if config.hardware.precision == MIXED else None
        reason = check_losses(module.stack, [member.module for member in members], module.loader(), mixed)
        if reason is not None:
            return [(one.job, reason) for one in self.trainees]
        try:
            for one in self.trainees:
                try:
                    self.begin(one, locks)
                except Exception:  # which it says for itself, where it is trained alone
                    self.end_all(InputError("not trained at once"))  # nothing is left of those that had begun
                    return [(one.job, "it cannot begin")]
            introduce(data[0], config.hardware)
            reset_peak_memory()
            with step_threads(self.trainees[0].prepared.assembly, self.size):
                trainer.fit(module, module.loader(), data[0].val_dataloader())
        except BaseException as error:
            self.end_all(error)
            raise
        return []

    def member(self, one: Trainee) -> Member:
        """A run as a member of the stack, without what it writes."""
        one.member = Member(one.prepared.assembly.module, one.observers.budget, one.random_state)
        return one.member

    def begin(self, one: Trainee, locks: ExitStack) -> None:
        """Give a run its directory, and let its loggers and callbacks look at the training."""
        assert one.member is not None
        assembly = one.prepared.assembly
        one.run = run = locks.enter_context(new_run(one.job.config))
        with failures_recorded(run, first=True):
            write_beginning(run, assembly, one.job.on_run_created)
        one.member.loggers = make_loggers(run.path, assembly.config)
        one.member.callbacks = [
            Dashboard(assembly.config.log_every, assembly.data.selection[0]),
            *one.observers.callbacks,
            Checkpoints(run.best, run.last, *assembly.data.selection),
        ]

    def on_end(self, member: Member) -> None:
        """Conclude a run whose training has ended."""
        one = next(one for one in self.trainees if one.member is member)
        assert one.run is not None
        job = one.job
        try:
            with interruptions_prevail(), failures_recorded(one.run, first=True):
                if member.error is not None:
                    raise member.error
                how = fitted(one.run, one.prepared.assembly, member, one.observers)
                with threads(self.threads):  # acting may use more of them than a step
                    job.result = conclude(one.run, one.prepared, how, job.reports.append, self.size, self.cost)
                self.cost = self.cost or Cost(job.result.flops, job.result.seconds.inference)
        except Exception as error:
            job.error = error

    def end_all(self, error: BaseException) -> None:
        """Write down of the runs that have not ended that they were interrupted, or failed with the stack."""
        for one in self.trainees:
            if one.run is not None and one.job.result is None and one.job.error is None:
                with suppress(BaseException), failures_recorded(one.run, first=True):
                    raise error
