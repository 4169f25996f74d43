"""Let a trained run act. The config is in conf/; `python execute.py --help` lists it."""

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from mtl.cli.application import user_errors
from mtl.cli.sweep_failures import Failed
from mtl.config.console import Terminal
from mtl.config.execute_config import ExecuteConfig, names_environment
from mtl.config.folders import CONF
from mtl.config.process import program_imports
from mtl.config.targets import own_modules


@hydra.main(config_path=str(CONF), config_name="execute", version_base="1.3")
def main(cfg: DictConfig) -> Failed | None:
    """From a run directory to a report beside it."""
    with user_errors() as end:
        asked = ExecuteConfig.read(OmegaConf.to_container(cfg, resolve=True))
        # Imported here: help and --cfg answer without waiting for torch
        with program_imports():
            from mtl.lifecycle.execution import execute

        # The environment is the run's own, where nothing is said of one
        environment = asked.environment if names_environment(HydraConfig.get().overrides.task) else None
        own = own_modules(environment) if environment else []
        report, directory = execute(
            environment,
            asked.run,
            asked.output,
            asked.threads,
            asked.records,
            asked.trust,
            own,
            asked.preference,
            asked.query,
        )
        console = Terminal()
        console.print(report.table())
        console.print(f"written to {directory}", soft_wrap=True, highlight=False, markup=False)
    return end.failed
