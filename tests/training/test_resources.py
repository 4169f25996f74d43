"""What a run costs is that run's own, and what cannot be found out is left empty."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from torch import nn

from mtl.training import resources
from mtl.training.resources import count_flops, environment, inference_seconds, peak_memory, reset_peak_memory
from mtl.weighting.equal import Equal
from tests.support import module_of, rows

HOG = 200_000_000  # bytes; more than a process needs that loads no torch


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
    hog = torch.ones(HOG, dtype=torch.uint8)
    program = "from mtl.config.system import peak_of_host; print(peak_of_host())"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 0 < int(found.stdout) < 0.8 * len(hog)


def test_environment_tells_what_there_is() -> None:
    found = environment()
    assert found["torch"] == torch.__version__
    assert found["threads"] == str(torch.get_num_threads())
    assert int(found["cores"]) >= 1


@pytest.fixture
def asked_anew() -> Iterator[None]:
    """What is asked once in a process is asked within this test, and again after it."""
    resources.versions.cache_clear()
    yield
    resources.versions.cache_clear()


def test_operations_of_attention_count() -> None:
    """Of 2 heads with 8 features over 10 words: a product with the keys and one with the values."""
    data = rows(count=40)
    data.setup("fit")
    module = module_of(data, Equal(3))
    before = count_flops(module, data)
    assert before is not None

    class Attending(nn.Module):
        def forward(self, inputs: Any) -> Any:
            words = torch.zeros(len(inputs["x"]), 2, 10, 8)
            unseen = torch.zeros(len(words), 1, 1, 10)
            nn.functional.scaled_dot_product_attention(words, words, words, attn_mask=unseen)
            return network(inputs)

    network = module.network
    module.network = Attending()  # type: ignore[assignment]
    assert count_flops(module, data) == before + 2 * 2 * (2 * 10 * 10 * 8)


@pytest.mark.usefixtures("asked_anew")
def test_what_a_machine_does_not_tell_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without git, the metadata of a package, or the cores that a process may use."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.delattr(psutil.Process, "cpu_affinity", raising=False)

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(resources, "version", missing)
    found = environment()
    assert found["commit"] == found["numpy"] == ""
    assert int(found["cores"]) >= 1
    monkeypatch.undo()
    resources.versions.cache_clear()
    monkeypatch.setattr(resources, "CONF", resources.PACKAGE / "conf")  # as where the package is installed
    assert environment()["commit"] == ""
    monkeypatch.setattr(psutil, "Process", lambda: missing("process"))
    assert environment()["cores"] == ""
    assert environment().keys() == found.keys()


def test_a_finished_run_is_not_lost_for_what_only_informs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting and timing that fail are None; a machine without these files and functions has a peak all the same."""
    data = rows()
    module = module_of(data, Equal(3))
    data.setup("fit")
    assert count_flops(module, data) > 0
    assert inference_seconds(module.predict, data) > 0

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise OSError("not here")

    monkeypatch.setattr(Path, "read_text", fail)
    monkeypatch.setattr(Path, "write_text", fail)
    monkeypatch.setattr(psutil, "heap_trim", fail, raising=False)
    reset_peak_memory()
    assert peak_memory() > 0
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    assert peak_memory() > 0
    monkeypatch.setattr(psutil, "Process", fail)
    assert peak_memory() is None
    monkeypatch.setattr(module.network, "forward", fail)
    assert count_flops(module, data) is None
    assert inference_seconds(module.predict, data) is None
    assert module.training
    assert module.network.training


def test_an_interruption_by_other_programs_does_not_count_as_the_cost_of_a_prediction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = rows()
    data.setup("fit")
    took = iter([9.0, 0.3, 0.2, 0.2, 0.4, 0.2, 5.0])  # the first prediction warms up
    clock = [0.0]

    def predict(_: Any) -> dict[str, Any]:
        clock[0] += next(took)
        return {}

    monkeypatch.setattr("mtl.training.resources.time.perf_counter", lambda: clock[0])
    assert inference_seconds(predict, data) == pytest.approx(0.2)
    assert list(took) == [5.0]
