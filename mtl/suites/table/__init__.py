"""Suites of rows and columns: your own table, and the tables that other suites are made of."""

from mtl.suites.table.large import LargeTable
from mtl.suites.table.own import table
from mtl.suites.table.splitting import Splitting
from mtl.suites.table.suite import TableSuite, Targets

__all__ = ["LargeTable", "Splitting", "TableSuite", "Targets", "table"]
