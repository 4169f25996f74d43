"""Suites of rows and columns: your own table, and the tables that other suites are made of."""

from mtl.suites.table.splitting import Splitting
from mtl.suites.table.suite import TableSuite, Targets, table

__all__ = ["Splitting", "TableSuite", "Targets", "table"]
