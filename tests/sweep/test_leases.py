"""Leases of runs: one holder at a time, taken over from the dead, kept in files or in a database."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import OperationalError

from mtl.errors import InputError
from mtl.runs import lock as run_lock
from mtl.runs.lock import machine_id
from mtl.sweep.database_leases import DatabaseLeases
from mtl.sweep.file_leases import FileLeases
from mtl.sweep.leases import Leases

CHILD = """\
import sys, time
from pathlib import Path
from tests.sweep.test_leases import STORES
leases = STORES[sys.argv[1]](Path(sys.argv[2]))
with leases.keep(leases.take("a")):
    print("held", flush=True)
    time.sleep(60)
"""


def address(path: Path) -> str:
    return f"sqlite:///{path / 'leases.db'}"


STORES: dict[str, Callable[[Path], Leases]] = {
    "files": FileLeases,
    "database": lambda path: DatabaseLeases(address(path), path, beat=0.05),
}


@pytest.fixture(params=list(STORES))
def kept(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def change(path: Path, values: str) -> None:
    with create_engine(address(path), poolclass=NullPool).begin() as connection:
        connection.execute(text(f"UPDATE mtl_leases SET {values}"))


def read(path: Path, column: str) -> str:
    with create_engine(address(path), poolclass=NullPool).connect() as connection:
        return str(connection.execute(text(f"SELECT {column} FROM mtl_leases")).scalar_one())


def test_a_lease_has_one_holder_at_a_time(tmp_path: Path, kept: str) -> None:
    leases, others = STORES[kept](tmp_path), STORES[kept](tmp_path)
    lease = leases.take("a")
    assert lease is not None
    with leases.keep(lease):
        assert others.take("a") is None
        assert others.held(["a", "b"]) == {"a"}
        others.clear("a")  # it is alive
        assert others.take("b") is not None
    assert others.held(["a"]) == set()
    again = others.take("a")
    assert again is not None
    assert not again.after_death


def test_the_lease_of_a_killed_process_is_taken_over_once(tmp_path: Path, kept: str) -> None:
    leases = STORES[kept](tmp_path)
    command = [sys.executable, "-c", CHILD, kept, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        assert leases.held(["a"]) == {"a"}
        assert leases.take("a") is None
        child.kill()
    assert leases.held(["a"]) == set()
    lease = leases.take("a")
    assert lease is not None
    assert lease.after_death
    assert leases.take("a") is None


def test_the_lease_of_another_machine_ends_when_it_was_not_renewed(tmp_path: Path) -> None:
    leases = DatabaseLeases(address(tmp_path), tmp_path)
    leases.take("a")
    change(tmp_path, """holder = '{"machine": "elsewhere"}'""")
    assert leases.held(["a"]) == {"a"}
    assert leases.take("a") is None
    change(tmp_path, "seen = '2000-01-01 00:00:00'")
    assert leases.held(["a"]) == set()
    lease = leases.take("a")
    assert lease is not None
    assert lease.after_death
    change(tmp_path, """holder = '{"machine": "elsewhere"}', seen = '2000-01-01 00:00:00'""")
    leases.clear("a")
    found = leases.take("a")
    assert found is not None
    assert not found.after_death


def test_a_lease_is_renewed_and_whoever_has_lost_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that was cut off, and whose run another one has taken over, does not go on with it."""
    ended: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *given: ended.append(given))
    leases = DatabaseLeases(address(tmp_path), tmp_path, beat=0.02)
    lease = leases.take("a")
    assert lease is not None

    def wait_for(said: Callable[[], bool]) -> None:
        limit = time.monotonic() + 20
        while not said() and time.monotonic() < limit:
            time.sleep(0.02)
        assert said()

    with leases.keep(lease):
        change(tmp_path, "seen = '2000-01-01 00:00:00'")
        wait_for(lambda: read(tmp_path, "seen") > "2001")
        assert not ended
        change(tmp_path, "token = 'of another'")
        wait_for(lambda: ended == [(os.getpid(), signal.SIGTERM)])
    assert read(tmp_path, "token") == "of another"  # which keeps its lease


@pytest.mark.parametrize(("seconds", "ends"), [(0.1, True), (60.0, False)])
def test_whoever_has_waited_for_the_database_until_the_lease_was_over_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, ends: bool
) -> None:
    """A network that is cut off answers after minutes, in which the lease may have gone to another machine."""
    ended, over = list[tuple[int, int]](), threading.Event()
    monkeypatch.setattr(os, "kill", lambda *given: (ended.append(given), over.set()))
    leases = DatabaseLeases(address(tmp_path), tmp_path, seconds, beat=0.01)
    change_row, waits = leases._change, iter([True])

    def wait(*given: Any) -> bool:
        if next(waits, False):
            time.sleep(0.15)
            raise OperationalError("UPDATE", {}, Exception("the network is away"))
        over.set()
        return change_row(*given)

    monkeypatch.setattr(leases, "_change", wait)
    lease = leases.take("a")
    assert lease is not None
    with leases.keep(lease):
        assert over.wait(10)
    assert bool(ended) is ends


