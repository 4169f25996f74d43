"""One run from config to result: train, select on validation, measure once on test, act, write down what came of it."""

import ctypes
import gc
import logging
import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import pytorch_lightning as lightning
import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger
from pytorch_lightning.profilers import Profiler
from pytorch_lightning.utilities.exceptions import MisconfigurationException  # type: ignore[attr-defined]
from pytorch_lightning.utilities.warnings import PossibleUserWarning  # type: ignore[attr-defined]
from torch.utils.flop_counter import FlopCounterMode

from mtl.agent.environment import ExecutionReport
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
from mtl.callbacks import Bar, Checkpoints, Dashboard, Timer
from mtl.cli import INTERRUPTED
from mtl.errors import InputError
from mtl.execution import act, place_to_act
from mtl.grouping import check as check_measuring
from mtl.grouping import grouped
from mtl.module import MultiTaskModule
from mtl.options import check_options
from mtl.pictures import show_affinity, show_sharing
from mtl.runs import SCHEMA, Run, replacing, run_id
from mtl.selection import OwnBest
from mtl.step_cost import StepCost
from mtl.suites.base import MultiTaskDataModule
from mtl.tally import Diverged

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

    Leaves a run directory (see :mod:`mtl.runs`); an interrupted or failed run keeps its last good checkpoint.

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
    place = place_to_act(assembly)
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
        raise SystemExit(INTERRUPTED) from None
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


def processes_of(hardware: Config) -> int:
    """How many processes this hardware trains with. InputError if the machine does not have it."""
    try:
        return Trainer(**hardware, logger=False, enable_checkpointing=False, enable_progress_bar=False).world_size
    except (MisconfigurationException, RuntimeError, ValueError, TypeError) as error:
        options = ", ".join(f"{key}={value}" for key, value in hardware.items())
        text = " ".join(str(error).split())
        raise InputError(f"this machine cannot train with hardware {options}: {text[:200]}") from None


@contextmanager
def silent_lightning() -> Iterator[None]:
    """Within this, Lightning says only what needs an answer."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Advice that does not apply: workers and samplers for data that is in memory, reducing metrics that every
            # process computes on all rows
            warnings.filterwarnings("ignore", category=PossibleUserWarning)
            warnings.filterwarnings("ignore", message="`isinstance\\(treespec, LeafSpec\\)` is deprecated")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


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


def make_trainer(run: Run, assembly: Assembly, callbacks: tuple[Callback, ...]) -> Trainer:
    """The Lightning trainer of a run."""
    config = assembly.config
    checkpoints = Checkpoints(run.best, run.last, *assembly.data.selection)
    number = len(list(run.path.glob("csv*"))) + 1  # a resumed run adds a file, since the logger would overwrite
    return Trainer(
        **config["hardware"],
        max_epochs=config["epochs"],
        accumulate_grad_batches=config["accumulate"],
        gradient_clip_val=config["gradient_clip"],
        logger=[
            *boards(run),
            CSVLogger(run.path, name="", version="csv" if number == 1 else f"csv-{number}"),
        ],
        callbacks=[
            Dashboard(config["log_every"], assembly.data.selection[0]),
            StepCost(),
            checkpoints,
            *([Bar(checkpoints)] if config["progress"] else []),
            *callbacks,
        ],
        num_sanity_val_steps=0,
        enable_progress_bar=False,  # ours costs less
        enable_model_summary=False,
        # Metrics are written by the dashboard callback at its own pace; Lightning's own logging happens once an epoch
        log_every_n_steps=0,
        use_distributed_sampler=False,
        profiler=Unprofiled(),
    )


def boards(run: Run) -> list[Logger]:
    """The dashboard of a run."""
    return [TensorBoardLogger(run.path, name="", version="tensorboard")]


class Unprofiled(Profiler):
    """Takes no profile: Lightning opens some eighty profiling contexts a step, and its own profiler makes each anew."""

    nothing = nullcontext()

    def start(self, action_name: str) -> None:
        """Do nothing."""

    def stop(self, action_name: str) -> None:
        """Do nothing."""

    def profile(self, action_name: str) -> AbstractContextManager[None]:  # type: ignore[override]
        """A context that does nothing."""
        return self.nothing


def shared_run(config: Config) -> Run:
    """A new run directory; the other processes of the same training are told it by the first."""
    if RUN_VARIABLE in os.environ:
        return Run.open(os.environ[RUN_VARIABLE])
    return Run.create(config)


def threads_for(hardware: dict[str, Any]) -> int:
    """Threads of one process: OMP_NUM_THREADS where it is set, else the cores divided among the processes on this
    machine, at most 4 (small steps gain no more).
    """
    wished = os.environ.get("OMP_NUM_THREADS", "")
    if wished.isdigit() and int(wished):
        return int(wished)
    devices = hardware.get("devices")
    workers = devices if hardware.get("accelerator") == "cpu" and isinstance(devices, int) else 1
    return max(1, min(4, len(os.sched_getaffinity(0)) // workers))


def count_parameters(module: MultiTaskModule) -> dict[str, Any]:
    """Trainable parameters: total, shared, and by task those of its own."""
    shared, private, _ = module.partition
    own = {name: sum(p.numel() for p in parameters) for name, parameters in private.items()}
    common = sum(p.numel() for p in shared)
    return {"total": common + sum(own.values()), "shared": common, "private": own}


def count_flops(module: MultiTaskModule, data: MultiTaskDataModule) -> int:
    """Floating-point operations of the matrix products and convolutions that predict one row for all tasks.

    A multiplication and an addition count as two; of a set that is padded, the padding counts too.
    """
    batch = module.transfer_batch_to_device(next(iter(data.loader("test"))), module.device, 0)
    training = module.network.training
    module.network.eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        module.network(batch.inputs)  # not its compiled form, into which the counter does not look
    module.network.train(training)
    rows = len(next(iter(batch.targets.values())))
    return round(int(counter.get_total_flops()) / rows)


def inference_seconds(module: MultiTaskModule, data: MultiTaskDataModule) -> float:
    """Median seconds of predicting one batch of test rows (up to 1024) for all tasks, of 5 after one to warm up."""
    batch = next(iter(data.loader("test")))
    times = []
    for _ in range(6):
        started = time.perf_counter()
        module.predict(batch.inputs)
        times.append(time.perf_counter() - started)
    return median(times[1:])


def save_whole(checkpoint: dict[str, Any], path: Path) -> None:
    """Write a checkpoint atomically."""
    with replacing(path) as partial:
        torch.save(checkpoint, partial)


def reset_peak_memory() -> None:
    """Forget the peaks of earlier runs in this process, and what they left, where the system can."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with suppress(AttributeError):  # the GNU C library keeps what is freed, and it would count for the next run
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):  # Linux: 5 sets the high-water mark to what is used now
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> int:
    """Most memory this process has used: on the GPU if it trained there, else of the host. Bytes."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def processor() -> str:
    """The model of the processor; where the system does not tell, its architecture."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        return names[0] if names else platform.machine()
    return platform.machine()


def environment() -> dict[str, str]:
    """Versions and machine, for whoever wants to repeat the run."""
    commit = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    packages = ("torch", "pytorch-lightning", "hydra-core", "torchmetrics", "numpy")
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "platform": platform.platform(),
        "commit": commit.stdout.strip(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "processor": processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "threads": str(torch.get_num_threads()),
    }
