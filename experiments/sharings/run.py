"""Every sharing strategy on one small problem, tasks related and not. python experiments/sharings/run.py

Three regressions of planted truth. *Related*: the cosine between their directions is 0.9, with 300 training rows.
*Unrelated*: it is 0, with 1,500. Every strategy with the options of its file in conf/model on a perceptron of two
layers of eight features, 300 steps of Adam of 128 rows, one learning rate for all, the plain sum of the losses and
what a strategy adds to it; each seed is other data, initial values and order of rows. Networks that learn every
preference among the tasks draw one in each step, weigh the losses by it, and are measured with all tasks alike.

What counts is the share of the variance of the test targets that is not explained, ``1 - R2``, mean over the tasks and
of the worst one. Writes ``result.csv`` beside this file, or where --output says.
"""

import argparse
import csv
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from hydra.utils import get_object
from torch import Tensor, nn

from mtl.config.compose import configure, target_of
from mtl.config.factories import instantiate_node
from mtl.config.folders import CONF, option_names
from mtl.nn.encoder import SINGLE
from mtl.nn.mlp import MLP
from mtl.sharing.base import Sharing
from mtl.sharing.preferring import Preferring
from mtl.suites.synthetic import SyntheticSuite
from mtl.weighting.state.draws import Draws

PROBLEMS = {"related": (0.9, 500), "unrelated": (0.0, 2500)}  # cosine, rows of all splits
TASKS, FEATURES, WIDTHS, ROWS, STEPS, LR = 3, 24, (8, 8), 128, 300, 0.01


class Trained(NamedTuple):
    """A network after its training.

    Attributes:
        sharing: the strategy.
        heads: one for each task.
        suite: what it was trained on.
    """

    sharing: Sharing
    heads: nn.ModuleList
    suite: SyntheticSuite

    def errors(self) -> list[float]:
        """``1 - R2`` of the test rows, per task."""
        test = self.suite.splits["test"]
        self.sharing.eval()
        with torch.no_grad():
            found = losses_of(self.sharing, self.heads, test.inputs[SINGLE], list(test.targets.values()))
        return [float(loss / y.var()) for loss, y in zip(found, test.targets.values(), strict=True)]


def losses_of(sharing: Sharing, heads: nn.ModuleList, x: Tensor, wanted: Sequence[Tensor]) -> list[Tensor]:
    """Mean squared errors."""
    hidden = sharing({SINGLE: x}).values()
    return [(head(h).squeeze(1) - y).square().mean() for head, h, y in zip(heads, hidden, wanted, strict=True)]


def strategies() -> list[str]:
    """Every model that shares parameters of a network."""
    made = {
        name: get_object(str(target_of(CONF / "model" / f"{name}.yaml", "model"))) for name in option_names("model")
    }
    return sorted(name for name, one in made.items() if isinstance(one, type) and issubclass(one, Sharing))


def objective(losses: list[Tensor], preference: Tensor) -> Tensor:
    """The sum of the losses weighted by a preference, scaled so that equal ones give the plain sum."""
    return len(losses) * (preference * torch.stack(losses)).sum()


def fit(
    model: str,
    suite: SyntheticSuite,
    seed: int,
    steps: int = STEPS,
    preference: Tensor | None = None,
    objective: Callable[[list[Tensor], Tensor], Tensor] = objective,
) -> Trained:
    """Train one network.

    Args:
        model: a file of conf/model.
        suite: the rows, loaded.
        seed: of initial values and order of rows.
        steps: of Adam.
        preference: among the tasks, ``[K]``; None: all alike, or where the network learns all of them drawn in each
            step.
        objective: of losses and a preference.

    Returns:
        What was trained.
    """
    torch.manual_seed(seed)
    names = [task.name for task in suite.tasks]
    strategy = instantiate_node(configure("task=synthetic", f"model={model}").model, "model")
    sharing: Sharing = strategy({SINGLE: (FEATURES,)}, names, partial(MLP, widths=WIDTHS))
    heads = nn.ModuleList(nn.Linear(sharing.out_features, 1) for _ in names)
    optimizer = torch.optim.Adam([*sharing.parameters(), *heads.parameters()], LR)
    draw, draws = torch.Generator().manual_seed(seed), Draws()
    train, uniform = suite.splits["train"], torch.full((len(names),), 1 / len(names))
    for _ in range(steps):
        rows = train.rows(torch.randint(len(train), (ROWS,), generator=draw))
        p = uniform if preference is None else preference
        if isinstance(sharing, Preferring):
            p = draws.dirichlet(sharing.concentration, len(names))
            sharing.draw(p)
        optimizer.zero_grad()
        found = losses_of(sharing, heads, rows.inputs[SINGLE], list(rows.targets.values()))
        (objective(found, p) + sharing.penalty([rows.inputs])).backward()
        optimizer.step()
    return Trained(sharing, heads, suite)


def loaded(cosine: float, rows: int, seed: int, tasks: int = TASKS) -> SyntheticSuite:
    """The rows of a problem."""
    suite = SyntheticSuite(tasks, rows, FEATURES, cosine, seed=seed)
    suite.setup("fit")
    return suite


def main() -> None:
    """Train everything, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--models", nargs="+", default=strategies())
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = []
    for name in given.models:
        row = [name]
        for cosine, rows in PROBLEMS.values():
            trained = [fit(name, loaded(cosine, rows, seed), seed) for seed in range(given.seeds)]
            found = [one.errors() for one in trained]
            means = [statistics.mean(errors) for errors in found]
            worst = statistics.mean(max(errors) for errors in found)
            row += [f"{statistics.mean(means):.3f}", f"{statistics.stdev(means):.3f}", f"{worst:.3f}"]
        row.append(str(sum(p.numel() for p in trained[0].sharing.parameters())))
        table.append(row)
        print(*row, flush=True)
    given.output.mkdir(parents=True, exist_ok=True)
    with (given.output / "result.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        columns = [f"{problem} {what}" for problem in PROBLEMS for what in ("mean", "spread", "worst task")]
        writer.writerows([["model", *columns, "parameters"], *table])


if __name__ == "__main__":
    main()
