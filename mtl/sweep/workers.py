"""Processes that do the runs of a plan, each taking from the ledger what nobody else is at."""

import gc
import multiprocessing
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

from mtl.config.process import set_process_defaults, usable_cores
from mtl.errors import InputError
from mtl.sweep.queue import DONE, FAILED, PENDING, Claim, Entry, Ledger

POLL = 0.5  # seconds between two looks at the ledger


class Flag(Protocol):
    """What an event of threads and one of processes have in common."""

    def is_set(self) -> bool:
        """Whether it was raised."""

    def set(self) -> None:
        """Raise it."""


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
        train(config, on_run_created=claim.began)
    except Exception as error:
        text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        claim.ledger.fail(claim.entry, " ".join(text.split()), traceback.format_exc())
    finally:
        gc.collect()  # a trained network and its data refer to each other, and the next run needs the memory


def work(entries: Sequence[Entry], output: Path, threads: int, stop: Flag, *, fail_fast: bool) -> None:
    """Go through the entries once, doing each that is neither done, failed nor held by somebody."""
    ledger = Ledger(output)
    for entry in entries:
        if stop.is_set():
            return
        with ledger.claim(entry) as claim:
            if claim is not None:
                do_run(claim, threads)
        if fail_fast and ledger.state(entry) == FAILED:
            stop.set()


def process(entries: Sequence[Entry], output: Path, threads: int, stop: Flag, fail_fast: bool) -> None:
    """A worker process. It ends with the process that started it, and its output goes to a file beside the ledger."""
    log = os.open(output / "ledger" / f"worker-{os.getpid()}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    sys.stdout.flush()
    os.dup2(log, 1)
    os.dup2(log, 2)
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(POLL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    set_process_defaults()
    work(entries, output, threads, stop, fail_fast=fail_fast)


def sweep(
    entries: Sequence[Entry],
    output: Path,
    workers: int,
    *,
    fail_fast: bool = False,
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Do all entries; returns when each is done or failed, or one failed and ``fail_fast``.

    Args:
        entries: what to do, in this order.
        output: the directory of the ledger.
        workers: processes; 0 does it in this one.
        fail_fast: stop at the first failure. Runs under way are finished.
        watch: called between and, with workers, several times a second.
    """
    ledger = Ledger(output)
    for entry in entries:
        ledger.forget_failure(entry)
    if workers == 0:
        stop: Flag = threading.Event()
        for entry in entries:
            work([entry], output, threads_each(1), stop, fail_fast=fail_fast)
            watch()
        return
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    team: list[BaseProcess] = []
    try:
        while True:
            team = [one for one in team if one.is_alive()]
            left = [entry for entry in entries if ledger.state(entry) not in (DONE, FAILED)]
            if stop.is_set():
                left = []
            watch()
            if not team and not left:
                return
            waiting = [entry for entry in left if ledger.state(entry) == PENDING]
            for _ in range(min(len(waiting), workers - len(team))):
                arguments = (list(entries), output, threads_each(workers), stop, fail_fast)
                team.append(context.Process(target=process, args=arguments, daemon=True))
                team[-1].start()
            time.sleep(POLL)
    finally:
        stop.set()
        for one in team:
            one.terminate()
        for one in team:
            one.join()


def threads_each(workers: int) -> int:
    """Threads of each of so many processes: together they use every core once, each at most 4, as in a single run."""
    return max(1, min(4, usable_cores() // max(workers, 1)))
