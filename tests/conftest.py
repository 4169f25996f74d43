"""What holds for every test: a marker, one thread, caches of its own, no network, and a fresh random state."""

import gc
import os
import socket
import sys
import tempfile
from functools import cache
from ipaddress import ip_address
from typing import Any

# Before torch is imported: results and durations must not depend on the number of cores, also in started processes.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"
os.environ["HF_HUB_OFFLINE"] = "1"

import hypothesis
import pytest

MARKERS = {"unit", "smoke", "slow", "campaign"}
CACHE = pytest.StashKey[tempfile.TemporaryDirectory[str]]()

# The same examples on every machine, and no limit on their duration: a test fails for what the code does.
# To look further: pytest --hypothesis-profile=explore
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("repeatable")


def connect_locally(self: socket.socket, address: Any, *, connect: Any = socket.socket.connect) -> None:
    """``socket.connect`` for this machine only."""
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] != "localhost":
        try:
            local = ip_address(address[0]).is_loopback
        except ValueError:  # another machine's name
            local = False
        if not local:
            self.close()
            raise RuntimeError(f"tests use no network, and this one connects to {address[0]}:{address[1]}")
    connect(self, address)


def pytest_configure(config: pytest.Config) -> None:
    """No network, and an empty user cache, which the processes of one test run share."""
    pytest.MonkeyPatch().setattr(socket.socket, "connect", connect_locally)
    if "PYTEST_XDIST_WORKER" not in os.environ:  # worker processes inherit the variable
        config.stash[CACHE] = tempfile.TemporaryDirectory(prefix="mtl-tests-", ignore_cleanup_errors=True)
        os.environ["XDG_CACHE_HOME"] = config.stash[CACHE].name


def pytest_collection_finish() -> None:
    """Let collections pass over the tests and what they import: each run of a test begins with a collection.

    Each of Lightning's trainers reads what all installed packages offer it, which takes as long as a short training.
    """
    if (registry := sys.modules.get("lightning_fabric.utilities.registry")) is not None:
        registry.entry_points = cache(registry.entry_points)
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """After the last test of a file, let collections pass over what is left, such as what compilers keep.

    Else each of many thousand collections would go through all of it: a quarter of the time of all tests.
    """
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the cache."""
    if CACHE in config.stash:
        config.stash[CACHE].cleanup()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test without a marker is a unit test."""
    for item in items:
        if not MARKERS & {marker.name for marker in item.iter_markers()}:
            item.add_marker(pytest.mark.unit)


def pytest_runtest_setup() -> None:
    """Every test begins with the same random state and has said nothing yet, whichever ran before it in its process."""
    if (
        "torch" in sys.modules
    ):  # of the CPU, where tests run; torch.manual_seed writes down the stack for three kinds more
        sys.modules["torch"].default_generator.manual_seed(0)
    if "mtl.lifecycle.introduction" in sys.modules:
        sys.modules["mtl.lifecycle.introduction"].write.cache_clear()
