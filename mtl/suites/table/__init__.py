"""Suites of rows and columns: your own table, and the tables that other suites are made of.

The way of a table: its rows as they stand (``source``: a file by ``reading``, of texts ``delimited``, or a query by
``sql``, with columns of other files by ``joining``, rows of several files by ``stacking``), what the texts of a column
are (``types``, with ``dates`` and ``numerals``), what kind of input a column is (``columns``), whether it should be one
(``leaks``) and what may be wrong with it (``oddities``, ``nearly``), labels (``targets``, as ``target_specs`` says
them), parts (``splitting``), and inputs of a network (``encoding``).
"""

from mtl.suites.table.large import LargeTable
from mtl.suites.table.splitting import Splitting
from mtl.suites.table.suite import TableSuite, Targets
from mtl.suites.table.user_table import table

__all__ = ["LargeTable", "Splitting", "TableSuite", "Targets", "table"]
