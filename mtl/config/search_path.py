"""Hydra searches the config folders of a user's code before the package's own."""

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from mtl.config import folders

PROVIDER = "mtl"
MAIN = "main"  # Hydra's name of the folder that an application says is its own


class OwnFolders(SearchPathPlugin):
    """Puts the config folders before the one of this package's commands; other applications stay as they are."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Called by Hydra when it begins."""
        ours = [
            one for one in search_path.get_path() if one.provider == MAIN and path_of(one.path) == str(folders.CONF)
        ]
        if ours:
            for folder in folders.config_folders()[:-1]:
                search_path.prepend(PROVIDER, f"file://{folder}", SearchPathQuery(provider=MAIN))


def path_of(source: str) -> str:
    """The path in what Hydra calls a source."""
    return str(Path(source.removeprefix("file://")))


def search_own_folders() -> None:
    """From now on Hydra does so, in this process."""
    Plugins.instance().register(OwnFolders)
