"""Hydra launcher on Ray: ``python train.py -m hydra/launcher=ray ...`` runs the jobs of a multirun on this machine or a
cluster whose machines have the same clone at the same place.

The published plugin asks for versions of its neighbours that do not resolve beside the other launchers.
"""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, configure_log, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from mtl.config.signals import SIGNALS, interruptions_are_ours


@dataclass
class RayConf:
    """What the launcher can be told."""

    _target_: str = "hydra_plugins.ray_launcher.RayLauncher"
    init: dict[str, Any] = field(default_factory=dict)  # of ray.init, e.g. address=auto for a cluster that is running
    remote: dict[str, Any] = field(default_factory=lambda: {"num_cpus": 1})  # what one job needs


ConfigStore.instance().store(group="hydra/launcher", name="ray", node=RayConf, provider="ray_launcher")


class RayLauncher(Launcher):
    """Every job is one Ray task; the results come back in the order of the jobs.

    Args:
        init: keywords of ``ray.init``.
        remote: options of a task, such as the CPUs and GPUs that a job needs.
    """

    def __init__(self, init: DictConfig, remote: DictConfig) -> None:
        self.init: dict[str, Any] = plain(init)
        self.remote: dict[str, Any] = plain(remote)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Told by Hydra before the first launch."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs, as many at once as their needs allow."""
        try:
            import ray  # an extra, and slow to import
        except ModuleNotFoundError:
            from mtl.errors import lacks

            raise lacks("hydra/launcher=ray", "the package ray", "sweep") from None

        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Path(str(self.config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        os.environ.setdefault("RAY_DEDUP_LOGS", "0")  # or tables of several jobs lose the lines they have in common
        mine = not ray.is_initialized()
        if mine:
            with signals_kept():
                ray.init(**{"include_dashboard": False, "log_to_driver": True, **self.init})
        try:
            task = ray.remote(**self.remote)(job)
            state = Singleton.get_state()
            given = (self.hydra_context, self.config, self.task_function, state)
            jobs = [task.remote(initial_job_idx + n, list(one), *given) for n, one in enumerate(job_overrides)]
            with interruptions_are_ours():
                return list(ray.get(jobs))
        finally:
            if mine:
                ray.shutdown()


@contextmanager
def signals_kept() -> Iterator[None]:
    """After this, signals do what they did before: Ray answers SIGTERM with its stack in C++ and an abort."""
    before = {signum: signal.getsignal(signum) for signum in SIGNALS}
    try:
        yield
    finally:
        for signum, handler in before.items():
            if handler is not None and threading.current_thread() is threading.main_thread():
                signal.signal(signum, handler)


def plain(node: Any) -> dict[str, Any]:
    """A part of a config as plain values."""
    values = OmegaConf.to_container(node, resolve=True) if isinstance(node, DictConfig) else dict(node)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def job(
    number: int,
    overrides: list[str],
    hydra_context: HydraContext,
    config: DictConfig,
    task_function: TaskFunction,
    singletons: dict[Any, Any],
) -> JobReturn:
    """One job, in a process of Ray's."""
    setup_globals()
    Singleton.set_state(singletons)
    sweep = hydra_context.config_loader.load_sweep_config(config, overrides)
    with open_dict(sweep):
        sweep.hydra.job.id = f"{sweep.hydra.job.name}_{number}"
        sweep.hydra.job.num = number
    HydraConfig.instance().set_config(sweep)
    return run_job(
        hydra_context=hydra_context,
        config=sweep,
        task_function=task_function,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
