"""The rows of several tables, with those of further files behind them."""

import pandas as pd
from typing_extensions import override

from mtl.errors import InputError, absent
from mtl.suites.table.columns import names
from mtl.suites.table.loaded import LoadedTable
from mtl.suites.table.splitting import Division
from mtl.suites.tables.division import SOURCE, EachTable, EachTableAndOthers


class LoadedTables(LoadedTable):
    """As :class:`~mtl.suites.table.loaded.LoadedTable`, of several tables, whose rows say which one they are of."""

    @override
    def comparable(self, others: pd.DataFrame, option: str) -> pd.DataFrame:
        """Without the labels that their tables do not have, and with the columns that these do not need."""
        own = self.own
        if SOURCE not in others.columns:
            raise absent(f"column in {option}", SOURCE, others.columns)
        tables, known = names(others[SOURCE]), list(own[SOURCE].unique())
        for row, name in enumerate(tables, start=1):
            if name not in known:
                holds = "has no value" if name is None else f"holds '{name}'"
                raise InputError(f"{option}: column '{SOURCE}': row {row} {holds}, expected {' or '.join(known)}")
        found = others.assign(**{SOURCE: tables.to_numpy()})
        has = own.notna().groupby(own[SOURCE].to_numpy()).any()
        for column in map(str, own.columns):
            having = has.index[has[column]]
            if column not in found.columns and not tables.isin(having).any():
                found[column] = pd.Series(None, index=found.index, dtype=object)
            elif column in self.labels and column in found.columns:
                found[column] = found[column].where(tables.isin(having), None)
        return found

    @override
    def divided(self, use: str, count: int, between: int) -> Division:
        assert isinstance(self.splitting, EachTable)
        return EachTableAndOthers(self.splitting.splitting, use, count, between)