def test_whoever_has_lost_the_file_of_a_lease_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended, over = list[tuple[int, int]](), threading.Event()
    monkeypatch.setattr("mtl.runs.lock.HEARTBEAT", 0.01)
    monkeypatch.setattr(os, "kill", lambda *given: (ended.append(given), over.set()))
    leases = FileLeases(tmp_path)
    lease = leases.take("a")
    assert lease is not None
    with leases.keep(lease):
        (tmp_path / "a.lock").write_text('{"token": "of another"}')
        assert over.wait(10)
    assert ended == [(os.getpid(), signal.SIGTERM)]
    assert (tmp_path / "a.lock").read_text() == '{"token": "of another"}'


def test_those_who_want_to_be_alone_wait_for_each_other(tmp_path: Path, kept: str) -> None:
    leases, lines = STORES[kept](tmp_path), list[str]()

    def wait() -> None:
        with STORES[kept](tmp_path).alone("report"):
            lines.append("second")

    with leases.alone("report"):
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.1)
        lines.append("first")
    thread.join()
    assert lines == ["first", "second"]


def test_a_database_that_is_away_for_a_while_is_waited_for(tmp_path: Path) -> None:
    """As while it is started again; at first it is not, since the address may be wrong."""
    leases, away = DatabaseLeases(address(tmp_path), tmp_path, beat=0.01), iter([*[True] * 3, *[False] * 99])

    def refuse(*_: object) -> None:
        if next(away):
            raise sqlite3.OperationalError("away")

    event.listen(Engine, "do_connect", refuse)
    try:
        lease = leases.take("a")
        assert lease is not None
        away = iter([True, False, False, *[True, False] * 50])
        with leases.keep(lease):
            assert leases.held(["a"]) == {"a"}
        assert leases.take("a") is not None
        away = iter([True] * 99)
        with pytest.raises(InputError, match="the database cannot be used: away"):
            DatabaseLeases(address(tmp_path), tmp_path)
    finally:
        event.remove(Engine, "do_connect", refuse)


def test_a_database_that_stays_away_is_said_when_the_lease_has_ended(tmp_path: Path) -> None:
    """A worker waits for it from its beginning on, since whoever plans the runs has used it before."""
    leases, away = DatabaseLeases(address(tmp_path), tmp_path, 0.1, beat=0.01), iter([*[True] * 3, *[False] * 9])

    def refuse(*_: object) -> None:
        if next(away, True):
            raise sqlite3.OperationalError("away")

    event.listen(Engine, "do_connect", refuse)
    try:
        assert DatabaseLeases(address(tmp_path), tmp_path, beat=0.01, patient=True).held(["a"]) == set()
        away = iter([])
        with pytest.raises(InputError, match="the database cannot be used: away"):
            leases.take("a")
    finally:
        event.remove(Engine, "do_connect", refuse)


def test_a_lease_that_is_renewed_while_it_is_looked_at_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a machine whose network is back in the moment in which another one takes its run over."""
    leases = DatabaseLeases(address(tmp_path), tmp_path)
    leases.take("a")
    change(tmp_path, """holder = '{"machine": "elsewhere"}', seen = '2000-01-01 00:00:00'""")
    found = leases._row("a")
    change(tmp_path, "beats = beats + 1")
    monkeypatch.setattr(leases, "_row", lambda _: found)
    assert leases.take("a") is None
    leases.clear("a")
    assert read(tmp_path, "token") == found.token


def test_the_file_of_a_dead_lease_is_cleared(tmp_path: Path) -> None:
    leases, lock = FileLeases(tmp_path), tmp_path / "a.lock"
    lock.write_text(json.dumps({"token": "dead", "machine": machine_id(), "pid": 2**22 + 1, "started": 0.0}))
    leases.clear("a")
    assert not lock.exists()
    leases.clear("a")


def test_of_two_machines_whose_locks_do_not_reach_each_other_one_gets_a_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file is made in one step, which only one of them succeeds in."""
    create = run_lock.create_lock

    def create_later(lock: Path, text: str) -> bool:
        create(lock, '{"token": "of the other"}')
        return create(lock, text)

    monkeypatch.setattr("mtl.sweep.file_leases.create_lock", create_later)
    assert FileLeases(tmp_path).take("a") is None
    assert (tmp_path / "a.lock").read_text() == '{"token": "of the other"}'


def test_outputs_that_share_a_database_do_not_meet(tmp_path: Path) -> None:
    one, other = (DatabaseLeases(address(tmp_path), tmp_path / name) for name in ("one", "other"))
    assert one.take("a") is not None
    assert other.take("a") is not None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("postgresql+psycopg://me:secret@host/name", "without password"),
        ("sqlite:///leases.db?mode=ro", "without password and options"),
        ("sqlite:////nowhere/at/all.db", "cannot be used: unable to open database file"),
        ("nosuch://host/name", "cannot be used: Can't load plugin"),
    ],
    ids=["password", "options", "no folder", "no driver"],
)
def test_a_database_that_cannot_be_used_is_named_in_one_line(tmp_path: Path, given: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        DatabaseLeases(given, tmp_path)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
