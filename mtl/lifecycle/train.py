"""One run from config to result: train, select on validation, measure once on test, act, write down what came of it."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
import torch
from pytorch_lightning import Callback, Trainer

from mtl.agent.report import ExecutionReport
from mtl.assembly import (
    Assembly,
    Config,
    build,
    call,
    read_checkpoint,
    read_config,
    restore,
    save_config,
    save_statistics,
)
from mtl.config.validation import check_options
from mtl.errors import EXIT_INTERRUPTED, InputError
from mtl.inspection.pictures import show_affinity, show_sharing
from mtl.lifecycle.execution import act, environment_for
from mtl.module.loss_meter import Diverged
from mtl.runs.directory import SCHEMA, Run
from mtl.runs.files import atomic_path
from mtl.runs.identity import run_id
from mtl.training.callbacks import Timer
from mtl.training.callbacks.best_epoch_per_task import OwnBest
from mtl.training.grouping import check as check_measuring
from mtl.training.grouping import grouped
from mtl.training.resources import (
    count_flops,
    count_parameters,
    environment,
    inference_seconds,
    peak_memory,
    reset_peak_memory,
)
from mtl.training.trainer import boards, make_trainer, processes_of, silent_lightning, threads_for

# What a checkpoint holds beside the weights, and training goes on from
STATE = {"optimizer_states": list, "loops": dict, "callbacks": dict, "random_state": dict}
RUN_VARIABLE = "MTL_RUN"  # tells the other processes of one training where the first writes


def nobody(report: ExecutionReport) -> None:
    """Listens to no report."""


def unwatched(run: Run) -> None:
    """Takes no notice of a new run."""


def train(
    config: Config,
    callbacks: tuple[Callback, ...] = (),
    acted: Callable[[ExecutionReport], None] = nobody,
    began: Callable[[Run], None] = unwatched,
) -> dict[str, Any]:
    """Train what ``config`` says (or go on with the run that ``config["resume"]`` names) and return its result.

    Leaves a run directory (see :mod:`mtl.runs.directory`); an interrupted or failed run keeps its last good checkpoint.

    Args:
        config: a resolved config.
        callbacks: Lightning callbacks to add.
        acted: told the report when the trained agent has acted.
        began: told the run as soon as it has a directory.

    Raises:
        InputError: something in the config or the data is wrong, or the training diverged.
    """
    with silent_lightning():
        return _train(config, callbacks, acted, began)


def _train(
    config: Config,
    callbacks: tuple[Callback, ...],
    acted: Callable[[ExecutionReport], None],
    began: Callable[[Run], None],
) -> dict[str, Any]:
    resumed = resumable(config) if config["resume"] is not None else None
    if resumed is not None:
        config = {**read_config(resumed), **{key: config[key] for key in ("threads", "progress", "hardware")}}
    # Mistakes in the config or the data end here, before a directory is made
    check_options(config)
    lightning.seed_everything(config["seed"], verbose=False)
    torch.set_num_threads(config["threads"] or threads_for(config["hardware"]))
    known = resumed.affinity if resumed else None
    assembly = build(config, resumed.statistics if resumed else None, known["groups"] if known else None)
    check_measuring(assembly)
    call("optimizer or scheduler", assembly.module.configure_optimizers)
    world = processes_of(config["hardware"])
    place = environment_for(assembly)
    if resumed is not None:
        restore(assembly.module, resumed.best)  # both are needed, and of this model
        restore(assembly.module, resumed.last)
    started = time.perf_counter()
    assembly.data.setup("fit")
    assembly.data.loader("train", training=True, world=world)
    seconds = {"data": time.perf_counter() - started}
    first = RUN_VARIABLE not in os.environ
    run = resumed or shared_run(config)
    try:
        if first:
            began(run)
            os.environ[RUN_VARIABLE] = str(run.path.resolve())
            run.state = "running"
            save_config(run, config)
            save_statistics(run, assembly)
            if config["progress"]:
                sys.stderr.write(assembly.data.preview())
        assembly = grouped(run, assembly, boards(run))
        trained = fit(run, assembly, seconds, resumed=resumed is not None, callbacks=callbacks)
        if trained is None:
            return {}
        result, trainer = trained
        report = act(run, assembly, place, result, trainer.loggers, trainer.global_step)
        run.finish(result)
        if report is not None:
            acted(report)
        return result
    except Diverged as error:
        run.state = "failed"
        raise Diverged(f"{error}; {kept(run)}") from None
    except InputError:
        run.state = "failed"
        if first and not run.last.is_file():
            shutil.rmtree(run.path)  # nothing that could be of use
        raise
    except OSError as error:  # a full disk, a directory that may not be written
        with suppress(OSError):
            run.state = "failed"
        raise InputError(f"cannot go on with run '{run.path}': {error}; {kept(run)}") from None
    except (SystemExit, KeyboardInterrupt):  # SystemExit is what Lightning makes of Ctrl-C
        signal.signal(signal.SIGINT, signal.default_int_handler)  # which it also turned off
        run.state = "interrupted"
        if first:
            again = f"go on with: python train.py resume={run.path}" if run.last.is_file() else "no epoch was finished"
            sys.stderr.write(f"interrupted; {again}\n")
        raise SystemExit(EXIT_INTERRUPTED) from None
    except BaseException:
        run.state = "failed"
        raise
    finally:
        if first:
            os.environ.pop(RUN_VARIABLE, None)


def kept(run: Run) -> str:
    """What there is to go on from when a run fails."""
    return f"the last good state is in {run.last}" if run.last.is_file() else "no epoch was finished"


def resumable(config: Config) -> Run:
    """The unfinished run that ``resume`` names. InputError if it is complete, or has nothing to go on from."""
    run = Run.open(str(config["resume"]))
    if run.state == "done":
        raise InputError(f"run '{run.path}' is complete: its result is in {run.path / 'result.json'}")
    last = read_checkpoint(run.last)
    lacking = [name for name, kind in STATE.items() if not isinstance(last.get(name), kind) or not last[name]]
    if lacking:
        raise InputError(f"checkpoint '{run.last}' cannot be gone on from: it lacks {', '.join(lacking)}")
    return run


def fit(
    run: Run, assembly: Assembly, seconds: dict[str, float], *, resumed: bool, callbacks: tuple[Callback, ...]
) -> tuple[dict[str, Any], Trainer] | None:
    """Train, and measure with the best weights: the result so far and the trainer; None for a process that is not the
    first.
    """
    config, data, module = assembly.config, assembly.data, assembly.module
    timer, own = Timer(), OwnBest(data.selection, data.acting)
    trainer = make_trainer(run, assembly, (own, timer, *callbacks))
    reset_peak_memory()
    try:
        trainer.fit(module, datamodule=data, ckpt_path=run.last if resumed else None, weights_only=True)
    except Exception as error:
        if config["compile"] and type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            text = " ".join(str(error).split())
            raise InputError(f"compile=true does not work here, use compile=false: {text[:200]}") from None
        raise
    found = run.affinity
    before = float(found["seconds"]) if found else 0.0
    seconds |= {"fit": before + timer.fit(), "step": timer.seconds / max(timer.batches, 1)}
    if not trainer.is_global_zero:
        return None
    some = module.transfer_batch_to_device(next(iter(data.loader("val"))), module.device, 0)
    show_sharing(module, some, trainer.loggers, trainer.global_step)
    if found:
        show_affinity(found, run.path, trainer.loggers)
    best = read_checkpoint(run.best)
    if own.values:
        own.rewrite(best)
        save_whole(best, run.best)
    restore(module, run.best)
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "run_id": run_id(config),
        "status": "done",
        "directory": str(run.path),
        "choices": config["choices"],
        "seed": config["seed"],
        "config": config,
        "data": {"fingerprint": data.fingerprint, "rows": {name: len(split) for name, split in data.splits.items()}},
        "selection": {
            "metric": data.selection[0],
            "mode": data.selection[1],
            "epoch": best["epoch"],
            "by_task": own.epochs,  # where nothing is shared each task keeps its own best epoch
        },
        "tasks": {
            task.name: {"primary": task.primary, "higher_is_better": task.higher_is_better} for task in data.tasks
        },
        "metrics": {split: module.evaluate(data.loader(split)) for split in ("train", "val", "test")},
        "parameters": count_parameters(module),
        "flops": count_flops(module, data),
        "seconds": seconds,
        "steps": trainer.global_step,
        "epochs": trainer.current_epoch,
        "peak_memory_bytes": peak_memory(),
        "environment": environment(),
    }
    if found:
        result["affinity"] = found
    seconds["inference"] = inference_seconds(module, data)
    return result, trainer


def shared_run(config: Config) -> Run:
    """A new run directory; the other processes of the same training are told it by the first."""
    if RUN_VARIABLE in os.environ:
        return Run.open(os.environ[RUN_VARIABLE])
    return Run.create(config)


def save_whole(checkpoint: dict[str, Any], path: Path) -> None:
    """Write a checkpoint atomically."""
    with atomic_path(path) as partial:
        torch.save(checkpoint, partial)
