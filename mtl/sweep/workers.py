"""Worker processes of a sweep: each does the runs of a plan that are neither done nor under way elsewhere."""

import gc
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path

from mtl.config.own_code import exits_are_errors, line_of
from mtl.config.process import program_imports
from mtl.config.signals import interruptions_prevail
from mtl.errors import InputError
from mtl.runs.lock import wait_until_left
from mtl.sweep.processes import POLL, threads_each
from mtl.sweep.queue import DONE, FAILED, PENDING, Claim, QueuedRun, RunQueue
from mtl.sweep.stop_flag import StopFlag
from mtl.sweep.worker_pool import WorkerPool

LOST = 3  # processes in a row that may die before the state of a run changes
REST = 10.0  # times as long as a look takes until the next: many commands over thousands of runs ask much of their disk


def do_run(claim: Claim, threads: int) -> None:
    """Train one run, or go on with one that was paused or whose process died. Errors are recorded, not raised."""
    # Imported here: the process that only watches need not wait for torch
    with program_imports():
        from mtl.lifecycle.resume import resumable_run
        from mtl.lifecycle.train import train
        from mtl.training.callbacks import Pruned

    config, until = claim.entry.config, claim.entry.until
    try:
        with interruptions_prevail(), exits_are_errors():
            dead = claim.unfinished()
            if dead is not None:
                wait_until_left(dead.path)
                again = config.changed(resume=str(dead.path))
                try:
                    with interruptions_prevail(), exits_are_errors():
                        resumable_run(again)
                except InputError:  # it died before an epoch was finished
                    claim.discard()
                else:
                    config = again
            train(
                config,
                on_run_created=claim.on_run_created,
                on_validation=None if until is None else lambda epochs, _: epochs >= until,
                most_threads=threads,
            )
    except Pruned:
        claim.queue.record_pause(claim.entry)
    except Exception as error:
        text = str(error) if isinstance(error, InputError) else line_of(error)
        claim.queue.fail(claim.entry, " ".join(text.split()), traceback.format_exc())
    finally:
        gc.collect()  # a trained network and its data refer to each other, and the next run needs the memory


def do_at_once(claims: Sequence[Claim], threads: int) -> None:
    """Train several runs of one shape at once. Errors are recorded, not raised."""
    with program_imports():
        from mtl.lifecycle.together import Job, train_jobs

    jobs = [Job(claim.entry.config, claim.on_run_created, most_threads=threads) for claim in claims]
    try:
        with interruptions_prevail(), exits_are_errors():
            train_jobs(jobs, len(jobs))
    except Exception as error:  # of all of them
        for job in jobs:
            job.error = job.error or error
    finally:
        gc.collect()
    for claim, job in zip(claims, jobs, strict=True):
        if job.result is None and job.error is not None:
            text = str(job.error) if isinstance(job.error, InputError) else line_of(job.error)
            claim.queue.fail(claim.entry, " ".join(text.split()), "".join(traceback.format_exception(job.error)))


def do_runs(
    entries: Sequence[QueuedRun],
    output: Path,
    threads: int,
    stop: StopFlag,
    *,
    fail_fast: bool,
    replicas: int = 1,
    leases: str | None = None,
) -> None:
    """Go through the entries once, doing each that is neither done, failed nor held by somebody.

    Args:
        entries: what to do, in this order.
        output: the directory that holds ``runs/`` and the queue.
        threads: most of a run that does not say them.
        stop: ends it after the run under way.
        fail_fast: set ``stop`` at the first failure.
        replicas: most runs of one shape that are trained at once.
        leases: as for :class:`~mtl.sweep.queue.RunQueue`.
    """
    queue = RunQueue(output, leases, patient=True)  # which whoever plans the runs has used
    for left in alike_runs(entries, replicas):
        if stop.is_set():
            return
        alike, claims = list[QueuedRun](), list[Claim]()
        with ExitStack() as held:
            # Claimed one by one: processes that begin together would else share the first runs, in small stacks
            while left and len(claims) < replicas:
                alike.append(left.popleft())
                claim = held.enter_context(queue.claim(alike[-1]))
                if claim is not None:
                    claims.append(claim)
            fresh = [claim for claim in claims if claim.unfinished() is None]  # a dead run is gone on with by itself
            if len(fresh) > 1:
                do_at_once(fresh, threads)
            for claim in claims if len(fresh) <= 1 else [one for one in claims if one not in fresh]:
                do_run(claim, threads)
        if fail_fast and any(queue.state(one) == FAILED for one in alike):
            stop.set()


