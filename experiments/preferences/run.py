"""One network for all trade-offs, or a network for each? python -m experiments.preferences.run

Two suites of two tasks: the left and the right one of two handwritten *digits* (8 x 8 pixels), and two unrelated
regressions in a trunk of *narrow* width, 4. Five trade-offs, the first task having a weight of .1, .3, .5, .7 or .9:
*fixed* trains a network of hard sharing for each, 300 steps of Adam with a rate of 0.01; ``palora`` and ``conditioned``
train one network for all of them in 300 steps too, by the sum weighted by the preference that each step draws
(``cosmos`` with ``mu`` 0). All are measured as they were when they were best on validation, the one network at equal
preferences.

What counts is the hypervolume of the points, of those that no other of the five beats in both losses on validation,
measured on the test rows: losses are divided by those of *fixed* at equal weights, averaged over the seeds, and the
reference is 2 in each. Writes ``result.csv`` (every point), ``table.md`` and ``fronts.svg`` beside this file, or where
--output says.
"""

from collections.abc import Iterator
from pathlib import Path
from statistics import mean

import torch

from experiments.loop import data_of, fit
from experiments.rows import measure_rows, study_parser
from mtl.comparison.statistics.estimate import over_seeds
from mtl.comparison.statistics.pareto import front, hypervolume
from mtl.sharing.preferring import Preferring

SUITES = {
    "digits": (
        *("task=digits", "task.digits=optical", "task.rows=3000"),
        *("encoder.widths=[128,64]", "batch_size=128", "optimizer.lr=0.01"),
    ),
    "narrow": (
        *("task=synthetic", "task.num_tasks=2", "task.relatedness=0", "task.rows=3000"),
        *("encoder.widths=[4]", "batch_size=128", "optimizer.lr=0.01"),
    ),
}
WEIGHTS = (0.1, 0.3, 0.5, 0.7, 0.9)  # of the first task
STEPS = 300
REFERENCE = 2.0
ALPHA = 0.05
FIXED = "fixed"
MODELS = {FIXED: "hard", "palora": "palora", "conditioned": "conditioned"}
COLUMNS = ("suite", "network", "seed", "weight", "val 1", "val 2", "test 1", "test 2", "seconds")


def study(suite: str, seeds: range, steps: int = STEPS) -> Iterator[list[str]]:
    """The rows of the table for one suite: each network at each of its trade-offs."""
    data = data_of(SUITES[suite])
    for label, model in MODELS.items():
        for seed in seeds:
            for share in WEIGHTS if label == FIXED else (None,):
                weights = f"[{share},{1 - (share or 0):g}]"
                weighting = ("weighting=cosmos", "weighting.mu=0")
                if share is not None:
                    weighting = ("weighting=fixed", f"weighting.weights={weights}")
                fitted = fit(SUITES[suite], (f"model={model}", *weighting), seed, steps)
                sharing = fitted.module.network.sharing
                for at in WEIGHTS if share is None else (share,):
                    if isinstance(sharing, Preferring):
                        sharing.choose(torch.tensor([at, 1 - at]))
                    measured = [fitted.measure(data, split).values() for split in ("val", "test")]
                    losses = [f"{one['loss']:.4g}" for split in measured for one in split]
                    yield [suite, label, str(seed), f"{at}", *losses, f"{fitted.seconds:.2f}"]


def volumes(rows: list[list[str]], suite: str) -> dict[str, list[float]]:
    """By network, the hypervolume of each seed."""
    own = [row for row in rows if row[0] == suite]
    middle = [row for row in own if row[1] == FIXED and float(row[3]) == 0.5]
    unit = [mean(float(row[column]) for row in middle) for column in (6, 7)]
    out: dict[str, list[float]] = {}
    for label, seed in dict.fromkeys((row[1], row[2]) for row in own):
        found = [[float(value) for value in row[4:8]] for row in own if (row[1], row[2]) == (label, seed)]
        kept = front([[-point[0], -point[1]] for point in found])
        test = [[-p[2] / unit[0], -p[3] / unit[1]] for p, best in zip(found, kept, strict=True) if best]
        out.setdefault(label, []).append(hypervolume(test, [-REFERENCE] * 2))
    return out


def seconds(rows: list[list[str]], suite: str, label: str) -> float:
    """Of training everything that the five trade-offs need, mean over the seeds."""
    each: dict[str, set[tuple[str, float]]] = {}
    for row in rows:
        if row[:2] == [suite, label]:
            each.setdefault(row[2], set()).add((row[3] if label == FIXED else "", float(row[8])))
    return mean(sum(value for _, value in found) for found in each.values())


def table(rows: list[list[str]]) -> str:
    """By suite and network: hypervolume, its difference from that of fixed weights within a seed, seconds."""
    lines = ["| network | suite | hypervolume | difference | seconds |", "|---|---|---|---|---|"]
    for suite in dict.fromkeys(row[0] for row in rows):
        found = volumes(rows, suite)
        for label, values in found.items():
            differences = over_seeds([own - fixed for own, fixed in zip(values, found[FIXED], strict=True)])
            low, high = differences.interval(ALPHA)
            told = "" if label == FIXED else f"{differences.mean:+.3f} ({low:+.3f} to {high:+.3f})"
            lines.append(f"| {label} | {suite} | {mean(values):.3f} | {told} | {seconds(rows, suite, label):.1f} |")
    return "\n".join(lines) + "\n"


def draw(rows: list[list[str]], path: Path) -> None:
    """A panel for each suite: test losses at the five trade-offs, means over the seeds."""
    from matplotlib.figure import Figure

    suites = list(dict.fromkeys(row[0] for row in rows))
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    for axis, suite in zip(figure.subplots(1, len(suites), squeeze=False)[0], suites, strict=True):
        for label in dict.fromkeys(row[1] for row in rows):
            points = [
                [mean(float(row[c]) for row in rows if row[:2] == [suite, label] and row[3] == str(w)) for c in (6, 7)]
                for w in WEIGHTS
            ]
            axis.plot(*zip(*points, strict=True), marker="o", markersize=4, label=label)
        axis.set(title=suite, xlabel="test loss of the first task", ylabel="of the second")
        axis.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False, fontsize=7)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Train everything, write tables and figure."""
    given = study_parser(__doc__, Path(__file__).parent, suites=SUITES).parse_args()
    torch.set_num_threads(1)
    measured = (row for suite in given.suites for row in study(suite, range(given.seeds)))
    rows = measure_rows(measured, COLUMNS, given.output)
    (given.output / "table.md").write_text(table(rows), encoding="utf-8")
    draw(rows, given.output / "fronts.svg")


if __name__ == "__main__":
    main()
