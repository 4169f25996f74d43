"""Worlds in which the truth is known: results of runs that never were, and how a report on them may go wrong."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mtl.comparison.comparison import compare
from mtl.comparison.design import CONFIRM, FULL, Design
from mtl.comparison.judge import Judge
from mtl.comparison.records import Record
from mtl.comparison.types import HELPS, HURTS, SAME, Comparison, Evidence, Rules
from mtl.runs.contributions import Contributions

Noise = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]  # of mean 0 and variance 1

RARE = 0.01  # share of the rows that differ, where few do

NOISES: dict[str, Noise] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "skewed": lambda rng, shape: rng.exponential(1.0, shape) - 1.0,
    "t3": lambda rng, shape: rng.standard_t(3, shape) / np.sqrt(3.0),
    "lognormal": lambda rng, shape: (np.exp(rng.standard_normal(shape)) - np.exp(0.5)) / np.sqrt(np.exp(2) - np.exp(1)),
    "rare": lambda rng, shape: ((rng.random(shape) < RARE) - RARE) / np.sqrt(RARE * (1 - RARE)),
}
LOOKS = (3, 5, 8, 12)


@dataclass(frozen=True)
class World:
    """How results come about.

    A run of configuration c with seed s has on task t ``mu_t (1 + gain_ct + seed_sd (sqrt(rho) z_st + sqrt(1 - rho)
    z_cst) + mean over rows of row_sd e_ctr)``; the baseline's gain is 0. Half of the tasks measure an error, where less
    is better. Validation is drawn likewise, with rows of its own.

    Attributes:
        gain: true gain of every multi-task configuration, on every task.
        configurations: C.
        tasks: K.
        seed_sd: standard deviation of the gain of one run over seeds.
        rho: correlation of the noise of all configurations of one seed.
        noise: one of :data:`NOISES`.
        row_sd: of what one test row adds, for this configuration, to all its runs; 0: no noise of rows.
        row_noise: one of :data:`NOISES`, of what rows add.
        rows: test rows.
        groups: the rows come in so many groups of unlike size, and what a row adds is what its group adds; 0: rows are
            independent.
        further: whether there is a further baseline, as good as the first.
        resplit: every seed has a split of its own, and the claim is about the population. Results of one configuration
            then share, by the training rows that splits have in common, a part of their noise: test rows over all rows,
            as in the model of Nadeau and Bengio (2003).
    """

    gain: float = 0.0
    configurations: int = 9
    tasks: int = 3
    seed_sd: float = 0.01
    rho: float = 0.0
    noise: str = "normal"
    row_sd: float = 0.0
    row_noise: str = "normal"
    rows: int = 200
    groups: int = 0
    further: bool = True
    resplit: bool = False


TRAIN_ROWS, TEST_ROWS = 1000, 200


@dataclass(frozen=True)
class Judged:
    """One report on one world.

    Attributes:
        false_claim: any call of it is wrong.
        false_mean: that of delta_m is.
        covered: the interval of delta_m holds the truth.
        helps: delta_m is said to be above zero.
        same: it is said to lie within the margin.
        bias: mean of delta_m minus the truth.
        runs: that it took, with screening and without the further baseline.
    """

    false_claim: bool
    false_mean: bool
    covered: bool
    helps: bool
    same: bool
    bias: float
    runs: int


def simulate(world: World, kind: str, looks: tuple[int, ...], seed: int, rules: Rules | None = None) -> Judged:
    """Draw all runs, let the comparison choose, look and judge, and hold it against the truth.

    Args:
        world: how results come about.
        kind: of the design.
        looks: numbers of deciding seeds.
        seed: of the draw.
        rules: when a difference counts.

    Returns:
        What the report got wrong.
    """
    rules = rules or Rules()
    rng = np.random.default_rng(seed)
    screening = (0, 1) if kind == CONFIRM else tuple(range(looks[-1]))
    deciding = tuple(range(2, 2 + looks[-1])) if kind == CONFIRM else screening
    records = draw(world, rng, sorted({*screening, *deciding}))
    further = ("further",) if world.further else ()
    design = Design(kind, screening, deciding, looks, world.resplit, "single", further=further)
    if kind == CONFIRM:
        # Screening sees the runs of its own seeds only, as in a comparison
        screened = [one for one in records if one.seed in screening and one.configuration != "further"]
        chosen = Judge.of(screened, rules, design).best()
        assert chosen is not None
        design = design.choosing(chosen)
    return hold_against_truth(compare(records, rules, design=design), world, rules)


def draw(world: World, rng: np.random.Generator, seeds: list[int]) -> list[Record]:
    """The runs of all configurations."""
    names = ["single", *(["further"] if world.further else []), *(f"multi{i}" for i in range(world.configurations))]
    shape = (len(names), len(seeds), world.tasks, 2)
    noise = NOISES[world.noise]
    own, shared = noise(rng, shape), noise(rng, shape[1:])
    seed_noise = world.seed_sd * (np.sqrt(world.rho) * shared[None] + np.sqrt(1 - world.rho) * own)
    if world.resplit:
        common = TEST_ROWS / (TRAIN_ROWS + TEST_ROWS)
        of_population = world.seed_sd * rng.standard_normal((len(names), 1, world.tasks, 1))
        seed_noise = np.sqrt(common) * of_population + np.sqrt(1 - common) * seed_noise
    groups = None
    if world.groups:
        groups = np.sort(rng.choice(world.groups, world.rows, p=rng.dirichlet(np.full(world.groups, 3.0))))
    count = world.groups or world.rows
    of_rows = world.row_sd * NOISES[world.row_noise](rng, (len(names), world.tasks, 2, count)) if world.row_sd else None
    if of_rows is not None and groups is not None:
        of_rows = of_rows[..., groups]
    metrics = {f"t{i}": "mae" if i % 2 else "accuracy" for i in range(world.tasks)}
    records = []
    for c, name in enumerate(names):
        gain = world.gain if name.startswith("multi") else 0.0
        for s, seed in enumerate(seeds):
            val, test, rows = {}, {}, {}
            for t, (task, metric) in enumerate(metrics.items()):
                mu, sign = (2.0, -1.0) if metric == "mae" else (0.8, 1.0)
                by_row = np.zeros((2, 2)) if of_rows is None else of_rows[c, t]
                values = mu * (1 + sign * (gain + seed_noise[c, s, t][:, None] + by_row))  # [2, m]
                val[task], test[task], rows[task] = float(values[0].mean()), float(values[1].mean()), values[1]
            records.append(make_record(name, seed, metrics, val, test, rows, groups))
    return records


def make_record(
    name: str,
    seed: int,
    metrics: dict[str, str],
    val: dict[str, float],
    test: dict[str, float],
    rows: dict[str, np.ndarray],
    groups: np.ndarray | None,
) -> Record:
    """A run that never was."""
    return Record(
        path=Path("simulated") / name / str(seed),
        configuration=name,
        suite="simulated",
        fingerprint="",
        model="hard" if name.startswith("multi") else "single_task",
        weighting=name,
        seed=seed,
        directions={task: metric != "mae" for task, metric in metrics.items()},
        primary=metrics,
        val=val,
        test=test,
        score=1.0,
        parameters=1,
        seconds=1.0,
        inference=1.0,
        memory=1.0,
        execution={},
        config={"model": name},
        environment={},
        kept=lambda: Contributions(rows, None, groups),
        rows={"train": TRAIN_ROWS, "val": TEST_ROWS, "test": TEST_ROWS},
    )


def hold_against_truth(found: Comparison, world: World, rules: Rules) -> Judged:
    """What a report got wrong."""
    truth = world.gain
    calls: list[tuple[Evidence, float]] = []
    means: list[tuple[Evidence, float]] = []
    for row, tested in found.tested_rows:
        if row.multi:
            means.append((tested.delta, truth))
            calls += [(cell.evidence, truth) for cell in tested.cells.values()]
    calls += [(one, truth) for one in found.against.values()]
    assert found.best is not None
    best = found.best.tested
    assert best is not None
    screening = 0 if found.design.kind == FULL else 2 * (world.configurations + 1)
    arms = world.configurations + 1 if found.design.kind == FULL else 2
    return Judged(
        false_claim=any(is_false(one, true, rules) for one, true in [*means, *calls]),
        false_mean=any(is_false(one, true, rules) for one, true in means),
        covered=all(one.interval[0] <= true <= one.interval[1] for one, true in means),
        helps=best.delta.call == HELPS,
        same=best.delta.call == SAME,
        bias=best.delta.mean - truth,
        runs=screening + arms * len(best.seeds),
    )


def is_false(one: Evidence, truth: float, rules: Rules) -> bool:
    """Whether a call is wrong."""
    wrong = {HELPS: truth <= 0, HURTS: truth >= 0, SAME: abs(truth) > rules.margin}
    return wrong.get(one.call, False)


def repeat(world: World, kind: str, looks: tuple[int, ...], seeds: Iterable[int]) -> list[Judged]:
    """One report for each of these draws of a world."""
    return [simulate(world, kind, looks, seed) for seed in seeds]
