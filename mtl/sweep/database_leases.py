"""Leases as rows of a database, for machines whose file system has no locks that reach all of them.

Every row is changed by one statement that names what it replaces, so that of several processes one succeeds; nothing
else is asked of the database. Times are those of its clock: clocks of machines may disagree.
"""

import json
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from typing_extensions import override

from mtl.config.signals import interrupt_this_process
from mtl.errors import InputError, lacks
from mtl.runs.lock import HEARTBEAT, STALE, describe_this_process, is_running, machine_id
from mtl.sweep.leases import Lease, Leases

TABLE = "mtl_leases"
PATIENCE = 30  # seconds that SQLite waits for another process to finish writing
AWAY = 1.0  # seconds until a database that is away is asked again

Answer = TypeVar("Answer")


class DatabaseLeases(Leases):
    """The table ``mtl_leases`` of a database.

    Args:
        address: in SQLAlchemy's form, such as ``postgresql+psycopg://host/name``.
        output: the directory that holds ``runs/``. Its runs are told from those of others by its path, which has to be
            the same on all machines.
        seconds: after which a lease that was not renewed has ended.
        beat: seconds between two renewals.
        patient: the database has been used before, and where it is away now, as while it is started again, it is waited
            for as long as a lease lasts; False: that is said at once, since the address may be wrong.

    Raises:
        InputError: SQLAlchemy or a driver is missing, the address holds a password, or the database cannot be used.
    """

    def __init__(
        self, address: str, output: Path, seconds: float = STALE, beat: float = HEARTBEAT, *, patient: bool = False
    ) -> None:
        self.output, self.seconds, self.beat = str(output.resolve()), seconds, beat
        try:
            import sqlalchemy
        except ModuleNotFoundError:
            raise lacks("leases", "SQLAlchemy", "sql") from None
        from sqlalchemy import Column, DateTime, Integer, MetaData, String, Table, Text

        self._sql = sqlalchemy
        self._engine = self._open(address)
        self._backend = self._engine.url.get_backend_name()
        self._table = Table(
            TABLE,
            MetaData(),
            Column("output", String(500), primary_key=True),
            Column("key", String(100), primary_key=True),
            Column("token", String(100), nullable=False),
            Column("holder", Text, nullable=False),
            Column("beats", Integer, nullable=False),
            Column("seen", DateTime(timezone=True), nullable=False),
        )
        self._patient = patient
        self._asked(self._create)
        self._patient = True

    def _create(self) -> None:
        try:
            self._table.create(self._engine, checkfirst=True)
        except self._sql.exc.SQLAlchemyError:  # another process has made it in this moment, or there is no way
            self._table.create(self._engine, checkfirst=True)

    def _open(self, address: str) -> Any:
        from sqlalchemy.engine import make_url

        with self._said():
            url = make_url(address)
        if url.password or url.query:
            raise InputError(
                "leases: expected an address without password and options, since the command is kept with its report; "
                "drivers read them from the environment, as that of PostgreSQL from PGPASSWORD or ~/.pgpass"
            )
        options = {"timeout": PATIENCE} if url.get_backend_name() == "sqlite" else {}
        with self._said():
            # A connection for every statement: there are few, and a process that is forked must not share one
            return self._sql.create_engine(url, connect_args=options, poolclass=self._sql.NullPool)

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except (self._sql.exc.SQLAlchemyError, ImportError) as error:
            said = " ".join(str(getattr(error, "orig", None) or error).split())[:200]
            raise InputError(f"leases: the database cannot be used: {said}") from None

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        """What the database answers. Where it is away it is asked again, so nothing may depend on being done once."""
        began = time.monotonic()
        with self._said():
            while True:
                try:
                    return ask()
                except (self._sql.exc.OperationalError, self._sql.exc.InterfaceError):
                    if not self._patient or time.monotonic() - began >= self.seconds:
                        raise
                    time.sleep(min(self.beat, AWAY))

    def _rows(self, *more: Any) -> list[Any]:
        """The leases of this output, or those of them for which more is true, with the time of the database."""
        rows = self._sql.select(self._table, self._sql.func.current_timestamp().label("now"))

        def ask() -> list[Any]:
            with self._engine.connect() as connection:
                return list(connection.execute(rows.where(self._table.c.output == self.output, *more)))

        return self._asked(ask)

    def _row(self, key: str) -> Any:
        return next(iter(self._rows(self._table.c.key == key)), None)

    def _is_alive(self, row: Any) -> bool:
        holder = json.loads(row.holder)
        if holder.get("machine") == machine_id():
            return is_running(holder.get("pid"), holder.get("started"))
        return bool((row.now - row.seen).total_seconds() < self.seconds)

    @override
    def held(self, keys: Collection[str]) -> set[str]:
        asked = set(keys)  # leases are as many as processes, runs may be thousands
        return {row.key for row in self._rows() if row.key in asked and self._is_alive(row)} if asked else set()

    @override
    def take(self, key: str) -> Lease | None:
        mine, row = describe_this_process(), self._row(key)
        if row is not None and self._is_alive(row):
            return None
        values = {
            "token": mine["token"],
            "holder": json.dumps(mine),
            "beats": 0,
            "seen": self._sql.func.current_timestamp(),
        }
        if row is not None:
            update = self._table.update().values(**values)
            taken = self._asked(lambda: self._change(update, key, row.token, row.beats))
        else:
            taken = self._asked(lambda: self._insert(output=self.output, key=key, **values))
        # A connection may end between what was done and the answer, so that asking again finds the own row
        if not taken and getattr(self._row(key), "token", None) != mine["token"]:
            return None  # another process was faster
        return Lease(key, mine["token"], after_death=row is not None)

    def _insert(self, **values: Any) -> bool:
        """Insert the row of a lease; whether there was none."""
        try:
            with self._engine.begin() as connection:
                connection.execute(self._table.insert().values(**values))
        except self._sql.exc.IntegrityError:
            return False
        return True

    def _change(self, statement: Any, key: str, token: str, beats: int | None = None) -> bool:
        """Change the row of a lease if it is still this one; whether it was."""
        table = self._table.c
        same = [table.output == self.output, table.key == key, table.token == token]
        if beats is not None:
            same.append(table.beats == beats)
        with self._engine.begin() as connection:
            return bool(connection.execute(statement.where(*same)).rowcount == 1)

    @override
    @contextmanager
    def keep(self, lease: Lease) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._renew, args=(lease, over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self._asked(lambda: self._change(self._table.delete(), lease.key, lease.token))

    def _renew(self, lease: Lease, over: threading.Event) -> None:
        """Renew a lease until it is over; without it this process ends as by SIGTERM: another may be at the run."""
        table, renewed = self._table.c, time.monotonic()
        statement = self._table.update().values(beats=table.beats + 1, seen=self._sql.func.current_timestamp())
        while not over.wait(self.beat):
            asked = time.monotonic()
            try:
                kept = self._change(statement, lease.key, lease.token)
            except self._sql.exc.SQLAlchemyError:  # it may be back before the lease has ended, or be away for longer
                kept = time.monotonic() - renewed < self.seconds
            else:
                renewed = asked
            if not kept:
                interrupt_this_process()
                return

    @override
    def clear(self, key: str) -> None:
        row = self._row(key)
        if row is not None and not self._is_alive(row):
            self._asked(lambda: self._change(self._table.delete(), key, row.token, row.beats))
