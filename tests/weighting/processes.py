"""What each of two processes does in the test that they equal one; a module of its own, since started processes import
it."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed

from mtl.distributed import mean_over_processes
from mtl.testing.problem import Problem, flat
from tests.weighting.problems import EVERY, make


def trained(name: str, changed: dict[str, Any], start: int, stop: int) -> Tensor:
    """All parameters, and the method's state, after three steps on these rows of this process."""
    problem = Problem(3, [1, 2, 0.5])
    weighting = make(name, 3, **changed)

    def current_losses() -> Tensor:
        return mean_over_processes(problem.current_losses(start, stop))

    def feed_held_out() -> None:
        problem.feed_held_out(weighting, start=start, stop=stop)

    problem.train(
        weighting, 3, lambda: problem.backward(weighting, start=start, stop=stop), 0.05, current_losses, feed_held_out
    )
    state = (value.float() for value in weighting.state_dict().values())
    return flat([*problem.parameters, *state]).nan_to_num(-1.0)


def work(rank: int, folder: str) -> None:
    """Train every case on one half of the rows."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)
    results = [trained(name, changed, 6 * rank, 6 * rank + 6) for name, changed in EVERY]
    torch.save(results, Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()
