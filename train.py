"""Train one run, or with -m a sweep. The config is in conf/; `python train.py --help` lists it."""

import hydra
from omegaconf import DictConfig

from mtl.cli import command, compatible, mistakes
from mtl.overrides import CONF


@hydra.main(config_path=str(CONF), config_name="config", version_base="1.3")
def main(cfg: DictConfig) -> float | None:
    """From a composed config to a finished run; its validation score is what a sweeper of Hydra's minimises."""
    with mistakes():
        compatible(cfg)
        # Imported here: help and --cfg answer without waiting for torch
        from mtl.agent.environment import ExecutionReport
        from mtl.assembly import resolved
        from mtl.report import show
        from mtl.training import train

        reports: list[ExecutionReport] = []
        result = train(resolved(cfg), acted=reports.append)
        show(result, reports)
        return float(result["metrics"]["val"]["score"]) if result else None


if __name__ == "__main__":
    command(main, "config")
