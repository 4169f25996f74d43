"""How often are planted groups of tasks found, and their number?

    python -m experiments.grouping.run

Each world of ``task=synthetic`` is drawn with several data seeds; a method is right where it names exactly the planted
groups, without being told how many there are. The measures of ``grouping=auto`` are those of the package. Beside them
stand three methods of the literature in simple versions, each told that it may use up to as many groups as tasks:

- *TAG* (Fifty et al., NeurIPS 2021, https://arxiv.org/abs/2109.04617): the lookahead affinity of their equation 1, and
  the groups of highest mean affinity onto each task from the others in its group, 0 alone. Here every task is in one
  group, there it may be trained in several.
- *Grad-TAG* (Li et al., KDD 2024, https://arxiv.org/abs/2409.06091): one training of all tasks; gradients at its end on
  single rows, by random projection; for random subsets of tasks the step that fits the linearised losses of the subset
  best (by ridge regression, where theirs is a logistic one), and from it the loss of each task; the affinity of two
  tasks is the mean gain over the subsets with both. Spectral clusters, as many as the largest eigengap says, where
  theirs is a semidefinite relaxation.
- *surrogate* (Li, Nguyen and Zhang, TMLR 2023, https://arxiv.org/abs/2303.14582): random subsets of tasks are trained;
  a linear regression of each task's validation loss on the membership of the others; tasks are together where the mean
  coefficient of both directions lowers the loss, by the same partition as ours.

Writes ``result.csv`` beside this file: world, data seed, method, groups found, right or not, seconds.
"""

import argparse
import csv
import random
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from torch import Tensor

from mtl.assembly import Assembly, build
from mtl.config.compose import configure
from mtl.config.process import set_process_defaults
from mtl.gradients.flat import gradient
from mtl.module.lightning import silent_lightning
from mtl.suites.batch import Batch
from mtl.tasks import labelled
from mtl.tasks.evidence import mutual
from mtl.tasks.groups import best_groups
from mtl.training.callbacks import AffinityRecorder
from mtl.training.grouping import least_losses, trained_jointly
from mtl.training.probe_trainer import probe_trainer

FILE = Path(__file__).with_name("result.csv")
SMALL = (
    "task=synthetic",
    "task.rows=2000",
    "task.features=16",
    "batch_size=128",
    "model=hard",
    "weighting=equal",
    "encoder.widths=[32]",
    "optimizer.lr=0.01",
    "grouping=auto",
    "affinity.every=1",
    "progress=false",
)
TWO = ("task.num_tasks=4", "task.blocks=2", "task.relatedness=0.9")
ONE = ("task.num_tasks=4", "task.relatedness=0.9")
APART = ("task.num_tasks=4", "task.relatedness=0")
PAIRS = [[0, 2], [1, 3]]
TOGETHER, ALONE = [[0, 1, 2, 3]], [[0], [1], [2], [3]]
MEASURES = ("features", "cosine", "lookahead")  # of one training
WORLDS = {
    "two blocks": (TWO, PAIRS),
    "three blocks": (("task.num_tasks=6", "task.blocks=3", "task.relatedness=0.9"), [[0, 3], [1, 4], [2, 5]]),
    "one block": (ONE, TOGETHER),
    "one task four times": (("task.num_tasks=4", "task.relatedness=1"), TOGETHER),
    "unrelated": (APART, ALONE),
    "two blocks, mixed kinds": (("task.num_tasks=6", *TWO[1:], "task.kinds=mixed"), [[0, 2, 4], [1, 3, 5]]),
    "one block, mixed kinds": ((*ONE, "task.kinds=mixed"), TOGETHER),
    "unrelated, mixed kinds": ((*APART, "task.kinds=mixed"), ALONE),
    "two blocks, scales 1 to 100": ((*TWO, "task.scale_ratio=100"), PAIRS),
    "two blocks, scales 1 to 1/100": ((*TWO, "task.scale_ratio=0.01"), PAIRS),
    "unrelated, scales 1 to 100": ((*APART, "task.scale_ratio=100"), ALONE),
    "two blocks, few labels": ((*TWO, "task.missing=0.9"), PAIRS),
    "one block, few labels": ((*ONE, "task.missing=0.9"), TOGETHER),
    "unrelated, few labels": ((*APART, "task.missing=0.9"), ALONE),
}
Groups = list[list[int]]


def assembly_of(world: str, seed: int) -> Assembly:
    """The objects of a run in this world; data, initial values and order of rows are those of the seed."""
    made = build(configure(*SMALL, *WORLDS[world][0], f"task.seed={seed}", f"seed={seed}"))
    made.data.setup("fit")
    return made


