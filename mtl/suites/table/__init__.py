"""Suites of rows and columns: your own table, and the tables that other suites are made of."""

from mtl.suites.table.large import LargeTable
from mtl.suites.table.splitting import Splitting
from mtl.suites.table.suite import TableSuite, Targets
from mtl.suites.table.user_table import table

__all__ = ["LargeTable", "Splitting", "TableSuite", "Targets", "table"]
