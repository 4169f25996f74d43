"""Memory of a training step against tasks, shared parameters and rows: python benchmarks/memory.py

Plain PyTorch with fused Adam on one thread, each case in a process of its own, whose peak of resident memory after
two steps is compared with that of the same network with equal weights. *Linear* is a trunk of six square linear
layers with biases; *convolution* six convolutions of 3 x 3 on images of 4 x 4, whose gradients have to be formed to be
compared. ``K x P`` is what the gradients of all tasks with respect to all shared parameters take. Ratios are processor
seconds of the second step.

A weighting by Gramian forms no gradients of large linear layers one by one (``mtl/gradients/linear_layers.py``), and of
what is left no more than a share of the memory at once (``mtl/gradients/blocks.py``); ``--share`` sets it, here to be
seen also where ``K x P`` would fit. ``--large`` adds 100 million parameters; what does not fit into the memory that is
free says so in its place. ``--save`` keeps the figures.
"""

import argparse
import resource
import time
from collections.abc import Callable
from multiprocessing import get_context
from typing import Any, NamedTuple

import psutil
import torch
from torch import Tensor, nn

from benchmarks.measuring.results import keep
from mtl.config.system import peak_of_host
from mtl.errors import InputError
from mtl.gradients import blocks
from mtl.weighting.base import GradientWeighting, Step, Weighting
from mtl.weighting.equal import Equal
from mtl.weighting.graddrop import GradDrop
from mtl.weighting.upgrad import UPGrad

LAYERS, PIXELS = 6, 4
METHODS: dict[str, Callable[[int], Weighting]] = {
    "equal": Equal,
    "upgrad": UPGrad,
    "upgrad at representation": lambda tasks: UPGrad(tasks, at="representation"),
    "graddrop": GradDrop,  # looks at numbers, and so needs all gradients
}


class Case(NamedTuple):
    """A network and its batch.

    Attributes:
        kind: of the trunk.
        tasks: K.
        parameters: P, about.
        rows: of the batch.
    """

    kind: str
    tasks: int
    parameters: int
    rows: int


CASES = (
    *(Case("linear", tasks, 10**7, 128) for tasks in (2, 8, 64)),
    Case("linear", 8, 10**6, 128),
    Case("linear", 8, 10**6, 1024),
    *(Case("convolution", tasks, 10**7, 4) for tasks in (2, 8)),
    *(Case("convolution", tasks, 10**6, 4) for tasks in (8, 64)),
)
LARGE = (
    Case("linear", 8, 10**8, 128),
    Case("linear", 64, 10**8, 64),
    Case("convolution", 8, 10**8, 8),
    Case("convolution", 64, 10**8, 1),
)


def network(case: Case) -> tuple[nn.Module, Tensor, int]:
    """The trunk, a batch, and the width of the representation."""
    if case.kind == "linear":
        width = round((case.parameters / LAYERS) ** 0.5)
        layers = [nn.Sequential(nn.Linear(width, width), nn.ReLU()) for _ in range(LAYERS)]
        return nn.Sequential(*layers), torch.randn(case.rows, width), width
    width = round((case.parameters / LAYERS / 9) ** 0.5)
    stages = [nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU()) for _ in range(LAYERS)]
    pooled = nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return pooled, torch.randn(case.rows, width, PIXELS, PIXELS), width


def child_or_reason(case: Case, method: str) -> dict[str, Any]:
    """What :func:`child` finds, or the reason why it does not fit into the memory that is there."""
    there = psutil.virtual_memory().available
    # Else the system would end a process, and not always this one
    resource.setrlimit(resource.RLIMIT_DATA, (there, resource.RLIM_INFINITY))
    try:
        return child(case, method)
    except InputError as error:
        return {"refused": str(error)}
    except (RuntimeError, MemoryError) as error:
        if "allocate" not in str(error) and not isinstance(error, MemoryError):
            raise
        return {"refused": f"more than the {there / 1e9:.1f} GB that were free"}


def child(case: Case, method: str) -> dict[str, float]:
    """The peak of memory in this process, and the processor seconds of a step."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    trunk, x, width = network(case)
    heads = nn.ModuleList(nn.Linear(width, 1) for _ in range(case.tasks))
    y = torch.randn(case.tasks, case.rows, 1)
    shared, private = list(trunk.parameters()), [list(head.parameters()) for head in heads]
    optimizer = torch.optim.Adam([*shared, *heads.parameters()], fused=True)
    weighting = METHODS[method](case.tasks)
    for _ in range(2):
        started = time.process_time()
        optimizer.zero_grad()
        h = trunk(x)
        losses = [nn.functional.mse_loss(head(h), target) for head, target in zip(heads, y, strict=True)]
        representation = h if isinstance(weighting, GradientWeighting) else None
        weighting.backward(losses, shared, private, shared[-2:], Step(), representation)
        optimizer.step()
        seconds = time.process_time() - started
    return {"peak": peak_of_host() / 1e6, "seconds": seconds}


def measured(case: Case, method: str) -> dict[str, Any]:
    """A case in a process of its own, which is a copy of this one: nothing has been computed here."""
    context = get_context("fork")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sending.send(child_or_reason(case, method)))
    process.start()
    sending.close()  # else a process that dies would be waited for without end
    found: dict[str, Any] = receiving.recv()
    process.join()
    return found


def main() -> None:
    """Print a line for each case, and keep the figures where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=blocks.LARGEST, help="of the memory that gradients may take")
    parser.add_argument("--methods", default="upgrad,upgrad at representation,graddrop")
    parser.add_argument("--kinds", default="linear,convolution")
    parser.add_argument("--largest", type=int, default=10**8, help="parameters of the cases that are measured")
    parser.add_argument("--large", action="store_true", help="also 100 million parameters")
    parser.add_argument("--save", action="store_true")
    given = parser.parse_args()
    blocks.LARGEST = given.share
    methods = given.methods.split(",")
    figures: list[dict[str, Any]] = []
    print(
        "| trunk | K | P | rows | K x P, MB | "
        + " | ".join(f"{name}, MB above equal (time)" for name in methods)
        + " |"
    )
    print("|---" * (5 + len(methods)) + "|")
    for case in (*CASES, *(LARGE if given.large else ())):
        if case.kind not in given.kinds.split(",") or case.parameters > given.largest:
            continue
        equal = measured(case, "equal")
        found = {name: measured(case, name) for name in methods}
        figures.append({**case._asdict(), "equal": equal, **found})
        product = case.tasks * case.parameters * 4 / 1e6
        cells = [f"{case.kind} | {case.tasks} | {case.parameters:,} | {case.rows} | {product:,.0f}"]
        for one in found.values():
            if "refused" in one:
                cells.append(one["refused"])
                continue
            more = one["peak"] - equal["peak"]
            cells.append(f"{more:,.0f} ({one['seconds'] / equal['seconds']:.1f} x)")
        print("| " + " | ".join(cells) + " |", flush=True)
    if given.save:
        keep("memory", {"share": given.share, "cases": figures})


if __name__ == "__main__":
    main()
