"""How a worker process begins."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mtl.sweep.processes import start_worker, worker_process

MOST = 60  # seconds that the worker waits for the signal


def wait(directory: Path) -> None:
    with worker_process(directory):
        time.sleep(MOST)


@pytest.fixture
def heeded() -> Iterator[None]:
    """Ctrl-C is not ignored, as it is where the tests were started in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded")
@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Ctrl-C cannot be held back on Windows")
def test_ctrl_c_while_a_worker_begins_is_an_interruption_without_a_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    worker = multiprocessing.get_context("spawn").Process(target=wait, args=(tmp_path,), daemon=True)
    start_worker(worker)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGINT)
    worker.join(MOST / 2)
    assert worker.exitcode == 128 + signal.SIGINT
    assert capfd.readouterr().err == ""
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, []), "held back only while it is started"
