"""Let a trained run act. The config is in conf/; `python execute.py --help` lists it."""

from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from mtl.cli.application import user_errors
from mtl.config.overrides import CONF, parsed

WHERE = ("run", "output", "threads", "records")  # the rest of the config describes the environment


@hydra.main(config_path=str(CONF), config_name="execute", version_base="1.3")
def main(cfg: DictConfig) -> None:
    """From a run directory to a report beside it."""
    with user_errors():
        # Imported here: help and --cfg answer without waiting for torch
        from mtl.lifecycle.execution import execute

        environment: Any = None  # the run's own, where nothing is said of one
        said = {parsed(text).key_or_group.split(".")[0] for text in HydraConfig.get().overrides.task}
        if said - {*WHERE, "hydra"}:
            kept = OmegaConf.masked_copy(cfg, [str(key) for key in cfg if key not in WHERE])
            environment = OmegaConf.to_container(kept, resolve=True)
        report, directory = execute(environment, cfg.run, cfg.output, cfg.threads, cfg.records)
        console = Console()
        console.print(report.table())
        console.print(f"written to {directory}", soft_wrap=True, highlight=False)
