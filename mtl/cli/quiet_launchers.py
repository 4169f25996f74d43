"""What a person is told of a sweep whose jobs print elsewhere, as those of submitit do, or where it may be lost."""

import sys
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from mtl.config.commands import typed
from mtl.config.literals import for_shell

# Launchers whose jobs print where the sweep was started. Ray brings what they print, but may lose the last lines
SPEAKING = ("basic", "replicas", "joblib")


class QuietLaunchers(Callback):
    """Says when the sweep begins where its jobs print, and when it ends where its runs are. Hydra calls it."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Say where the jobs print, as far as the launcher tells."""
        if is_quiet(config):
            folder = str(config.hydra.launcher.get("submitit_folder") or "").replace("%j", "<job>")
            where = f", and write what they print to {folder}" if folder else ""
            sys.stderr.write(f"jobs run by hydra/launcher={launcher_of(config)}{where}; this waits for them\n")

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Say where the runs are."""
        if is_quiet(config):
            sys.stderr.write(
                f"runs are in {config.output}/runs: {typed('runs')} {for_shell(f'output={config.output}')}\n"
            )


def launcher_of(config: DictConfig) -> str:
    """The name of the launcher of a sweep."""
    return str(config.hydra.runtime.choices["hydra/launcher"])


def is_quiet(config: DictConfig) -> bool:
    """Whether the jobs of a sweep print elsewhere."""
    return launcher_of(config) not in SPEAKING
