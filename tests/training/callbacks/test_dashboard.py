"""What a run shows of its weighting: weights, and the tasks' gradients beside each other."""

import csv
import time
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from mtl.gradients.gramian import gramian_of
from mtl.lifecycle.train import train
from mtl.module.affinity import gradient_gramian
from mtl.runs.directory import Run
from mtl.suites.batch import Batch
from mtl.training.callbacks.dashboard import Dashboard, gradients, layout
from mtl.training.trainer import dashboard_loggers
from mtl.weighting.equal import Equal
from mtl.weighting.pcgrad import PCGrad
from tests.support import fit, module_of, parameters, rows, tiny

COMPARED = ("gradient/norm/task0", "gradient/cosine/task0-task1", "gradient/conflict", "gradient/magnitude_similarity")


@pytest.mark.parametrize(
    "weighting",
    [
        ["weighting=equal"],
        ["weighting=auto_lambda"],
        ["weighting=graddrop"],
        ["weighting=mgda"],
        ["weighting=uncertainty", "weighting.normalise=gradient_norm"],
    ],
    ids=lambda words: words[-1],
)
def test_every_run_shows_whether_its_tasks_conflict(weighting: list[str], tmp_path: Path) -> None:
    """Each of two epochs, whether the weighting looks at gradients or not; weights and cost, too."""
    train(tiny(tmp_path, "model=hard", *weighting))
    (path,) = tmp_path.rglob("metrics.csv")
    with path.open(encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    for tag in (*COMPARED, "weight/task2"):
        assert len([row[tag] for row in written if row[tag]]) == 2, tag
    assert [row for row in written if row["cost/step_relative_to_equal"]]


def test_nothing_shared_nothing_compared(tmp_path: Path) -> None:
    """Nor promised on the page of charts."""
    train(tiny(tmp_path, "model=single_task", "weighting=equal", "epochs=1"))
    (path,) = tmp_path.rglob("metrics.csv")
    assert "gradient/" not in path.read_text(encoding="utf-8")
    data = rows()
    assert "gradient norms" in layout(module_of(data, Equal(3)), "val/score")["weighting"]
    assert "gradient norms" not in layout(module_of(rows(tasks=1), Equal(1)), "val/score")["weighting"]


def test_gradients_are_compared_at_the_last_shared_layer() -> None:
    """On the rows of the batch, of tasks with labels, whatever dropout does; by hand."""
    data = rows(12, missing=0.3)
    module = module_of(data, Equal(3), dropout=0.5)
    targets = {**data.given.targets, "t1": torch.full((12,), torch.nan)}
    found, tasks = gradient_gramian(module, Batch(data.given.inputs, targets))
    assert tasks == (0, 2)
    assert module.training
    module.eval()
    jacobian = []
    for name in ("t0", "t2"):
        has = targets[name].isfinite()
        loss = (module(data.given.inputs)[name][has] - targets[name][has]).square().mean()
        parts = torch.autograd.grad(loss, module.partition.layer)
        jacobian.append(torch.cat([part.flatten() for part in parts]))
    torch.testing.assert_close(found, gramian_of(torch.stack(jacobian)))


def test_what_the_numbers_say() -> None:
    """``g_1 = (2, 0)``, ``g_2 = (-1, 1)``, ``g_3 = (0, 1)``: one pair of three is in conflict."""
    j = torch.tensor([[2.0, 0.0], [-1.0, 1.0], [0.0, 1.0]])
    shown = gradients(module_of(rows(), Equal(3)), j @ j.T, (0, 1, 2))
    assert shown["gradient/norm/t0"] == 2
    assert shown["gradient/cosine/t0-t1"] == pytest.approx(-(0.5**0.5))
    assert shown["gradient/conflict"] == pytest.approx(1 / 3)
    similar = (2 * 2 * 2**0.5 / 6, 2 * 2 / 5, 2 * 2**0.5 / 3)
    assert shown["gradient/magnitude_similarity"] == pytest.approx(sum(similar) / 3)


@pytest.mark.parametrize("make", [Equal, PCGrad])
def test_looking_changes_nothing(make: type[Equal] | type[PCGrad]) -> None:
    """With dropout on, parameters are the same bit for bit with and without the dashboard."""
    ends = [
        parameters(fit(rows(), module_of(rows(), make(3), dropout=0.5), batch_size=10, callbacks=callbacks))
        for callbacks in ((), (Dashboard(every=2),))
    ]
    assert torch.equal(*ends)


def test_a_dashboard_can_be_read_while_the_run_goes_on(tmp_path: Path) -> None:
    """What is written reaches the disk by itself, and does not wait for the end."""
    config = tiny(tmp_path, "logger=tensorboard")
    (board,) = dashboard_loggers(Run.create(config), config)
    board.log_metrics({"train/a/loss": 1.5, "epoch": 0}, 3)
    events = EventAccumulator(str(Path(board.log_dir).parent / "train"))
    for _ in range(600):
        events.Reload()
        if "fit/a/loss" in events.Tags()["scalars"]:
            break
        time.sleep(0.1)
    assert [(event.step, event.value) for event in events.Scalars("fit/a/loss")] == [(3, 1.5)]
    board.finalize("success")
