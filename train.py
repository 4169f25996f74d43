"""Train one run, or with -m a sweep. The config is in conf/; `python train.py --help` lists it."""

import hydra
from omegaconf import DictConfig

from mtl.cli import CONF, command, compatible, mistakes


@hydra.main(config_path=str(CONF), config_name="config", version_base="1.3")
def main(cfg: DictConfig) -> None:
    """From a composed config to a finished run."""
    with mistakes():
        compatible(cfg)
        # Imported here: help and --cfg answer without waiting for torch
        from mtl.agent.environment import ExecutionReport
        from mtl.assembly import resolved
        from mtl.report import show
        from mtl.training import train

        reports: list[ExecutionReport] = []
        show(train(resolved(cfg), acted=reports.append), reports)


if __name__ == "__main__":
    command(main, "config")
