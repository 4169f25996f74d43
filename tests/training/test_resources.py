"""Peak memory is that of one run, also in a process that trains many."""

import subprocess
import sys

import pytest
import torch

from mtl.training.resources import peak_memory, reset_peak_memory

HOG = 200_000_000  # bytes
LARGE = 1_200_000_000  # more than a process needs that loads this package


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


@pytest.mark.skipif(sys.platform != "linux", reason="other systems hand a peak on")
def test_what_the_starting_process_used_does_not_count() -> None:
    hog = torch.ones(LARGE, dtype=torch.uint8)
    program = "from mtl.training.resources import peak_memory; print(peak_memory())"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 0 < int(found.stdout) < 0.8 * len(hog)
