"""Files of job shops: one module per format."""

from mtl.suites.scheduling.formats.reading import read_instances

__all__ = ["read_instances"]
