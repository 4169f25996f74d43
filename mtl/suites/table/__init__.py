"""Suites of rows and columns: your own table, and the tables that other suites are made of.

The way of a file: its rows as they stand (``reading``, of texts ``delimited``), what the texts of a column are
(``types``, with ``dates`` and ``numerals``), what kind of input a column is (``columns``) and whether it should be one
(``leaks``), labels (``targets``), parts (``splitting``), and inputs of a network (``encoding``).
"""

from mtl.suites.table.large import LargeTable
from mtl.suites.table.splitting import Splitting
from mtl.suites.table.suite import TableSuite, Targets
from mtl.suites.table.user_table import table

__all__ = ["LargeTable", "Splitting", "TableSuite", "Targets", "table"]
