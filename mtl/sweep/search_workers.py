"""Worker processes of a search for hyper-parameters: each takes the next trial until none is left."""

import gc
import multiprocessing
import time
import traceback
from collections.abc import Callable
from math import isfinite
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING

from mtl.config.own_code import exits_are_errors, line_of
from mtl.config.process import program_imports
from mtl.config.run_result import RunResult
from mtl.config.search_settings import Search
from mtl.config.signals import interruptions_prevail
from mtl.errors import InputError
from mtl.runs.directory import Run
from mtl.runs.lock import wait_until_left
from mtl.sweep.processes import POLL, end_all, start_worker, threads_each, worker_process
from mtl.sweep.search_study import ERROR, RUN, SearchStudy, directory_of

if TYPE_CHECKING:
    from optuna.trial import Trial

ENDS = 3  # worker processes in a row that may fail before a trial changes its state


def do_trial(study: SearchStudy, trial: "Trial", threads: int) -> None:
    """Train one trial, or go on with its run, and tell Optuna what came of it. Errors are recorded, not raised."""
    from optuna.trial import TrialState

    with program_imports():
        from mtl.config.compose import configure
        from mtl.lifecycle.train import train
        from mtl.training.callbacks import Pruned

    same = study.twin(trial)
    if same is not None:
        trial.set_user_attr(RUN, same.user_attrs[RUN])
        study.study.tell(trial, same.value)
        return

    def on_validation(epochs: int, score: float) -> bool:
        if isfinite(score):
            study.report(trial, epochs, score)
        return trial.should_prune()

    try:
        with interruptions_prevail(), exits_are_errors():
            own = configure(*study.search.fixed, *study.overrides(trial))
            config = own.changed(progress=False)
            result = finished_before(study, trial) or train(
                config,
                on_run_created=lambda run: trial.set_user_attr(RUN, str(run.path)),
                on_validation=on_validation,
                most_threads=threads,
            )
            if result is None:
                raise InputError("a search trains in one process for each trial: choose hardware of one process")
            study.check_data(result.data.fingerprint)
            score = result.metrics["val"].score
            if score is None:
                raise InputError("validation gave no score")
            study.report_before(trial)
            study.study.tell(trial, score)
    except Pruned:
        study.study.tell(trial, state=TrialState.PRUNED)
    except Exception as error:
        if not isinstance(error, InputError):
            traceback.print_exc()
        text = str(error) if isinstance(error, InputError) else line_of(error)
        trial.set_user_attr(ERROR, " ".join(text.split()))
        study.study.tell(trial, state=TrialState.FAIL)
    finally:
        gc.collect()  # a trained network and its data refer to each other, and the next trial needs the memory


def finished_before(study: SearchStudy, trial: "Trial") -> RunResult | None:
    """The result of the run that a trial goes on with, where its process ended just before it told Optuna."""
    before = study.run_before(trial)
    if before is None:
        return None
    wait_until_left(Path(before))
    try:
        result = Run(Path(before)).result
    except InputError:  # it is unfinished
        return None
    trial.set_user_attr(RUN, before)
    return result


def do_trials(search: Search, threads: int, watch: Callable[[SearchStudy], None] = lambda _: None) -> None:
    """Train trials until none is left.

    Args:
        search: what is asked.
        threads: most of a trial that does not say them.
        watch: called before each trial and at the end.
    """
    study = SearchStudy(search)
    while True:
        watch(study)
        with study.claim() as trial:
            if trial is None:
                return
            do_trial(study, trial, threads)


def run_worker(search: Search, threads: int) -> None:
    """What a worker process does. It ends with the process that started it; its output goes to a file of the search."""
    with worker_process(directory_of(search)):
        do_trials(search, threads)


def carry_out(search: Search, workers: int, watch: Callable[[SearchStudy], None]) -> SearchStudy:
    """Train all trials that are left.

    Args:
        search: what is asked.
        workers: processes; 0 does it in this one.
        watch: called between two trials and, with workers, several times a second.

    Returns:
        The search.

    Raises:
        InputError: the storage cannot be used, or workers end before they have trained anything.
    """
    study = SearchStudy(search)
    if workers == 0:
        do_trials(search, threads_each(1), watch)
        watch(study)
        return study
    context = multiprocessing.get_context("spawn")
    processes: list[BaseProcess] = []
    ended, states = 0, ""
    try:
        while True:
            now = str([one.state for one in study.trials])
            ended = 0 if now != states else ended + sum(one.exitcode not in (None, 0) for one in processes)
            states = now
            if ended >= ENDS:
                raise InputError(
                    f"workers of the search end before they have trained: see {study.directory}/worker-*.log"
                )
            processes = [one for one in processes if one.is_alive()]
            left = study.left()
            watch(study)
            if not processes and not left:
                return study
            for _ in range(min(left, workers - len(processes))):
                processes.append(context.Process(target=run_worker, args=(search, threads_each(workers)), daemon=True))
                start_worker(processes[-1])
            time.sleep(POLL)
    finally:
        end_all(processes)
