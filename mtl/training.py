"""One run from config to result: train, select on validation, measure once on test, act, write down what came of it."""

import os
import platform
import resource
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint, RichProgressBar
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger

from mtl.agent.agent import Agent
from mtl.assembly import (
    Assembly,
    Config,
    build,
    read_checkpoint,
    read_config,
    restore,
    save_config,
    save_statistics,
)
from mtl.callbacks import Dashboard
from mtl.errors import InputError
from mtl.module import MultiTaskModule
from mtl.runs import SCHEMA, Run, run_id

INTERRUPTED = 130  # exit code of a program that Ctrl-C stopped
RUN_VARIABLE = "MTL_RUN"  # tells the other processes of one training where the first writes


def train(config: Config, callbacks: tuple[Callback, ...] = ()) -> dict[str, Any]:
    """Train what ``config`` says (or go on with the run that ``config["resume"]`` names) and return its result.

    Leaves a run directory (see :mod:`mtl.runs`); an interrupted or failed run keeps its last good checkpoint.

    Args:
        config: a resolved config.
        callbacks: Lightning callbacks to add.

    Raises:
        InputError: something in the config or the data is wrong, or the training diverged.
    """
    resumed = config["resume"]
    if resumed:
        run = Run.open(resumed)
        config = {**read_config(run), **{key: config[key] for key in ("threads", "progress", "hardware")}}
        if run.state == "done":
            raise InputError(f"run '{run.path}' is complete: its result is in {run.path / 'result.json'}")
        read_checkpoint(run.last)
    lightning.seed_everything(config["seed"], verbose=False)
    torch.set_num_threads(config["threads"] or threads_for(config["hardware"]))
    assembly = build(
        config, run.statistics if resumed else None
    )  # a mistake in the config ends here, before a directory is made
    started = time.perf_counter()
    assembly.data.setup("fit")
    seconds = {"data": time.perf_counter() - started}
    if not resumed:
        run = shared_run(config)
    run.state = "running"
    save_config(run, config)
    save_statistics(run, assembly)
    if config["progress"] and os.environ.get("LOCAL_RANK", "0") == "0":
        sys.stderr.write(assembly.data.preview())
    try:
        return _train(run, assembly, seconds, resumed=bool(resumed), callbacks=callbacks)
    except SystemExit:  # what Lightning makes of Ctrl-C
        run.state = "interrupted"
        again = f"go on with: python train.py resume={run.path}" if run.last.is_file() else "no epoch was finished"
        sys.stderr.write(f"interrupted; {again}\n")
        raise SystemExit(INTERRUPTED) from None
    except BaseException:
        run.state = "failed"
        raise
    finally:
        os.environ.pop(RUN_VARIABLE, None)


def _train(
    run: Run, assembly: Assembly, seconds: dict[str, float], *, resumed: bool, callbacks: tuple[Callback, ...]
) -> dict[str, Any]:
    config, data, module = assembly.config, assembly.data, assembly.module
    timer = StepTimer()
    trainer = make_trainer(run, assembly, (timer, *callbacks))
    started = time.perf_counter()
    trainer.fit(module, datamodule=data, ckpt_path=run.last if resumed else None, weights_only=True)
    seconds |= {"fit": time.perf_counter() - started, "step": timer.seconds / max(timer.steps, 1)}
    if not trainer.is_global_zero:
        return {}
    best = read_checkpoint(run.best)
    restore(module, run.best)
    result: dict[str, Any] = {
        "schema": SCHEMA,
        "run_id": run_id(config),
        "status": "done",
        "choices": config["choices"],
        "seed": config["seed"],
        "config": config,
        "data": {"fingerprint": data.fingerprint, "rows": {name: len(split) for name, split in data.splits.items()}},
        "selection": {"metric": data.selection[0], "mode": data.selection[1], "epoch": best["epoch"]},
        "tasks": {
            task.name: {"primary": task.primary, "higher_is_better": task.higher_is_better} for task in data.tasks
        },
        "metrics": {split: module.evaluate(data.loader(split)) for split in ("train", "val", "test")},
        "parameters": count_parameters(module),
        "seconds": seconds,
        "steps": trainer.global_step,
        "epochs": trainer.current_epoch,
        "peak_memory_bytes": peak_memory(),
        "environment": environment(),
    }
    act(run, assembly, result, trainer)
    run.finish(result)
    return result


