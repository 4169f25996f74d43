"""Cost of a training step under every sharing strategy: python benchmarks/sharing.py

Work, in plain PyTorch with fused Adam and equal weights: ``small`` is 64 inputs, trunk 256-256, K = 3 linear heads,
batches of 256 rows; ``tiny`` 16 inputs, trunk 64-64, 64 rows, where calls weigh more than arithmetic. *Batched* is the
strategy as it is: experts and towers of one shape are one batched product where their parameters may be stacked.
*Loop* is the same with every expert and tower computed by itself. *By hand* are four experts with gates as a person
would write them for this one network: the least that they can be expected to cost on the machine.

Figures are medians over rounds of processor seconds relative to ``model=hard`` in the same round; all contestants take
turns in every round, so that what else the machine does hits all of them.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from mtl.config.factories import instantiate_node
from mtl.errors import unknown
from mtl.nn.encoder import SINGLE, InputShape
from mtl.nn.mlp import MLP
from mtl.sharing.base import Sharing

CONFIGS = Path(__file__).parent.parent / "conf" / "model"
MODELS = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
WORK = {"small": (64, (256, 256), 3, 256), "tiny": (16, (64, 64), 3, 64)}


def not_stackable(input_shape: InputShape, widths: tuple[int, ...]) -> MLP:
    """An encoder that is not stacked with others."""
    encoder = MLP(input_shape, widths)
    encoder.stackable = False
    return encoder


def contestant(name: str, work: str, *, batched: bool) -> Callable[[], None]:
    """One training step of a strategy with the options of its config."""
    torch.manual_seed(0)
    inputs, widths, tasks, rows = WORK[work]
    node = OmegaConf.to_container(OmegaConf.load(CONFIGS / f"{name}.yaml"))
    assert isinstance(node, dict)
    names = [f"task{i}" for i in range(tasks)]
    encoder = partial(MLP if batched else not_stackable, widths=widths)
    strategy = instantiate_node({str(key): value for key, value in node.items()}, "model")
    sharing: Sharing = strategy({SINGLE: (inputs,)}, names, encoder).train()
    heads = nn.ModuleDict({task: nn.Linear(sharing.out_features, 1) for task in names})
    optimizer = torch.optim.Adam([*sharing.parameters(), *heads.parameters()], fused=True)
    x, y = {SINGLE: torch.randn(rows, inputs)}, torch.randn(rows, 1)

    def step() -> None:
        optimizer.zero_grad()
        out = sharing(x)
        losses = [nn.functional.mse_loss(heads[task](out[task]), y) for task in names]
        (torch.stack(losses).sum() + sharing.penalty([x])).backward()
        optimizer.step()

    return step


def by_hand(work: str, *, batched: bool) -> Callable[[], None]:
    """One training step of four gated experts in as few lines as they take."""
    torch.manual_seed(0)
    inputs, widths, tasks, rows = WORK[work]
    sizes, experts = (inputs, *widths), 4
    heads = nn.ModuleList(nn.Linear(sizes[-1], 1) for _ in range(tasks))
    gates = nn.Linear(inputs, tasks * experts)
    x, y = torch.randn(rows, inputs), torch.randn(rows, 1)
    if batched:
        weights = [nn.Parameter(torch.randn(experts, a, b) / a**0.5) for a, b in pairwise(sizes)]
        biases = [nn.Parameter(torch.zeros(experts, 1, b)) for b in widths]
        layers: list[nn.Parameter] = [*weights, *biases]
    else:
        towers = [
            nn.Sequential(*(part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())))
            for _ in range(experts)
        ]
        layers = [p for tower in towers for p in tower.parameters()]
    optimizer = torch.optim.Adam([*layers, *heads.parameters(), *gates.parameters()], fused=True)

    def outputs() -> Tensor:
        """Of the experts, ``[B, E, H]``."""
        if not batched:
            return torch.stack([tower(x) for tower in towers], 1)
        hidden = x.expand(experts, *x.shape)
        for weight, bias in zip(weights, biases, strict=True):
            hidden = torch.baddbmm(bias, hidden, weight).relu()
        return hidden.transpose(0, 1)

    def step() -> None:
        optimizer.zero_grad()
        mixed = torch.bmm(gates(x).view(rows, tasks, experts).softmax(-1), outputs())
        losses = [nn.functional.mse_loss(head(mixed[:, i]), y) for i, head in enumerate(heads)]
        torch.stack(losses).sum().backward()
        optimizer.step()

    return step


def seconds(step: Callable[[], None], repeats: int) -> float:
    """Processor seconds of a step."""
    started = time.process_time()
    for _ in range(repeats):
        step()
    return (time.process_time() - started) / repeats


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--repeats", type=int, default=20, help="steps of each contestant in a round")
    parser.add_argument("--work", choices=list(WORK), nargs="+", default=list(WORK))
    parser.add_argument("models", nargs="*", help="strategies; all by default")
    given = parser.parse_args()
    torch.set_num_threads(1)
    models = given.models or MODELS
    for name in models:
        if name not in MODELS:
            parser.error(str(unknown("model", name, MODELS)))
    for work in given.work:
        steps = {"hard": contestant("hard", work, batched=True)}
        for name in models:
            if name != "hard":
                steps[name] = contestant(name, work, batched=True)
                steps[f"{name}, loop"] = contestant(name, work, batched=False)
        if "gated" in models:
            steps |= {"by hand": by_hand(work, batched=True), "by hand, loop": by_hand(work, batched=False)}
        for step in steps.values():
            seconds(step, 3)  # what is done once
        times: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(given.rounds):
            for name, step in steps.items():
                times[name].append(seconds(step, given.repeats))
        print(f"\n{work}: {statistics.median(times['hard']) * 1e3:.2f} ms a step of model=hard\n")
        print(f"{'model':16}{'batched':>10}{'loop':>10}")
        for name in ("by hand", *models):
            if name in steps and name != "hard":
                cells = [
                    statistics.median(a / b for a, b in zip(times[key], times["hard"], strict=True))
                    for key in (name, f"{name}, loop")
                ]
                print(f"{name:16}{cells[0]:10.2f}{cells[1]:10.2f}")


if __name__ == "__main__":
    main()