def alike_runs(entries: Sequence[QueuedRun], replicas: int) -> Iterator[deque[QueuedRun]]:
    """For the first entry that is left, it and those after it that may be trained beside it.

    Args:
        entries: in this order.
        replicas: most runs of one shape that are trained at once.

    Yields:
        deque[QueuedRun]: entries of one shape; taken away from its left is what is dealt with, at least one.
    """
    if replicas == 1:
        yield from (deque([entry]) for entry in entries)
        return
    shapes = shapes_of(entries)
    waiting: dict[tuple[str, str], deque[QueuedRun]] = {}
    for entry, shape in zip(entries, shapes, strict=True):
        waiting.setdefault(shape, deque()).append(entry)
    for entry, shape in zip(entries, shapes, strict=True):
        if waiting[shape] and waiting[shape][0] is entry:
            yield waiting[shape]


def shapes_of(entries: Sequence[QueuedRun]) -> list[tuple[str, str]]:
    """What entries have in common that may be trained at once: data, and all but seed, weighting and rates.

    Entries that cannot be trained beside others by what their configs say have nothing in common with any.
    """
    from mtl.training.stack.offered import obstacle_in_config, shape_of

    return [
        (entry.fingerprint, shape_of(entry.config))
        if obstacle_in_config(entry.config) is None and entry.until is None
        else ("", entry.key)
        for entry in entries
    ]


def sweep(
    entries: Sequence[QueuedRun],
    output: Path,
    workers: int,
    *,
    fail_fast: bool = False,
    watch: Callable[[], None] = lambda: None,
    replicas: int = 1,
    leases: str | None = None,
    pool: WorkerPool | None = None,
    spare: Sequence[QueuedRun] = (),
) -> None:
    """Do all runs; returns when each is done or failed, or one failed and ``fail_fast``.

    Args:
        entries: what to do, in this order.
        output: the directory that holds ``runs/`` and the queue.
        workers: processes; 0 does it in this one.
        fail_fast: stop at the first failure. Runs under way are finished.
        watch: called between and, with workers, at every look at what is left: twice a second, or less often where a
            look takes long.
        replicas: most runs of one shape that a process trains at once; with several processes the runs are divided
            among them first.
        leases: as for :class:`~mtl.sweep.queue.RunQueue`.
        pool: its processes do it, and outlive this; None: processes that end with it.
        spare: what a process of the pool does while others are at the last of the entries; some of it may be under way
            when this returns.

    Raises:
        InputError: processes die before they have trained anything.
    """
    queue = RunQueue(output, leases, patient=True)
    for entry in entries:
        queue.forget_failure(entry)
    with WorkerPool(output) if pool is None else nullcontext(pool) as team:
        team.stop.clear()
        if workers == 0:
            parts = [list(entries)] if replicas > 1 else [[entry] for entry in entries]
            for part in parts:
                do_runs(part, output, threads_each(1), team.stop, fail_fast=fail_fast, replicas=replicas, leases=leases)
                watch()
            return
        each = min(replicas, max(1, -(-len(entries) // workers)))
        work = partial(do_runs, fail_fast=fail_fast, replicas=each, leases=leases)
        before: list[str] = []
        lost = team.lost
        while True:
            busy = team.busy()
            began = time.monotonic()
            states = [] if team.stop.is_set() else queue.states(entries)
            if states != before:
                before, lost = states, team.lost
            if team.lost - lost >= LOST:
                raise InputError(f"processes end before they have trained: see {queue.path}/worker-*.log")
            watch()
            took = time.monotonic() - began
            ended = all(state in (DONE, FAILED) for state in states)
            if ended and (not busy or (spare and not team.stop.is_set())):
                return
            waiting = states.count(PENDING)
            for _ in range(min(waiting, workers - busy)):
                team.give(work, list(entries), output, threads_each(workers))
            if not waiting and busy < workers and states:
                left = [entry for entry in spare if queue.state(entry) == PENDING]
                for entry in left[: workers - busy]:
                    team.give(work, [entry], output, threads_each(workers))
            team.wait(max(POLL, REST * took))
