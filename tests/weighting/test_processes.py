"""Several processes make the update of one process that has all their rows."""

from pathlib import Path

import pytest
import torch
from torch import multiprocessing

from tests.weighting.problems import EVERY
from tests.weighting.processes import trained, work


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path: Path) -> None:
    """Every variant of every method: three steps on halves are three steps on the whole, and leave the same state."""
    multiprocessing.spawn(work, (str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    wrong = []
    for (name, changed), one, two in zip(EVERY, first, second, strict=True):
        assert torch.equal(one, two), (name, changed)
        if not torch.allclose(one, trained(name, changed, 0, 12), rtol=1e-3, atol=1e-4):
            wrong.append((name, changed))
    assert wrong == []
