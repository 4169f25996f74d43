"""Hydra launcher of ``python train.py -m replicas=N ...``: runs of one shape are trained at once, in this process."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from omegaconf import open_dict


@dataclass
class ReplicasConf:
    """It cannot be told anything."""

    _target_: str = "hydra_plugins.replicas_launcher.ReplicasLauncher"


ConfigStore.instance().store(group="hydra/launcher", name="replicas", node=ReplicasConf, provider="replicas_launcher")


class ReplicasLauncher(BasicLauncher):
    """Trains the jobs that Hydra hands over, then lets Hydra run each, which shows what came of it."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs."""
        from mtl.cli.at_once import train_all  # slow to import
        from mtl.config.compose import to_run_config
        from mtl.errors import InputError

        assert self.hydra_context is not None
        assert self.config is not None
        configs = []
        for overrides in job_overrides:
            composed = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
            choices = dict(composed.hydra.runtime.choices)
            with open_dict(composed):
                del composed["hydra"]
            with suppress(InputError):  # said when Hydra comes to the job
                configs.append(to_run_config(composed, choices))
        train_all(configs)
        return super().launch(job_overrides, initial_job_idx)
