"""Train one run, or with -m a sweep. The config is in conf/; `python train.py --help` lists it."""

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from mtl.cli.application import fail, user_errors
from mtl.cli.sweep_failures import Failed
from mtl.config.compose import to_run_config
from mtl.config.folders import CONF
from mtl.config.overrides import parse_override
from mtl.config.process import check_task_of_slurm, program_imports
from mtl.config.run_config import RunConfig
from mtl.errors import InputError


@hydra.main(config_path=str(CONF), config_name="config", version_base="1.3")
def main(cfg: DictConfig) -> float | Failed | None:
    """From a composed config to a finished run; its validation score is what a sweeper of Hydra's minimises."""
    score = None
    with user_errors() as end:
        typed = {text: parse_override(text).key_or_group.split(".")[0] for text in HydraConfig.get().overrides.task}
        config = to_run_config(cfg)
        check_task_of_slurm()
        check_processes(config)
        check_resume(config, typed)
        # Imported here: help and --cfg answer without waiting for torch
        with program_imports():
            from mtl.agent.report import ExecutionReport
            from mtl.assembly import trees_of
            from mtl.cli import at_once
            from mtl.cli.run_summary import show
            from mtl.lifecycle.resume import resumed_config
            from mtl.lifecycle.train import train
            from mtl.lifecycle.trees import check_typed

        # Of a sweep, what is typed is for all its runs, also those of networks
        if trees_of(config) is not None and HydraConfig.get().mode == RunMode.RUN:
            check_typed(typed.values())
        if config.resume is not None:
            config = resumed_config(config, typed.values())
        reports: list[ExecutionReport] = []
        job = at_once.take(config)
        if job is not None and job.error is not None:
            raise job.error
        if HydraConfig.get().job.chdir:  # a relative path would be read where the command was typed
            config = config.changed(output=str(Path(config.output).absolute()))
        result = train(config, on_report=reports.append) if job is None else job.result
        reports = reports if job is None else job.reports
        if result is not None:  # else this process is not the first of its training
            show(result, reports, overrides=list(typed))
            score = result.metrics["val"].score
    return end.failed or score


def check_resume(config: RunConfig, typed: dict[str, str]) -> None:
    """Raise InputError where something is typed beside ``resume`` that a run cannot go on with.

    Args:
        config: the config.
        typed: the top-level key of each override.

    Raises:
        InputError: names the first such override.
    """
    allowed = ("resume", *config.resumable_keys())
    for text, key in typed.items() if config.resume is not None else ():
        if key not in allowed:
            raise InputError(
                f"'{text}': resume= goes on with the run's own config; only {', '.join(allowed[1:])} may differ"
            )


def check_processes(config: RunConfig) -> None:
    """Leave with InputError where a sweep is to start runs of several processes."""
    several = "strategy" in config.hardware.model_fields_set and config.hardware.devices not in (0, 1)
    if several and HydraConfig.get().mode == RunMode.MULTIRUN:
        fail(InputError("a sweep (-m) starts runs of one process each: start runs of several processes one by one"))
