"""The directory of a new run, locked; that of a run which was ended before its first checkpoint is used again."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from mtl.config.run_config import RunConfig
from mtl.errors import InputError
from mtl.lifecycle.resume import UNFINISHED, directories_of, runs_of
from mtl.runs.checksums import FILE
from mtl.runs.directory import NOTES, Run, run_path
from mtl.runs.files import PARTIAL
from mtl.runs.identity import run_id
from mtl.runs.lock import LOCK, hold, is_of_lock
from mtl.training.loggers.mlflow import BEGUN

FIRST = (LOCK, "fingerprint", NOTES, "state", FILE)  # of a run before its config; who writes the others holds the lock
# A run with one of these may have hours of work in it without a last checkpoint: it improves another, or was measured
NOT_AGAIN = ("parent.json", "result.json")


@contextmanager
def new_run(config: RunConfig) -> Iterator[Run]:
    """Within this, no other process trains the run.

    A run of this config that was ended before its first checkpoint has nothing to go on from, and would stay for ever.
    Its directory is emptied and used again. Only the groups of tasks that it had found stay: measuring them may have
    taken longer than the training will.

    What it gives is the run, with a directory that is empty but for its lock. InputError if none can be made there.
    """
    with ExitStack() as lock:
        for run in runs_of(config):
            if without_checkpoint(run, config) and held(run, lock):
                if without_checkpoint(run, config):  # nobody was faster
                    empty(run)
                    yield run
                    return
                lock.close()
        yield lock.enter_context(new_directory(config))


@contextmanager
def new_directory(config: RunConfig) -> Iterator[Run]:
    """A directory for a run of this config, locked: one in which a killed process had not begun yet, or a new one.

    What it gives is the run. InputError if no directory can be made there.
    """
    with ExitStack() as lock:
        # The folder, which may hold thousands of runs, is read only where the first place is taken
        for run in directories_of(config) if run_path(config).exists() else ():
            if without_config(run) and held(run, lock):
                if without_config(run):  # nobody was faster
                    empty(run)
                    yield run
                    return
                lock.close()
        run = Run.create(config)
        lock.enter_context(hold(run.path))
        yield run


def without_config(run: Run) -> bool:
    """Whether whoever made a directory was ended before it said of which run it is, and nothing else is there.

    An empty one may just have been made by somebody who is about to lock it. One with other files is somebody's, such
    as that of a run whose config a person has removed, or notes beside a run.
    """
    with suppress(OSError):
        names = {path.name for path in run.path.iterdir()}
        others = names.difference(FIRST)
        return len(others) < len(names) and all(is_of_lock(name) or PARTIAL.match(name) for name in others)
    return False


def held(run: Run, lock: ExitStack) -> bool:
    """Whether the lock of a run was free, and is held now."""
    try:
        lock.enter_context(hold(run.path))
    except InputError:
        return False
    return True


def without_checkpoint(run: Run, config: RunConfig) -> bool:
    """Whether a run of this very config was ended before there was anything to go on from."""
    if any((run.path / name).exists() for name in NOT_AGAIN):
        return False
    try:
        return run.state in UNFINISHED and not run.last.is_file() and run_id(run.config) == run_id(config)
    except InputError:  # its config is damaged: whose directory it is cannot be said
        return False


def empty(run: Run) -> None:
    """Remove what is in a run's directory, but for its lock, the groups of tasks that it had found, MLflow's number."""
    try:
        found = run.affinity
    except InputError:  # damaged: measured again
        found = None
    for path in run.path.iterdir():
        if is_of_lock(path.name) or path.name == BEGUN:  # somebody else may be about to look for a lock there
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    if found is not None:
        run.affinity = found
