"""Improve a finished run by acting. The config is in conf/; `python improve.py --help` lists it."""

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from mtl.cli.application import user_errors
from mtl.cli.sweep_failures import Failed
from mtl.config.folders import CONF
from mtl.config.improve_choice import GROUP
from mtl.config.improve_config import ImproveConfig
from mtl.config.process import program_imports
from mtl.config.targets import own_modules


@hydra.main(config_path=str(CONF), config_name="improve", version_base="1.3")
def main(cfg: DictConfig) -> Failed | None:
    """From a finished run to a better one, in a directory of its own."""
    with user_errors() as end:
        # Its mistakes are said before torch is imported
        trusted = ImproveConfig.read(OmegaConf.to_container(cfg, resolve=True)).trust
        # Imported here: help and --cfg answer without waiting for torch
        with program_imports():
            from mtl.agent.report import ExecutionReport
            from mtl.cli.run_summary import show
            from mtl.lifecycle.improved import improve_run, read_improvement

        asked, chosen = read_improvement(list(HydraConfig.get().overrides.task), None, trusted)
        node = asked.improvement
        reports: list[ExecutionReport] = []
        result = improve_run(
            node,
            asked.run,
            asked.output,
            asked.threads,
            asked.trust,
            own_modules({GROUP: node}),
            progress=asked.progress,
            choice=chosen,
            on_report=reports.append,
        )
        show(result, reports)
    return end.failed
