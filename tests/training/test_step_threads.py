"""How many threads a training has: one where its steps are small, and what the config says where it says so."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from mtl.assembly import Assembly, build
from mtl.config.compose import configure
from mtl.lifecycle.together import Job, train_jobs
from mtl.lifecycle.train import train
from mtl.training.step_threads import WORTH_THREADS, on_cpu, operations, step_threads

SMALL = [
    "task=synthetic",
    "task.rows=60",
    "task.features=6",
    "model=hard",
    "weighting=equal",
    "encoder.widths=[8]",
    "batch_size=12",
    "epochs=1",
    "logger=csv",
    "progress=false",
]


@pytest.fixture(autouse=True)
def _two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def assembled(*overrides: str) -> Assembly:
    found = build(configure(*SMALL, *overrides))
    found.data.setup("fit")
    return found


def test_operations_are_those_of_the_products_of_a_batch() -> None:
    """Two for each weight of a layer and row: 6 x 8 of the trunk, and 8 for each of the heads' outputs."""
    found = assembled()
    heads = sum(p.numel() for name, p in found.module.network.named_parameters() if "head" in name and p.ndim == 2)
    assert operations(found) == pytest.approx(12 * 2 * (6 * 8 + heads))
    assert operations(assembled("batch_size=24")) == 2 * operations(found)
    assert operations(assembled("batch_size=24", "accumulate=2")) == operations(found)


def test_small_steps_have_one_thread_and_large_ones_all(monkeypatch: pytest.MonkeyPatch) -> None:
    small = assembled()
    assert operations(small) < WORTH_THREADS
    with step_threads(small):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    with step_threads(small, members=int(WORTH_THREADS / operations(small)) + 1):
        assert torch.get_num_threads() == 2
    with step_threads(assembled("threads=2")):
        assert torch.get_num_threads() == 2
    monkeypatch.setattr("mtl.training.step_threads.count_flops", lambda *_: None)
    with step_threads(small):
        assert torch.get_num_threads() == 2


def test_an_accelerator_leaves_the_threads_alone() -> None:
    hardware = configure(*SMALL).hardware
    assert on_cpu(hardware)
    assert not on_cpu(hardware.model_copy(update={"accelerator": "gpu"}))


@pytest.mark.smoke
def test_the_result_says_with_how_many_a_run_was_trained(tmp_path: Path) -> None:
    def threads(*overrides: str, most: int | None = None) -> str:
        result = train(configure(*SMALL, f"output={tmp_path}", *overrides), most_threads=most)
        assert result is not None
        return result.environment["threads"]

    assert threads() == "1"
    assert threads("threads=2") == "2"
    assert torch.get_num_threads() == 2
    jobs = [Job(configure(*SMALL, f"output={tmp_path / 'stack'}", f"seed={seed}")) for seed in range(2)]
    train_jobs(jobs, 2)
    assert [job.result.environment["threads"] for job in jobs if job.result] == ["1", "1"]
    files = list(tmp_path.rglob("result.json"))
    assert {json.loads(file.read_text())["replicas"] for file in files} == {1, 2}
