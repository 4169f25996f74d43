"""A short training without files: a step of the framework's own in a plain loop, for studies of many small networks."""

import copy
import time
from dataclasses import dataclass
from functools import lru_cache
from math import exp, nan

import torch

from mtl.assembly import build_with_data
from mtl.config.compose import configure
from mtl.config.factories import instantiate_node
from mtl.config.run_config import RunConfig
from mtl.config.run_result import LOSS
from mtl.module.constant_losses import constant_losses
from mtl.module.module import MultiTaskModule
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.batch import Batch

LOOK_EVERY = 20  # steps between two looks at validation
CLIP = 1.0


@dataclass(frozen=True)
class Fitted:
    """A trained network, in the state that was best on validation; of networks apart, each in its own best one.

    Attributes:
        module: what was trained.
        states: the parameters to measure with, by task.
        seconds: of training and validation.
    """

    module: MultiTaskModule
    states: dict[str, dict[str, torch.Tensor]]
    seconds: float

    def measure(self, data: MultiTaskDataModule, split: str) -> dict[str, dict[str, float]]:
        """Mean loss and primary metric by task, ``{task: {"loss": ..., "metric": ...}}``."""
        out, found, last = {}, {}, None
        for task in data.tasks:
            state = self.states[task.name]
            if state is not last:
                self.module.network.load_state_dict(state)
                found, last = self.module.evaluate(data.loader(split)).tasks, state
            values = found[task.name]
            out[task.name] = {"loss": number(values.get(LOSS)), "metric": number(values.get(task.primary))}
        return out


def number(value: float | None) -> float:
    """A measured value; NaN, and never the best loss, where it is no number, as of a network that has diverged."""
    return nan if value is None else float(value)


@lru_cache
def config_of(overrides: tuple[str, ...]) -> RunConfig:
    """What the overrides say."""
    return configure(*overrides)


@lru_cache
def data_of(overrides: tuple[str, ...]) -> MultiTaskDataModule:
    """A suite with its rows."""
    config = config_of(overrides)
    data: MultiTaskDataModule = instantiate_node(config.task, "task")
    if config.tasks is not None:
        data = data.part(config.tasks)
    data.setup("fit")
    data.setup("test")
    return data


def fit(suite: tuple[str, ...], chosen: tuple[str, ...], seed: int, steps: int) -> Fitted:
    """Train for a number of steps of as many rows as ``batch_size`` says, and keep what was best on validation.

    Args:
        suite: overrides that say what is learned.
        chosen: overrides that say how.
        seed: of initial values and of the rows of each step.
        steps: how many.
    """
    config = config_of((*suite, *chosen)).model_copy(update={"seed": seed})
    data = data_of(suite)
    data.configure_batches(config.batch_size, seed)
    module = build_with_data(data, config).module
    learned = [p for p in module.parameters() if p.requires_grad]
    clipped = module.partition.private_lists if module.nothing_shared else [learned]
    optimizer = module.make_optimizer([{"params": learned}])
    if module.weighting.needs_initial_losses:
        module.weighting.on_initial_losses(constant_losses(module.network, data.loader("train")))
    train, val = data.splits["train"], data.splits["val"]
    whole = Batch(val.inputs, val.targets)
    draw = torch.Generator().manual_seed(seed)
    names = [task.name for task in data.tasks]
    best: dict[str, tuple[float, dict[str, torch.Tensor]]] = {}
    started = time.perf_counter()
    for step in range(1, steps + 1):
        rows = train.rows(torch.randint(len(train), (config.batch_size,), generator=draw))
        optimizer.zero_grad()
        module.step.losses(Batch(rows.inputs, rows.targets), 1, True)
        module.step.backward(1.0)
        for part in clipped:
            torch.nn.utils.clip_grad_norm_(part, CLIP)
        optimizer.step()
        module.step.finish()
        if step % LOOK_EVERY == 0:
            look(module, whole, names, best)
    return Fitted(module, {name: state for name, (_, state) in best.items()}, time.perf_counter() - started)


@torch.no_grad()
def look(
    module: MultiTaskModule, val: Batch, names: list[str], best: dict[str, tuple[float, dict[str, torch.Tensor]]]
) -> None:
    """Keep the state where it is the best so far: by the geometric mean of the losses, or by each task's own."""
    module.eval()
    means = torch.stack(module.losses(val)) / len(next(iter(val.targets.values())))
    module.train()
    together = exp(float(means.log().mean()))
    state = None
    for name, own in zip(names, means.tolist(), strict=True):
        score = own if module.nothing_shared else together
        if name not in best or score < best[name][0]:
            state = state or copy.deepcopy(module.network.state_dict())
            best[name] = score, state