# -- ours --------------------------------------------------------------------------------------------------------------


def ours(assembly: Assembly) -> Iterator[tuple[str, Groups]]:
    """By each measure of one training of all tasks."""
    for measure, evidence in trained_jointly(assembly).items():
        yield measure, best_groups(evidence.margin)


# -- TAG ---------------------------------------------------------------------------------------------------------------


class TagRecorder(AffinityRecorder):
    """Lookahead affinities as in the paper, at every step."""

    def __init__(self) -> None:
        super().__init__(1)
        self.affinities: list[Tensor] = []

    def on_train_batch_start(self, trainer, module, batch, batch_idx) -> None:  # type: ignore[no-untyped-def]
        """``1 - L_j(theta - lr g_i) / L_j(theta)``."""
        lr, shared = float(trainer.optimizers[0].param_groups[0]["lr"]), module.partition.shared
        counts = torch.stack([labelled(batch.targets[name]).sum() for name in module.graph.names]).clamp(min=1)
        before = torch.stack(module.losses(batch)) / counts
        rows = []
        for loss in before:
            steps = torch.autograd.grad(loss, shared, retain_graph=True)
            kept = [p.detach().clone() for p in shared]
            with torch.no_grad():
                for p, step in zip(shared, steps, strict=True):
                    p -= lr * step
                rows.append(1 - torch.stack(module.losses(batch)) / counts / before)
                for p, value in zip(shared, kept, strict=True):
                    p.copy_(value)
        self.affinities.append(torch.stack(rows).detach())

    def on_train_end(self, trainer, module) -> None:  # type: ignore[no-untyped-def]
        """Features are not measured."""


def tag(assembly: Assembly) -> Groups:
    """TAG: the split in which the mean affinities of the others in a group onto its tasks are highest."""
    recorder = TagRecorder()
    fit(assembly, recorder)
    affinity = torch.stack(recorder.affinities).nanmean(0)

    def score(groups: Groups) -> float:
        return sum(
            float(torch.stack([affinity[i, j] for i in group if i != j]).mean())
            for group in groups
            for j in group
            if len(group) > 1
        )

    return max(partitions(list(range(len(affinity)))), key=score)


# -- Grad-TAG ----------------------------------------------------------------------------------------------------------

PROJECTED, ROWS_PER_TASK, SUBSETS = 64, 128, 100


def grad_tag(assembly: Assembly, seed: int) -> Groups:
    """Grad-TAG: losses of subsets of tasks from projected gradients at one trained network."""
    fit(assembly)
    module, split = assembly.module.eval(), assembly.data.splits["train"]
    draw, shared = random.Random(seed), module.partition.shared
    size = sum(p.numel() for p in shared)
    projection = torch.randn(size, PROJECTED, generator=torch.Generator().manual_seed(seed)) / PROJECTED**0.5
    features, losses = [], []  # per task: projected gradients [R, D] and losses [R] of single rows
    for index, task in enumerate(module.graph.tasks):
        places = labelled(split.targets[task.name]).nonzero().flatten().tolist()
        rows = draw.sample(places, min(ROWS_PER_TASK, len(places)))
        found = []
        for row in rows:
            one = split.rows(torch.tensor([row]))
            found.append(module.losses(Batch(one.inputs, one.targets))[index])
        features.append(torch.stack([gradient(loss, shared) for loss in found]) @ projection)
        losses.append(torch.stack(found).detach())
    count = len(features)
    gain: dict[tuple[int, int], list[float]] = {}
    for _ in range(SUBSETS):
        subset = sorted(draw.sample(range(count), draw.randint(2, count)))
        g, loss = torch.cat([features[i] for i in subset]), torch.cat([losses[i] for i in subset])
        ridge = 1e-2 * g.square().sum() / PROJECTED * torch.eye(PROJECTED)
        step = -torch.linalg.solve(g.T @ g + ridge, g.T @ loss)  # of the projected parameters, least squares
        for i in subset:
            better = -float((features[i] @ step).mean() / losses[i].mean().clamp(min=1e-12))
            for j in subset:
                gain.setdefault((j, i), []).append(better)
    affinity = torch.tensor([[float(np.mean(gain.get((i, j), [0.0]))) for j in range(count)] for i in range(count)])
    return spectral(mutual(affinity).double().numpy(), seed)


