"""Going on with a run that was interrupted: by its own config, in which only what cannot change a number may differ."""

from collections.abc import Iterable
from pathlib import Path

from mtl.config.run_config import RunConfig
from mtl.errors import InputError
from mtl.runs.checkpoint import read_checkpoint
from mtl.runs.directory import Run, run_path
from mtl.runs.identity import identity, run_id
from mtl.runs.lock import check_free

# What a checkpoint holds beside the weights, and training goes on from
STATE = {"optimizer_states": list, "loops": dict, "callbacks": dict, "random_state": dict}
UNFINISHED = ("running", "interrupted", "pruned")  # a run that failed would fail again
ALLOWED = "only threads, progress, hardware.accelerator, rendezvous_timeout and max_time may differ"


class DataChangedError(InputError):
    """The data of a run are not those that its training began with."""


def check_data(run: Run, fingerprint: str) -> None:
    """Raise DataChangedError where a run would go on with other data: test rows may be rows that it has trained on.

    Args:
        run: to go on with.
        fingerprint: of the data as they are now.
    """
    was = run.fingerprint
    if was not in (None, fingerprint):
        raise DataChangedError(
            f"the data of run '{run.path}' have changed since its training began (fingerprint {fingerprint}, was "
            f"{was}), so it cannot be gone on with"
        )


def resumed_config(asked: RunConfig, typed: Iterable[str]) -> RunConfig:
    """The config to go on with: that of the run which ``asked.resume`` names, with what was typed anew.

    Args:
        asked: the config as composed, whose other values are defaults and not asked for.
        typed: top-level keys of the overrides that were typed.

    Returns:
        The run's own config, with ``resume`` set.

    Raises:
        InputError: there is no such run; the hardware that was typed would make it another run.
    """
    own = Run.open(str(asked.resume), asked.trust).config
    keys = set(typed)
    new = {name: getattr(asked, name) for name in asked.resumable_keys() if name in keys}
    if "hardware" in keys:
        if identity(asked.hardware) != identity(own.hardware):
            raise InputError(
                f"resume={asked.resume}: goes on with the run's own config; {ALLOWED}, and this is other hardware"
            )
        new["choices"] = own.choices.model_copy(update={"hardware": asked.choices.hardware})
    return own.model_copy(update={**new, "resume": asked.resume})


def unfinished_run(config: RunConfig) -> Run | None:
    """The last run of this config that was interrupted or killed, and that nobody trains now.

    So the same command started again goes on, as after a cluster has requeued its job.

    Args:
        config: what is to be trained.

    Returns:
        The run; None if there is none with a checkpoint to go on from.
    """
    for run in runs_of(config):
        try:
            check_free(run.path)
            resumable_run(config.changed(resume=str(run.path)))
        except InputError:  # somebody is at it, or there is nothing to go on from
            continue
        if run.state in UNFINISHED:
            return run
    return None


def runs_of(config: RunConfig) -> list[Run]:
    """Runs that were begun with the id of this config, the last one first."""
    found = [run for run in directories_of(config) if (run.path / "config.yaml").is_file()]
    return sorted(found, key=lambda run: (run.path / "config.yaml").stat().st_mtime, reverse=True)


def directories_of(config: RunConfig) -> list[Run]:
    """Directories that were made for runs with the id of this config, also those in which none was begun."""
    first = run_path(config)
    places = (path for path in (first, *sorted(first.parent.glob(f"{first.name}-*"))) if path.is_dir())
    return [Run(path, config.trust) for path in places]


def resumable_run(config: RunConfig) -> Run:
    """The unfinished run that ``resume`` names.

    Args:
        config: the run's own, with ``resume`` set.

    Returns:
        The run.

    Raises:
        InputError: it is complete, has nothing to go on from, or its config would give other numbers than this one.
    """
    run = Run.open(str(config.resume), config.trust)
    if run.state == "done":
        raise InputError(f"run '{run.path}' is complete: its result is in {run.path / 'result.json'}")
    if run_id(run.config) != run_id(config):
        raise InputError(f"resume={config.resume}: that run has another config; {ALLOWED}")
    if run.is_another:
        raise InputError(
            f"'{run.path / 'config.yaml'}' was changed after the training had begun, whose checkpoints are of what it "
            f"said before: put that back, or train anew; {ALLOWED}"
        )
    check_goes_on(run.last)
    heads = run.heads
    for path in (heads.start, heads.best):
        if path.is_file():
            read_checkpoint(path)
    if heads.last.is_file():
        check_goes_on(heads.last)
    return run


def check_goes_on(path: Path) -> None:
    """Raise InputError where a training cannot go on from a checkpoint: it is damaged, or of weights alone."""
    last = read_checkpoint(path)
    lacking = [name for name, kind in STATE.items() if not isinstance(last.get(name), kind) or not last[name]]
    if lacking:
        raise InputError(f"checkpoint '{path}' cannot be gone on from: it lacks {', '.join(lacking)}")
