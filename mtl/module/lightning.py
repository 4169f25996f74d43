"""Every workaround against Lightning, in one place: what it does, why, and what it gains.

It stands in ``mtl.module`` and not in ``mtl.training`` because the module needs it, too. Gains are shares of the
processor's time of a small training step. ``docs/step.md`` has the table, with what was tried and gained too
little, and ``python benchmarks/step.py --workarounds`` measures it again.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial, wraps
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.plugins.environments import (  # type: ignore[attr-defined]
    LightningEnvironment,
    SLURMEnvironment,
    TorchElasticEnvironment,
)
from pytorch_lightning.profilers import Profiler
from pytorch_lightning.strategies.launchers import subprocess_script
from pytorch_lightning.strategies.launchers.multiprocessing import _MultiProcessingLauncher
from pytorch_lightning.utilities.warnings import PossibleUserWarning  # type: ignore[attr-defined]
from torch import nn
from typing_extensions import override

from mtl.config.beginning import where_it_began


class LeanModule(LightningModule):
    """A Lightning module whose bookkeeping costs less at every step."""

    def __setattr__(self, name: str, value: Any) -> None:
        # Lightning notes the hook under way some fifty times a step, which need not be looked at as a parameter.
        # Gain: 2.8 %
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)


class EpochCallback(Callback):
    """A callback without per-step hooks, but for those that a subclass defines.

    Lightning calls every hook of every callback at every step, some forty calls that do nothing. A hook that is None it
    passes over.
    """

    # Gain: 2.5 % together with NoProfiler, since a hook that is called opens a context of the profiler

    on_train_batch_start: Any = None
    on_train_batch_end: Any = None
    on_before_zero_grad: Any = None
    on_before_backward: Any = None
    on_after_backward: Any = None
    on_before_optimizer_step: Any = None


class NoProfiler(Profiler):
    """Takes no profile: Lightning opens some eighty profiling contexts a step, and its own profiler makes each anew."""

    # Gain: 2.5 % together with EpochCallback
    nothing = nullcontext()

    @override
    def start(self, action_name: str) -> None:
        pass

    @override
    def stop(self, action_name: str) -> None:
        pass

    @override
    def profile(self, action_name: str) -> AbstractContextManager[None]:  # type: ignore[override]
        return self.nothing


class OwnSignalHandler(EpochCallback):
    """Keeps the handler of SIGTERM that was set before the training.

    Lightning sets one of its own that, with several processes, waits inside the handler for all of them: where one is
    told to end at another moment than the others, or alone, all hang.
    """

    def __init__(self) -> None:
        self._handler: Any = None

    @override
    def on_fit_start(self, trainer: Trainer, module: LightningModule) -> None:
        self._handler = signal.getsignal(signal.SIGTERM)

    @override
    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        if self._handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._handler)


def without_slurm(hardware: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the trainer by which Lightning takes no notice of SLURM, under which it was started.

    It would take one process for all those of the job, and wait for the others. At SIGUSR1 it would write
    ``hpc_ckpt_<n>.ckpt``, and every later training under SLURM that finds one in the working directory would begin from
    it, whatever its config. See also ``default_root_dir`` below.

    Args:
        hardware: the arguments so far.

    Returns:
        ``plugins``, with those of the hardware; empty where SLURM has started nothing.
    """
    if not SLURMEnvironment.detect() or TorchElasticEnvironment.detect():
        return {}
    given = hardware.get("plugins") or []
    return {"plugins": [*(given if isinstance(given, list) else [given]), LightningEnvironment()]}


# Arguments of every run's trainer: what Lightning would do by itself, and this project does at less cost or not at all
TRAINER: dict[str, Any] = {
    # Where it writes, and looks for checkpoints to begin from, if not told otherwise: a place where nothing can be
    "default_root_dir": os.path.join(os.devnull, "nothing"),  # noqa: PTH118 - Windows' device is no path
    "enable_progress_bar": False,  # ours is drawn less often; with Lightning's, a small step takes half as long again
    "enable_model_summary": False,
    "log_every_n_steps": 0,  # the dashboard writes at its own pace
    "num_sanity_val_steps": 0,
    "use_distributed_sampler": False,  # the loader divides the rows
}