def spectral(affinity: NDArray[np.float64], seed: int) -> Groups:
    """Clusters of the affinities moved to 0 .. 1, as many as the largest gap between eigenvalues says."""
    low, high = affinity.min(), affinity.max()
    weights = (affinity - low) / max(high - low, 1e-12)
    degree = weights.sum(1).clip(min=1e-12)
    laplacian = np.eye(len(weights)) - weights / np.sqrt(np.outer(degree, degree))
    values, vectors = np.linalg.eigh(laplacian)
    count = int(np.argmax(np.diff(values))) + 1
    _, labels = kmeans2(vectors[:, :count], count, minit="++", rng=seed)
    return [[int(i) for i in np.flatnonzero(labels == label)] for label in set(labels)]


# -- linear surrogate --------------------------------------------------------------------------------------------------

TRAININGS = 3  # subsets per task


def surrogate(assembly: Assembly, seed: int) -> Groups:
    """Linear regression of validation losses on the membership of random subsets."""
    names, draw = assembly.graph.names, random.Random(seed)
    count = len(names)
    every = [subset for size in range(1, count + 1) for subset in combinations(range(count), size)]
    subsets = draw.sample(every, min(len(every), TRAININGS * count))
    rows: list[list[tuple[list[float], float]]] = [[] for _ in names]
    for subset in subsets:
        losses = least_losses(assembly, [names[i] for i in subset])
        member = [float(i in subset) for i in range(count)]
        for i in subset:
            rows[i].append((member, losses[names[i]]))
    affinity = torch.zeros(count, count)
    for i, found in enumerate(rows):
        if not found:
            continue
        x, y = np.array([member for member, _ in found]), np.array([loss for _, loss in found])
        others = [j for j in range(count) if j != i]
        design = np.column_stack([np.ones(len(x)), x[:, others]])
        ridge = 1e-3 * np.diag([0.0] + [1.0] * len(others))
        coefficients = np.linalg.solve(design.T @ design + ridge, design.T @ (y / y.mean()))
        for j, value in zip(others, coefficients[1:], strict=True):
            affinity[j, i] = -float(value)
    return best_groups(mutual(affinity))


# -- the study ---------------------------------------------------------------------------------------------------------


def partitions(items: list[int]) -> Iterator[Groups]:
    """All ways of putting the items into groups."""
    if not items:
        yield []
        return
    first, *rest = items
    for groups in partitions(rest):
        yield [[first], *groups]
        for place in range(len(groups)):
            yield [*groups[:place], [first, *groups[place]], *groups[place + 1 :]]


def fit(assembly: Assembly, *callbacks: TagRecorder) -> None:
    """The training of all tasks, as ``grouping=auto`` makes it."""
    trainer = probe_trainer(assembly.config, callbacks, epochs=assembly.config.affinity.epochs)
    trainer.fit(assembly.module, datamodule=assembly.data)


METHODS: dict[str, Callable[[Assembly, int], Iterator[tuple[str, Groups]]]] = {
    "ours": lambda assembly, seed: ours(assembly),
    "TAG": lambda assembly, seed: iter([("TAG", tag(assembly))]),
    "Grad-TAG": lambda assembly, seed: iter([("Grad-TAG", grad_tag(assembly, seed))]),
    "surrogate": lambda assembly, seed: iter([("surrogate", surrogate(assembly, seed))]),
}


def main(seeds: int, methods: Sequence[str], file: Path) -> None:
    """Measure what the file does not have yet, seed by seed."""
    set_process_defaults()
    torch.set_num_threads(1)
    rows = list(csv.reader(file.open(encoding="utf-8")))[1:] if file.is_file() else []
    done = {(world, int(seed), "ours" if method in MEASURES else method) for world, seed, method, *_ in rows}
    for seed in range(seeds):
        for world, (_, truth) in WORLDS.items():
            for method in methods:
                if (world, seed, method) in done:
                    continue
                started = time.perf_counter()
                with silent_lightning():
                    answers = list(METHODS[method](assembly_of(world, seed), seed))
                seconds = time.perf_counter() - started
                for name, groups in answers:
                    found = sorted(sorted(group) for group in groups)
                    rows.append([world, str(seed), name, str(found), str(int(found == truth)), f"{seconds:.2f}"])
                    print(*rows[-1], sep="; ", flush=True)
        with file.open("w", newline="", encoding="utf-8") as written:
            writer = csv.writer(written, lineterminator="\n")
            writer.writerows([["world", "data_seed", "method", "groups", "right", "seconds"], *rows])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--output", type=Path, default=FILE)
    given = parser.parse_args()
    main(given.seeds, given.methods, given.output)
