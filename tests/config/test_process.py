"""What holds for the whole process."""

import gc
from collections.abc import Iterator

import pytest

from mtl.config.process import program_imports


@pytest.fixture
def _nothing_kept() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.freeze()


@pytest.mark.usefixtures("_nothing_kept")
def test_collections_pass_over_imports_and_not_over_what_runs_leave() -> None:
    with program_imports():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > 1000
    left: list[object] = []
    left.append(left)  # garbage that only a collection frees
    known = id(left)
    del left
    with program_imports():
        pass
    assert gc.collect() > 0
    assert all(id(one) != known for one in gc.get_objects())
