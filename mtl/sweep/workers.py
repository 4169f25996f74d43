"""Worker processes of a sweep: each does the runs of a plan that are neither done nor under way elsewhere."""

import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

from mtl.config.process import set_process_defaults, usable_cores
from mtl.config.signals import exit_code, signals_interrupt
from mtl.errors import InputError
from mtl.runs.attempts import queue_directory
from mtl.sweep.queue import DONE, FAILED, PENDING, Claim, QueuedRun, RunQueue

GRACE = 20.0  # seconds that a worker has to end a run cleanly
POLL = 0.5  # seconds between two looks at the queue


def do_run(claim: Claim, threads: int) -> None:
    """Train one run, or go on with one whose process died. Errors are recorded, not raised."""
    # Imported here: the process that only watches need not wait for torch
    from mtl.lifecycle.resume import resumable_run
    from mtl.lifecycle.train import train

    own = claim.entry.config
    config = own.changed(threads=own.threads or threads)
    try:
        dead = claim.unfinished()
        if dead is not None:
            again = config.changed(resume=str(dead.path))
            try:
                resumable_run(again)
            except InputError:  # it died before an epoch was finished
                claim.discard()
            else:
                config = again
        train(config, on_run_created=claim.on_run_created)
    except Exception as error:
        text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        claim.queue.fail(claim.entry, " ".join(text.split()), traceback.format_exc())
    finally:
        gc.collect()  # a trained network and its data refer to each other, and the next run needs the memory


def do_runs(entries: Sequence[QueuedRun], output: Path, threads: int, stop: Event, *, fail_fast: bool) -> None:
    """Go through the entries once, doing each that is neither done, failed nor held by somebody."""
    queue = RunQueue(output)
    for entry in entries:
        if stop.is_set():
            return
        with queue.claim(entry) as claim:
            if claim is not None:
                do_run(claim, threads)
        if fail_fast and queue.state(entry) == FAILED:
            stop.set()


def run_worker(entries: Sequence[QueuedRun], output: Path, threads: int, stop: Event, fail_fast: bool) -> None:
    """What a worker process does. It ends with the process that started it; its output goes to a file of the queue."""
    log = os.open(queue_directory(output) / f"worker-{os.getpid()}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    sys.stdout.flush()
    os.dup2(log, 1)
    os.dup2(log, 2)
    threading.Thread(target=exit_with_parent, daemon=True).start()
    set_process_defaults()
    try:
        with signals_interrupt():
            do_runs(entries, output, threads, stop, fail_fast=fail_fast)
    except KeyboardInterrupt as error:  # between two runs
        raise SystemExit(exit_code(error)) from None


def exit_with_parent() -> None:
    """Wait until the process that started this one is gone, then end this one, cleanly where that is soon done."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE)
        os._exit(1)


def sweep(
    entries: Sequence[QueuedRun],
    output: Path,
    workers: int,
    *,
    fail_fast: bool = False,
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Do all runs; returns when each is done or failed, or one failed and ``fail_fast``.

    Args:
        entries: what to do, in this order.
        output: the directory that holds ``runs/`` and the queue.
        workers: processes; 0 does it in this one.
        fail_fast: stop at the first failure. Runs under way are finished.
        watch: called between and, with workers, several times a second.
    """
    queue = RunQueue(output)
    for entry in entries:
        queue.forget_failure(entry)
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    if workers == 0:
        for entry in entries:
            do_runs([entry], output, threads_each(1), stop, fail_fast=fail_fast)
            watch()
        return
    processes: list[BaseProcess] = []
    try:
        while True:
            processes = [one for one in processes if one.is_alive()]
            left = [entry for entry in entries if queue.state(entry) not in (DONE, FAILED)]
            if stop.is_set():
                left = []
            watch()
            if not processes and not left:
                return
            waiting = [entry for entry in left if queue.state(entry) == PENDING]
            for _ in range(min(len(waiting), workers - len(processes))):
                arguments = (list(entries), output, threads_each(workers), stop, fail_fast)
                processes.append(context.Process(target=run_worker, args=arguments, daemon=True))
                processes[-1].start()
            time.sleep(POLL)
    finally:
        stop.set()
        for one in processes:
            one.terminate()  # what it trains is left interrupted, with its last checkpoint
        limit = time.monotonic() + GRACE
        for one in processes:
            one.join(max(0.0, limit - time.monotonic()))
            one.kill()  # nothing, where it has ended
            one.join()


def threads_each(workers: int) -> int:
    """Threads of each of so many processes: together they use every core once, each at most 4, as in a single run."""
    return max(1, min(4, usable_cores() // max(workers, 1)))
