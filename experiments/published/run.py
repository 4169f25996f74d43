"""Two published pairs of tasks on data that can be had here. python -m experiments.published.run

*multimnist*: two handwritten digits over one another, the left and the right one to be read (Sener and Koltun, NeurIPS
2018, https://arxiv.org/abs/1810.04650), composed of 1,797 real digits of 8 x 8 pixels: networks apart, and one trunk
with equal, uncertainty and GradNorm weights and MGDA at the representation. *census*: income and never married (Ma et
al., KDD 2018, https://doi.org/10.1145/3219819.3220007) of 48,842 persons: networks apart, one trunk, a mixture of
experts.

Adam with a rate of 0.001 for all, a fixed number of steps; measured as they were when they were best on validation
(networks apart each at its own best). Test accuracy in per cent, or the area under the ROC curve, mean and standard
deviation over the seeds, and the interval of the difference from *single_task* within a seed. Writes ``result.csv``
(every run) and ``table.md`` beside this file, or where --output says.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import torch

from experiments.loop import data_of, fit
from experiments.rows import measure_rows, study_parser
from mtl.comparison.statistics.estimate import over_seeds

BASELINE = "single_task"
ALPHA = 0.05
COLUMNS = ("pair", "configuration", "seed", "first task", "second task")


@dataclass(frozen=True)
class Pair:
    """A published pair of tasks.

    Attributes:
        options: what is learned.
        steps: of every training.
        configurations: overrides, by the name in the table.
        factor: of the metric, 100 for per cent.
        digits: of the metric in the table.
    """

    options: tuple[str, ...]
    steps: int
    configurations: dict[str, tuple[str, ...]]
    factor: float
    digits: int


PAIRS = {
    "multimnist": Pair(
        (
            *("task=digits", "task.digits=optical", "task.rows=6000"),
            *("encoder.widths=[128,64]", "batch_size=128"),
        ),
        500,
        {
            BASELINE: ("model=single_task", "weighting=equal"),
            "hard-equal": ("model=hard", "weighting=equal"),
            "hard-uncertainty": ("model=hard", "weighting=uncertainty"),
            "hard-gradnorm": ("model=hard", "weighting=gradnorm"),
            "hard-mgda": ("model=hard", "weighting=mgda", "weighting.at=representation"),
        },
        100.0,
        1,
    ),
    "census": Pair(
        ("task=census", "tasks=[income,never_married]", "encoder.widths=[64,64]", "batch_size=512"),
        400,
        {name: (f"model={name}", "weighting=equal") for name in (BASELINE, "hard", "gated")},
        1.0,
        4,
    ),
}


def study(name: str, seeds: range, steps: int | None = None) -> Iterator[list[str]]:
    """Of every run of a pair: pair, configuration, seed, and the metric of each task on the test rows."""
    pair = PAIRS[name]
    data = data_of(pair.options)
    for label, own in pair.configurations.items():
        for seed in seeds:
            test = fit(pair.options, own, seed, steps or pair.steps).measure(data, "test").values()
            yield [name, label, str(seed), *(f"{pair.factor * one['metric']:.{pair.digits + 1}f}" for one in test)]


def table(name: str, rows: list[list[str]]) -> str:
    """By configuration: each task's metric, and its difference from the baseline within a seed."""
    digits = PAIRS[name].digits
    lines = ["| configuration | first task | second task | first - apart | second - apart |", "|---|---|---|---|---|"]
    values = {(row[1], row[2]): [float(value) for value in row[3:]] for row in rows if row[0] == name}
    for label in dict.fromkeys(label for label, _ in values):
        own = {seed: found for (other, seed), found in values.items() if other == label}
        cells = []
        for task in range(2):
            found = [one[task] for one in own.values()]
            spread = f" ± {stdev(found):.{digits}f}" if len(found) > 1 else ""
            cells.append(f"{mean(found):.{digits}f}{spread}")
        for task in range(2):
            differences = over_seeds([one[task] - values[BASELINE, seed][task] for seed, one in own.items()])
            low, high = differences.interval(ALPHA)
            cells.append("" if label == BASELINE else f"{low:+.{digits}f} to {high:+.{digits}f}")
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Train everything, write the tables."""
    given = study_parser(__doc__, Path(__file__).parent, pairs=PAIRS).parse_args()
    torch.set_num_threads(1)
    measured = (row for name in given.pairs for row in study(name, range(given.seeds)))
    rows = measure_rows(measured, COLUMNS, given.output)
    text = "\n".join(f"{name}\n\n{table(name, rows)}" for name in given.pairs)
    (given.output / "table.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
