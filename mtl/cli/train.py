"""Train one run, or with -m a sweep. The config is in conf/; `python train.py --help` lists it."""

import hydra
from omegaconf import DictConfig

from mtl.cli.application import check_resume_overrides, user_errors
from mtl.config.overrides import CONF


@hydra.main(config_path=str(CONF), config_name="config", version_base="1.3")
def main(cfg: DictConfig) -> float | None:
    """From a composed config to a finished run; its validation score is what a sweeper of Hydra's minimises."""
    with user_errors():
        check_resume_overrides(cfg)
        # Imported here: help and --cfg answer without waiting for torch
        from mtl.agent.report import ExecutionReport
        from mtl.assembly import resolved
        from mtl.cli.run_summary import show
        from mtl.lifecycle.train import train

        reports: list[ExecutionReport] = []
        result = train(resolved(cfg), acted=reports.append)
        show(result, reports)
        return float(result["metrics"]["val"]["score"]) if result else None