# How often the dashboard is written at least. Where Ctrl-C comes just while its thread is being woken, the next wake-up
# is lost (as in https://github.com/python/cpython/issues/92530), and the run ends only when the thread looks by itself:
# by default after two minutes
FLUSH_SECONDS = 2
OBSERVER = "_launch_process_observer"  # what Lightning calls with the processes that it has started
LAUNCHER = subprocess_script._SubprocessScriptLauncher  # what starts them
START = "_call_children_scripts"  # and how
GRACE = 15  # seconds in which a process ends by itself when another one of its training has ended


def reduce_gradients_ourselves(trainer: Trainer) -> None:
    """Switch off the reduction of gradients by DistributedDataParallel.

    A weighting needs the gradients of the joined batch before it can weigh them, and reduces them itself.
    """
    wrapper = trainer.strategy.model
    if isinstance(wrapper, nn.parallel.DistributedDataParallel):
        wrapper.require_backward_grad_sync = False


def trained_elsewhere(trainer: Trainer) -> bool:
    """Whether this process took no part in the training, but forked or spawned all that did.

    Lightning then brings back weights and metrics, and leaves the trainer and its callbacks as they were before.
    """
    return isinstance(trainer.strategy.launcher, _MultiProcessingLauncher)


def watch_processes(child_processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End this process when one that it has started for the same training has failed and left it waiting.

    In the place of Lightning's observer, which ends it within 5 s by SIGKILL: before a run could say what it has kept,
    and write down that it was interrupted. Only what still waits after ``GRACE`` seconds, as some collectives do, is
    ended so.

    Args:
        child_processes: those that were started.
    """

    def watch() -> None:
        while not any(child.poll() for child in child_processes):
            if all(child.returncode == 0 for child in child_processes):
                return
            time.sleep(1)
        time.sleep(GRACE)  # a daemon's thread: it ends with the process
        sys.stderr.write("a process of this training has ended, and the others wait for it: all are ended\n")
        sys.stderr.flush()
        for child in child_processes:
            child.kill()
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    threading.Thread(target=watch, daemon=True).start()


def _from_the_beginning(start: Callable[..., None]) -> Callable[..., None]:
    """Start processes in the working directory in which this one began: they run the program from its first line."""

    @wraps(start)
    def begin(launcher: LAUNCHER) -> None:
        with where_it_began():
            start(launcher)

    return begin


def _passing_over_refusals(hook: Callable[[threading.ExceptHookArgs], Any], args: threading.ExceptHookArgs) -> None:
    """Say nothing of a full disk in the dashboard's thread: its writer raises the same error in the main one."""
    if not issubclass(args.exc_type, OSError):
        hook(args)


@contextmanager
def silent_lightning() -> Iterator[None]:
    """Within this, Lightning says only what needs an answer, and processes are watched by us."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    observer, hook = getattr(subprocess_script, OBSERVER), threading.excepthook
    threading.excepthook = partial(_passing_over_refusals, hook)
    setattr(subprocess_script, OBSERVER, watch_processes)
    start = getattr(LAUNCHER, START)
    setattr(LAUNCHER, START, _from_the_beginning(start))
    try:
        with warnings.catch_warnings():
            # Advice that does not apply: workers and samplers for data that is in memory, reducing metrics that every
            # process computes on all rows
            warnings.filterwarnings("ignore", category=PossibleUserWarning)
            warnings.filterwarnings("ignore", message="`isinstance\\(treespec, LeafSpec\\)` is deprecated")
            yield
    finally:
        threading.excepthook = hook
        setattr(subprocess_script, OBSERVER, observer)
        setattr(LAUNCHER, START, start)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
