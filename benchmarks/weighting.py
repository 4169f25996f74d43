"""Cost of a training step under every weighting: python benchmarks/weighting.py

Work, in plain PyTorch with Adam: ``small`` is 64 inputs, trunk 256-256, K = 3 linear heads, batches of 256 rows;
``large`` 512 inputs, trunk 1024-1024-1024, K = 8, 512 rows. Figures are medians over rounds of processor seconds
relative to the same loop with ``sum(losses).backward()`` in the same round: the places of a method take turns with
that loop, so that what else the machine does hits all of them. Each method has processes of its own, as in training:
where dozens of networks are trained side by side, each finds its memory in no cache and its heap in pieces. Where
memory happens to lie makes a difference of some 5 %; the tables have medians over the processes. TorchJD
(``mtl_backward`` and ``jac_to_grad``) stands beside where it is installed and has the method. *By hand* is what a
person would write for one method and this one network, and *passes alone* the K backward passes and Adam without any
comparison of gradients: the least that a method of its kind can be expected to cost on the machine.

``--fused`` gives everyone but the reference the fused Adam that this project trains with (``conf/optimizer``);
``--sweep`` shows the cost against K = 2..32; ``--solvers`` processor microseconds of a solve on a random Gramian.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib import import_module
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from benchmarks.measuring.spread import ratios
from benchmarks.measuring.turns import seconds_by_turns
from benchmarks.measuring.works import WORKS, Work
from mtl.errors import unknown
from mtl.weighting.base import GradientWeighting, Step, Weighting

CONFIGS = Path(__file__).parent.parent / "conf" / "weighting"
WRAPPERS = ("samo",)  # around another weighting, here equal weights
METHODS = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
PLACES = ("parameters", "last_shared", "representation")
PLAIN = "plain"
BY_HAND = "by hand"
BY_HAND_ROWS = ("*equal by hand*", "*uncertainty by hand*", "*passes alone*", "*gradients by hand*")
# Peer of a method: class and arguments that make it the same
PEERS: dict[str, tuple[str, dict[str, Any]]] = {
    "mgda": ("MGDA", {}),
    "pcgrad": ("PCGrad", {}),
    "gradvac": ("GradVac", {}),
    "graddrop": ("GradDrop", {}),
    "cagrad": ("CAGrad", {"c": 0.4}),
    "imtl_g": ("IMTLG", {}),
    "nash_mtl": ("NashMTL", {"n_tasks": 0}),
    "aligned_mtl": ("AlignedMTL", {}),
    "fairgrad": ("FairGrad", {"alpha": 2.0}),
    "upgrad": ("UPGrad", {}),
    "dualproj": ("DualProj", {}),
    "config": ("ConFIG", {}),
    "excess_mtl": ("ExcessMTL", {}),
    "trimmed_mean": ("TrimmedMean", {"trim_number": 1}),
    "krum": ("Krum", {"n_byzantine": 0}),
}


def make(name: str, tasks: int, **changed: Any) -> Weighting:
    """A method with the options of its config, some of them changed."""
    config = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text(encoding="utf-8"))
    module, _, kind = config["_target_"].rpartition(".")
    options = {key: value for key, value in config.items() if not key.startswith("_") and key != "defaults"}
    if name in WRAPPERS:
        options["inner"] = partial(make, "equal")
    found: Weighting = getattr(import_module(module), kind)(tasks, **{**options, **changed})
    return found


class Loop:
    """Trunk, heads, data and optimizer of one contestant, and what it does with the losses.

    Args:
        inputs: features.
        widths: of the trunk.
        tasks: K.
        rows: of a batch.
        fused: Adam's kind.
    """

    def __init__(self, inputs: int, widths: tuple[int, ...], tasks: int, rows: int, fused: bool = False) -> None:
        torch.manual_seed(0)
        sizes = (inputs, *widths)
        layers = [nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(sizes)]
        self.trunk = nn.Sequential(*layers)
        self.heads = nn.ModuleList(nn.Linear(sizes[-1], 1) for _ in range(tasks))
        self.x, self.y = torch.randn(rows, inputs), torch.randn(tasks, rows, 1)
        self.shared = list(self.trunk.parameters())
        self.private = [list(head.parameters()) for head in self.heads]
        self.layer = list(layers[-1].parameters())
        self.parameters = [*self.shared, *(p for private in self.private for p in private)]
        self.fused = fused
        self.optimizer = self.adam()

    def adam(self, *more: nn.Parameter) -> torch.optim.Adam:
        """The optimizer of the network and of what a method learns itself."""
        return torch.optim.Adam([*self.parameters, *more], fused=self.fused)

    def losses(self) -> tuple[list[Tensor], Tensor]:
        """Losses, and the representation they come from."""
        h = self.trunk(self.x)
        return [nn.functional.mse_loss(head(h), y) for head, y in zip(self.heads, self.y, strict=True)], h

    def plain(self) -> None:
        """Equal weights by PyTorch alone."""
        self.optimizer.zero_grad()
        sum(self.losses()[0]).backward()  # type: ignore[union-attr]
        self.optimizer.step()

    def ours(self, weighting: Weighting) -> Callable[[], None]:
        """A step under one of our weightings."""
        self.optimizer = self.adam(*weighting.parameters())

        def recompute() -> Tensor:
            with torch.no_grad():
                return torch.stack(self.losses()[0])

        def step() -> None:
            self.optimizer.zero_grad()
            losses, h = self.losses()
            whole_step = Step(recompute=lambda: [self.losses()[0]])
            weighting.backward(losses, self.shared, self.private, self.layer, whole_step, h)
            self.optimizer.step()
            weighting.after_step(recompute)
            if weighting.held_out:
                weighting.on_held_out_losses(self.losses()[0], self.shared, self.private)

        return step

    def passes_only(self) -> None:
        """K backward passes; the last one's gradients are taken for all."""
        self.optimizer.zero_grad()
        losses, _ = self.losses()
        for private, loss in zip(self.private, losses, strict=True):
            wanted = [*self.shared, *private]
            parts = torch.autograd.grad(loss, wanted, retain_graph=loss is not losses[-1])
            for p, part in zip(wanted, parts, strict=True):
                p.grad = part
        self.optimizer.step()

    def exact_by_hand(self) -> None:
        """K gradients of everything, their Gramian, weights that make them equally long, and the sum."""
        self.optimizer.zero_grad()
        losses, _ = self.losses()
        count, rows, private_gradients = len(self.shared), [], []
        for private, loss in zip(self.private, losses, strict=True):
            parts = torch.autograd.grad(loss, [*self.shared, *private], retain_graph=loss is not losses[-1])
            rows.append(torch.cat([part.flatten() for part in parts[:count]]))
            private_gradients.append(parts[count:])
        jacobian = torch.stack(rows)
        weights = equally_long(jacobian @ jacobian.T)
        start, direction = 0, weights @ jacobian
        for p in self.shared:
            p.grad = direction[start : start + p.numel()].view(p.shape)
            start += p.numel()
        for private, parts, weight in zip(self.private, private_gradients, weights, strict=True):
            for p, part in zip(private, parts, strict=True):
                p.grad = weight * part
        self.optimizer.step()

    def representation_by_hand(self) -> None:
        """The heads read copies of the representation, so that one backward pass finds all gradients there."""
        self.optimizer.zero_grad()
        h = self.trunk(self.x)
        copies = [h.detach().requires_grad_() for _ in self.heads]
        losses = [nn.functional.mse_loss(head(z), y) for head, z, y in zip(self.heads, copies, self.y, strict=True)]
        torch.autograd.backward(losses)
        jacobian = torch.stack([z.grad.flatten() for z in copies if z.grad is not None])
        weights = equally_long(jacobian @ jacobian.T)
        h.backward((weights @ jacobian).view_as(h))
        for private, weight in zip(self.private, weights.tolist(), strict=True):
            for p in private:
                p.grad *= weight
        self.optimizer.step()

    def losses_by_hand(self) -> Callable[[], None]:
        """Uncertainty weighting in one line."""
        s = nn.Parameter(torch.zeros(len(self.heads)))
        self.optimizer = self.adam(s)

        def step() -> None:
            self.optimizer.zero_grad()
            (0.5 * torch.exp(-s) * torch.stack(self.losses()[0]) + 0.5 * s).sum().backward()
            self.optimizer.step()

        return step

    def theirs(self, name: str) -> Callable[[], None]:
        """A step under TorchJD's method. ImportError if it, or a solver of it, is not installed."""
        autojac, aggregation = import_module("torchjd.autojac"), import_module("torchjd.aggregation")
        kind, options = PEERS[name]
        options = {key: len(self.heads) if key == "n_tasks" else value for key, value in options.items()}
        aggregator = getattr(aggregation, kind)(**options)

        def step() -> None:
            self.optimizer.zero_grad()
            losses, h = self.losses()
            autojac.mtl_backward(losses, features=h, tasks_params=self.private, shared_params=self.shared)
            autojac.jac_to_grad(self.shared, aggregator)
            self.optimizer.step()

        step()  # a solver that is missing is missed at the first step
        return step


