"""Tasks that share nothing are clipped and selected as if each were trained alone; a part of them can be chosen."""

from csv import DictReader
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mtl.assembly import build
from mtl.config.compose import compose_config, to_run_config
from mtl.config.process import set_process_defaults
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.training.callbacks.best_epoch_per_task import BestEpochPerTask

TINY = [
    "task=synthetic",
    "task.rows=60",
    "task.features=8",
    "encoder.widths=[8]",
    "progress=false",
    "task.noise=2",
    "validate_every=1",
]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    set_process_defaults()


def config(path: Path, *overrides: str) -> dict[str, Any]:
    return to_run_config(*compose_config([*TINY, f"output={path}", "weighting=equal", *overrides]))


def test_each_network_keeps_its_own_best_epoch(tmp_path: Path) -> None:
    result = train(config(tmp_path, "model=single_task", "epochs=8", "optimizer.lr=0.1", "batch_size=12"))
    (log,) = tmp_path.glob("runs/*/*/*/csv/metrics.csv")
    rows = [row for row in DictReader(log.read_text().splitlines()) if row["val/score"]]
    best = {}
    for task in result.tasks:
        losses = [float(row[f"val/{task}/loss"]) for row in rows]
        best[task] = losses.index(min(losses))
        assert result.metrics["val"].tasks[task]["loss"] == pytest.approx(min(losses))
    assert result.selection.by_task == best
    assert len(set(best.values())) > 1  # else this run proves nothing


def test_the_task_that_acts_is_selected_by_how_acting_went(tmp_path: Path) -> None:
    module = build(config(tmp_path, "model=single_task")).module
    own = BestEpochPerTask(("val/execution_gap", "max"), acting="task1")
    for epoch, (loss, gap) in enumerate([(3.0, 0.1), (1.0, 0.2), (2.0, 0.3)]):
        metrics = {f"val/task{i}/loss": torch.tensor(loss) for i in range(3)} | {"val/execution_gap": torch.tensor(gap)}
        trainer = SimpleNamespace(sanity_checking=False, callback_metrics=metrics, current_epoch=epoch)
        own.on_validation_end(trainer, module)  # type: ignore[arg-type]
    assert own.epochs == {"task0": 1, "task1": 2, "task2": 1}


def test_a_shared_network_keeps_one_epoch_for_all(tmp_path: Path) -> None:
    result = train(config(tmp_path, "model=hard", "epochs=2"))
    assert result.selection.by_task == {}


def clipped(module: Any, sizes: list[float]) -> list[float]:
    """Norms of the tasks' gradients after clipping to 1, when they were of these sizes."""
    private = module.partition.private.values()
    for parameters, size in zip(private, sizes, strict=True):
        for p in parameters:
            p.grad = torch.zeros_like(p)
        parameters[0].grad.view(-1)[0] = size
    module.configure_gradient_clipping(None, 1.0, "norm")
    return [float(torch.stack([p.grad.norm() for p in parameters]).norm()) for parameters in private]


def test_a_large_gradient_of_one_network_does_not_shrink_the_others(tmp_path: Path) -> None:
    apart = clipped(build(config(tmp_path, "model=single_task")).module, [100.0, 0.5, 0.1])
    assert apart == pytest.approx([1.0, 0.5, 0.1], abs=1e-4)
    together = clipped(build(config(tmp_path, "model=hard")).module, [100.0, 0.5, 0.1])
    assert together == pytest.approx([1.0, 0.005, 0.001], abs=1e-4)


def test_a_part_of_the_tasks_is_learned_in_the_order_of_the_suite(tmp_path: Path) -> None:
    assembly = build(config(tmp_path, "tasks=[task2,task0]"))
    assembly.data.setup("fit")
    assert assembly.graph.names == ("task0", "task2")
    assert list(assembly.data.splits["train"].targets) == ["task0", "task2"]


def test_an_unknown_task_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'task1'"):
        build(config(tmp_path, "tasks=[task01]"))
