"""Peak memory is that of one run, also in a process that trains many."""

import sys

import pytest
import torch

from mtl.resources import peak_memory, reset_peak_memory

HOG = 200_000_000  # bytes


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not forget a process's peak")
@pytest.mark.parametrize("pieces", [1, 20_000], ids=["one block", "many small ones"])
def test_what_an_earlier_run_used_does_not_count(pieces: int) -> None:
    reset_peak_memory()
    before = peak_memory()
    hog = [torch.ones(HOG // pieces, dtype=torch.uint8) for _ in range(pieces)]
    assert peak_memory() > before + 0.8 * HOG
    del hog
    assert peak_memory() > before + 0.8 * HOG
    reset_peak_memory()
    assert peak_memory() < before + 0.3 * HOG
