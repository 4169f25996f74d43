"""Where an agent acts."""

from abc import ABC


class Environment(ABC):
    """A place to act in."""
