"""Several machines train one run: the others learn from the first where it writes, and what is missing is said."""

import os
import socket
import threading
from pathlib import Path

import pytest

from mtl.config.process import RESUMED_VARIABLE, RUN_VARIABLE
from mtl.errors import InputError
from mtl.lifecycle import machines
from mtl.lifecycle.machines import Machines
from mtl.lifecycle.train import train
from tests.support import tiny


def variables(rank: int, port: int) -> dict[str, str]:
    return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "NODE_RANK": str(rank)}


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """Of which the next one is free, too; no variable of a training is set, or stays so."""
    monkeypatch.setenv(RUN_VARIABLE, "")
    monkeypatch.delenv(RUN_VARIABLE)
    monkeypatch.setenv(RESUMED_VARIABLE, "")
    monkeypatch.delenv(RESUMED_VARIABLE)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1]) - 1


@pytest.mark.parametrize("resumed", [False, True])
def test_all_learn_the_run_of_the_first_and_begin_together(
    resumed: bool, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machines, "POLL", 0.01)
    one, two = (Machines(2, 60.0, variables(rank, port)) for rank in (0, 1))
    assert (one.first, two.first) == (True, False)
    monkeypatch.setenv(RUN_VARIABLE, "outputs/runs/some")
    if resumed:
        monkeypatch.setenv(RESUMED_VARIABLE, "1")
    waiting = threading.Thread(target=one.meet)
    waiting.start()
    try:
        with two.run_of_first():
            assert os.environ[RUN_VARIABLE] == "outputs/runs/some"
            assert (os.environ.get(RESUMED_VARIABLE) == "1") == resumed
            assert waiting.is_alive()  # for the other one
            two.meet()
        assert RUN_VARIABLE not in os.environ
    finally:
        waiting.join(30)
    assert not waiting.is_alive()


def test_who_does_not_come_is_given_up(
    port: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And whoever waits longer than a moment says once for what, and which key says how long."""
    monkeypatch.setattr(machines, "SILENCE", 0.01)
    monkeypatch.setattr(machines, "POLL", 0.05)
    key = r"0 s \(hardware\.rendezvous_timeout=0\)"
    with pytest.raises(InputError, match=rf"^the first machine does not answer, within {key}$"):
        Machines(2, 0.2, variables(1, port)).run_of_first().__enter__()
    said = "the first machine does not answer yet, and is waited for at 127.0.0.1:"
    assert capsys.readouterr().err == f"{said}{port + 1}, for at most 0 s (hardware.rendezvous_timeout=0)\n"
    monkeypatch.setenv(RUN_VARIABLE, "outputs/runs/some")
    first = Machines(2, 0.2, variables(0, port))
    with pytest.raises(InputError, match=rf"^not all of the 2 machines have come, within {key}$"):
        first.meet()
    with pytest.raises(InputError, match=rf"^MASTER_PORT={port}: port {port + 1} is needed, too"):
        Machines(2, 0.2, variables(0, port)).meet()


@pytest.mark.parametrize(
    "wrong", [{"NODE_RANK": "2"}, {"NODE_RANK": "x"}, {"MASTER_PORT": "65535"}, {"MASTER_ADDR": ""}]
)
def test_what_is_missing_is_said(wrong: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"^hardware.num_nodes=2: expected on each machine the variables MASTER_ADDR"):
        Machines(2, 60.0, {**variables(0, 29500), **wrong})


def test_a_training_of_several_machines_asks_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is written."""
    for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "GROUP_RANK"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match=r"hardware.num_nodes=2: expected on each machine"):
        train(tiny(tmp_path, "model=hard", "hardware=ddp_cpu", "hardware.devices=1", "+hardware.num_nodes=2"))
    assert not list(tmp_path.iterdir())