def act(run: Run, assembly: Assembly, result: dict[str, Any], trainer: Trainer) -> None:
    """Execute the trained agent where the config says, and show the result beside the training."""
    place = assembly.environment()
    numbers = {f"hparam/{key}": value for key, value in result["metrics"]["val"].items()}
    if place is not None:
        report = Agent(assembly.graph, assembly.module.predict).execute(place)
        report.write(run.path / "execution")
        result["execution"] = report.summary()
        numbers |= {f"execution/{key}": v for key, v in result["execution"].items() if isinstance(v, float)}
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.log_hyperparams({**result["choices"], "seed": result["seed"]}, numbers)
            for picture in sorted((run.path / "execution").glob("*.png")):
                add_picture(logger, picture, trainer.global_step)
        logger.save()


def add_picture(logger: TensorBoardLogger, path: Path, step: int) -> None:
    """Show a PNG file on the dashboard."""
    from matplotlib.image import imread  # matplotlib is slow to import, and not every run has a picture

    logger.experiment.add_image(f"execution/{path.stem}", imread(path)[..., :3], step, dataformats="HWC")


def make_trainer(run: Run, assembly: Assembly, callbacks: tuple[Callback, ...]) -> Trainer:
    """The Lightning trainer of a run."""
    config = assembly.config
    metric, mode = assembly.data.selection
    keep: dict[str, Any] = {
        "dirpath": run.path,
        "save_on_train_epoch_end": True,
        "enable_version_counter": False,
        "auto_insert_metric_name": False,
    }
    number = len(list(run.path.glob("csv*"))) + 1  # a resumed run adds a file, since the logger would overwrite
    return Trainer(
        **config["hardware"],
        max_epochs=config["epochs"],
        accumulate_grad_batches=config["accumulate"],
        gradient_clip_val=config["gradient_clip"],
        logger=[
            TensorBoardLogger(run.path, name="", version="tensorboard"),
            CSVLogger(run.path, name="", version="csv" if number == 1 else f"csv-{number}"),
        ],
        callbacks=[
            Dashboard(config["log_every"]),
            ModelCheckpoint(filename="best", monitor=metric, mode=mode, save_top_k=1, **keep),
            ModelCheckpoint(filename="last", save_top_k=1, **keep),
            *([RichProgressBar(refresh_rate=10)] if config["progress"] else []),
            *callbacks,
        ],
        num_sanity_val_steps=0,
        enable_progress_bar=config["progress"],
        enable_model_summary=False,
        # Metrics are written by the dashboard callback at its own pace; Lightning's own logging happens once an epoch
        log_every_n_steps=1,
        use_distributed_sampler=False,
    )


class StepTimer(Callback):
    """Seconds spent in training steps, without validation and logging.

    Attributes:
        seconds: sum over steps.
        steps: how many batches.
    """

    def __init__(self) -> None:
        self.seconds, self.steps = 0.0, 0
        self._started = 0.0

    def on_train_batch_start(self, *args: Any) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def on_train_batch_end(self, *args: Any) -> None:
        """Stop it."""
        self.seconds += time.perf_counter() - self._started
        self.steps += 1


def shared_run(config: Config) -> Run:
    """A new run directory; the other processes of the same training are told it by the first."""
    if RUN_VARIABLE in os.environ:
        return Run.open(os.environ[RUN_VARIABLE])
    run = Run.create(config)
    os.environ[RUN_VARIABLE] = str(run.path.resolve())
    return run


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


def peak_memory() -> int:
    """Most memory this process has used: on the GPU if it trained there, else of the host. Bytes."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


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
        "threads": str(torch.get_num_threads()),
    }