def equally_long(gramian: Tensor) -> Tensor:
    """Weights ``[K]`` of sum K with which all gradients have one length."""
    weights = gramian.diagonal().rsqrt()
    return weights * (len(weights) / weights.sum())


def by_hand(work: Work, fused: bool) -> dict[str, Callable[[], None]]:
    """What methods of each kind cost at least."""
    return {
        "*equal by hand*": Loop(*work, fused).plain,
        "*uncertainty by hand*": Loop(*work, fused).losses_by_hand(),
        "*passes alone* parameters": Loop(*work, fused).passes_only,
        "*gradients by hand* parameters": Loop(*work, fused).exact_by_hand,
        "*gradients by hand* representation": Loop(*work, fused).representation_by_hand,
    }


def method(name: str, work: Work, fused: bool) -> dict[str, Callable[[], None]]:
    """A method at every place, and its peer."""
    found = {}
    placed = isinstance(make(name, 2), GradientWeighting)
    for at in PLACES if placed else ("",):
        loop = Loop(*work, fused)
        found[f"{name} {at}".strip()] = loop.ours(make(name, work[2], **({"at": at} if at else {})))
    if name in PEERS:
        try:
            found[f"{name} TorchJD"] = Loop(*work, fused).theirs(name)
        except ImportError as error:
            print(f"without TorchJD's {name}: {error}", file=sys.stderr)
    return found


