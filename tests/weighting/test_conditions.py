"""Every method found in conf/weighting under what the real trainer does to it: clipping, half precision, a compiled
network, labels that are missing, an interruption, losses that break.
"""

import math
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer

from mtl.assembly import build
from mtl.config.compose import configure
from mtl.errors import InputError
from mtl.module.loss_meter import Diverged
from mtl.module.module import MultiTaskModule
from tests.support import Rows, fit, module_of, parameters, rows
from tests.weighting.problems import LOOKING_AROUND, METHODS, PLACED, make

pytestmark = pytest.mark.smoke
every_method = pytest.mark.parametrize("name", METHODS)
SGD = partial(torch.optim.SGD, lr=0.1)


def trained(name: str, data: Rows, *, compile_network: bool = False, **options: Any) -> MultiTaskModule:
    """A module that was fitted; some of the training rows are held out where the method learns on such."""
    weighting = make(name, len(data.tasks))
    data.hold_out(weighting.held_out and 0.25)
    return fit(data, module_of(data, weighting, SGD, compile_network=compile_network), **options)


@every_method
def test_clipping_limits_the_final_gradient(name: str) -> None:
    """One step of plain gradient descent is as long as the limit, and goes where it would have gone without one."""
    moved = []
    for clip in (None, 0.01):
        data = rows(20)
        start = parameters(module_of(data, make(name, 3), SGD))
        moved.append(parameters(trained(name, data, batch_size=20, epochs=1, clip=clip)) - start)
    unclipped, clipped = moved
    assert float(unclipped.norm()) > 0.1 * 0.011  # the limit bites
    torch.testing.assert_close(clipped, unclipped * (0.1 * 0.01 / unclipped.norm()), rtol=1e-3, atol=1e-7)


@every_method
def test_half_precision_trains(name: str) -> None:
    """In bfloat16 the first step is nearly that of single precision."""
    ends = [
        parameters(trained(name, rows(20), batch_size=20, epochs=1, precision=p)) for p in ("32-true", "bf16-mixed")
    ]
    start = parameters(module_of(rows(20), make(name, 3), SGD))
    assert float(torch.nn.functional.cosine_similarity(ends[0] - start, ends[1] - start, 0)) > 0.95


@pytest.mark.parametrize("name", [name for name in METHODS if not make(name, 3).held_out])
def test_rows_without_labels_do_not_matter(name: str) -> None:
    """Rows without any label, among the others, change nothing. Not of methods that hold rows out: which ones depends
    on how many there are.
    """
    data = rows(24, missing=0.3)
    hidden = torch.arange(24) % 3 == 0
    masked = Rows(data.given.inputs, {k: v.masked_fill(hidden, math.nan) for k, v in data.given.targets.items()})
    kept = data.given.rows(~hidden)
    subset = Rows(kept.inputs, kept.targets)
    found, expected = (trained(name, each, batch_size=24, epochs=2) for each in (masked, subset))
    torch.testing.assert_close(parameters(found), parameters(expected), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", [*METHODS, *LOOKING_AROUND])
def test_resumed_training_is_the_uninterrupted_one(name: str, tmp_path: Path) -> None:
    """Through a checkpoint of the trainer: network, optimizer, state of the method and its random draws."""
    data = partial(rows, 30, missing=0.2)
    uninterrupted = trained(name, data(), batch_size=10, epochs=4)
    trained(name, data(), batch_size=10, epochs=2, save=tmp_path / "half.ckpt")
    torch.rand(5)
    resumed = trained(name, data(), batch_size=10, epochs=4, resume=tmp_path / "half.ckpt")
    assert torch.equal(parameters(resumed), parameters(uninterrupted))
    for key, value in uninterrupted.weighting.state_dict().items():
        assert torch.equal(resumed.weighting.state_dict()[key].nan_to_num(-1.0), value.nan_to_num(-1.0)), key


class Poison(Callback):
    """Makes the head of one task infinite from a step on."""

    def on_train_batch_start(self, trainer: Trainer, module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step == 2:
            with torch.no_grad():
                next(module.network.heads["t1"].parameters()).fill_(math.inf)


@every_method
def test_broken_losses_name_the_task(name: str) -> None:
    """The first to break, and when."""
    with pytest.raises(Diverged, match=r"loss of task 't1' became NaN or infinite at step 2"):
        trained(name, rows(20), batch_size=5, epochs=1, callbacks=[Poison()])


def test_representation_of_a_compiled_network_is_out_of_reach() -> None:
    """One line, before training, by what every method says of itself."""
    assert all(make(name, 3, at="representation").needs_representation for name in PLACED)
    with pytest.raises(InputError, match="compile=false"):
        build(configure("task=synthetic", "weighting=mgda", "weighting.at=representation", "compile=true"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler, inside torch
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_networks_take_the_same_steps() -> None:
    """Every method trains one network, compiled once, as it trains that network uncompiled. Most walk the graph once
    per task, which a compiled backward pass allows only when told so.
    """
    data = rows(20, missing=0.3)
    network = module_of(data, make("equal", 3)).network
    start = {key: value.clone() for key, value in network.state_dict().items()}
    for name in METHODS:
        ends = []
        for compiled in (False, True):
            network.load_state_dict(start)
            weighting = make(name, 3)
            data = rows(20, missing=0.3)
            data.hold_out(weighting.held_out and 0.5)
            module = MultiTaskModule(network, network.graph, weighting, SGD, compile_network=compiled)
            ends.append(parameters(fit(data, module, batch_size=10, epochs=2)))
        torch.testing.assert_close(ends[1], ends[0], atol=1e-5, rtol=1e-4, msg=name)
