"""A table for each task, joined in one network, and how often each is drawn from."""

from mtl.suites.tables.sampling import Sampling
from mtl.suites.tables.suite import TablesSuite, tables

__all__ = ["Sampling", "TablesSuite", "tables"]