def measure(name: str, work: Work, rounds: int, seconds: float, fused: bool) -> dict[str, list[float]]:
    """One method, or what is written by hand: its times relative to those of the plain loop in the same rounds."""
    torch.set_num_threads(1)
    found = by_hand(work, fused) if name == BY_HAND else method(name, work, fused)
    return ratios(seconds_by_turns({PLAIN: Loop(*work).plain, **found}, rounds, seconds), PLAIN)


def measure_in_processes(
    names: list[str], work: Work, rounds: int, seconds: float, processes: int, fused: bool = False
) -> Iterator[tuple[str, dict[str, float]]]:
    """Every name measured in processes of its own, one after the other."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for name in names:
            runs = [pool.submit(measure, name, work, rounds, seconds, fused).result() for _ in range(processes)]
            yield name, {key: statistics.median(statistics.median(run[key]) for run in runs) for key in runs[0]}


def table(measured: Iterable[tuple[str, dict[str, float]]]) -> None:
    """Methods in rows, places in columns; each row when it is known."""
    print("| method | parameters | last shared | representation | TorchJD |")
    print("|---|---|---|---|---|")
    for name, found in measured:
        for row in BY_HAND_ROWS if name == BY_HAND else (name,):
            first = found.get(row, found.get(f"{row} parameters"))
            cells = [first, *(found.get(f"{row} {column}") for column in (*PLACES[1:], "TorchJD"))]
            shown = " | ".join("" if cell is None else f"{cell:.2f}" for cell in cells)
            print(f"| {row} | {shown} |", flush=True)


def sweep(rounds: int, seconds: float, processes: int) -> None:
    """Cost against the number of tasks on the small trunk."""
    counts = (2, 4, 8, 16, 32)
    rows: dict[str, list[float]] = {}
    for tasks in counts:
        work = (*WORKS["small"][:2], tasks, WORKS["small"][3])
        for _, found in measure_in_processes(
            [BY_HAND, "uncertainty", "pcgrad", "upgrad"], work, rounds, seconds, processes
        ):
            for name, value in found.items():
                if name != PLAIN:
                    rows.setdefault(name, []).append(value)
    print("| | " + " | ".join(f"K = {k}" for k in counts) + " |\n|---|" + "---|" * len(counts))
    for name, values in rows.items():
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in values) + " |")


def solvers() -> None:
    """Microseconds of one solve."""
    torch.set_num_threads(1)
    counts = (3, 8, 40)
    print("| | " + " | ".join(f"K = {k}" for k in counts) + " |\n|---|" + "---|" * len(counts))
    for name in METHODS:
        cells = []
        for tasks in counts:
            weighting = make(name, tasks)
            if not isinstance(weighting, GradientWeighting):
                break
            torch.manual_seed(0)
            j = torch.randn(tasks, 200) + 0.05
            gramian, losses, numbers = j @ j.T, torch.rand(tasks), torch.arange(tasks)
            times = []
            for _ in range(60):
                started = time.process_time()
                with torch.no_grad():
                    weighting(gramian, losses, numbers)
                times.append(time.process_time() - started)
            cells.append(f"{1e6 * statistics.median(times):.0f}")
        if cells:
            print(f"| {name} | " + " | ".join(cells) + " |")


def main() -> None:
    """Read the arguments, measure, print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=WORKS, default="small")
    parser.add_argument("--methods", default="", help="names, separated by commas; default all in conf/weighting")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.1, help="of each method in each round")
    parser.add_argument("--processes", type=int, default=3, help="of each method")
    parser.add_argument("--fused", action="store_true")
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--solvers", action="store_true")
    given = parser.parse_args()
    names = given.methods.split(",") if given.methods else METHODS
    for name in names:
        if name not in METHODS:
            parser.error(str(unknown("weighting", name, METHODS)))
    if given.solvers:
        solvers()
    elif given.sweep:
        sweep(given.rounds, given.seconds, given.processes)
    else:
        work = WORKS[given.work]
        table(measure_in_processes([BY_HAND, *names], work, given.rounds, given.seconds, given.processes, given.fused))


if __name__ == "__main__":
    main()
