"""Sharing strategies on two small suites, with equal weights. python -m experiments.sharings.run

Of the suites of the study of merging, four *related* regressions with few labels, and the left and the right one of two
handwritten *digits*. Every strategy has the options of its file in conf/model, the same encoder, 300 steps of Adam with
one learning rate (0.01), and is measured as it was when it was best on validation (networks apart each at its own
best). Strategies that go by a preference are trained by ``cosmos`` with ``mu`` 0, the sum weighted by the preference
that each step draws, and are measured with the one in which all tasks count alike.

What counts is the geometric mean of the tasks' losses on the test rows, as a change relative to that of *single_task*
with the same seed: below 0 is better. The interval is Student's over the seeds, of the logarithm of the ratio, and
covers other initial values and orders of the same rows, not other rows. Writes ``result.csv`` (every run) and
``table.md`` beside this file, or where --output says.
"""

from collections.abc import Iterator
from math import exp, log
from pathlib import Path
from statistics import fmean, geometric_mean

import torch

from experiments.loop import data_of, fit
from experiments.merging.run import SUITES as ALL
from experiments.rows import measure_rows, study_parser
from mtl.comparison.statistics.estimate import over_seeds

BASELINE = "single_task"
STRATEGIES = (
    *(BASELINE, "hard", "gated", "soft", "soft_distance", "sparse", "dselect_k", "cgc", "adatt", "cross_stitch"),
    *("sluice", "nddr", "mtan", "film", "adapters", "lora", "ltb", "palora", "conditioned", "stem"),
)
PREFERRING = ("palora", "conditioned")
SUITES = {
    name: (*(one for one in ALL[name] if not one.startswith("optimizer.")), "optimizer.lr=0.01")
    for name in ("related", "digits")
}
STEPS = 300
ALPHA = 0.05
COLUMNS = ("suite", "model", "seed", "change %", "test loss", "metric", "parameters", "seconds")


def study(suite: str, models: list[str], seeds: range, steps: int = STEPS) -> Iterator[list[str]]:
    """The rows of the table for one suite."""
    apart: dict[int, float] = {}
    data = data_of(SUITES[suite])
    for model in dict.fromkeys([BASELINE, *models]):
        weighting = ("weighting=cosmos", "weighting.mu=0") if model in PREFERRING else ("weighting=equal",)
        for seed in seeds:
            fitted = fit(SUITES[suite], (f"model={model}", *weighting), seed, steps)
            test = fitted.measure(data, "test").values()
            loss = geometric_mean(one["loss"] for one in test)
            if model == BASELINE:
                apart[seed] = loss
            yield [
                *(suite, model, str(seed), f"{100 * (loss / apart[seed] - 1):.2f}", f"{loss:.4g}"),
                f"{fmean(one['metric'] for one in test):.4f}",
                *(str(sum(p.numel() for p in fitted.module.network.parameters())), f"{fitted.seconds:.1f}"),
            ]


def change(values: list[float]) -> str:
    """Geometric mean of changes in per cent, with its interval."""
    ratios = over_seeds([log(1 + value / 100) for value in values])
    found = (ratios.mean, *ratios.interval(ALPHA))
    middle, low, high = (100 * (exp(one) - 1) for one in found)
    return f"{middle:+.1f} ({low:+.1f} to {high:+.1f})"


def table(rows: list[list[str]]) -> str:
    """By suite and strategy: the change with its interval, and the mean metric."""
    suites = list(dict.fromkeys(row[0] for row in rows))
    lines = [f"| model | {' | '.join(suites)} |", "|---" * (1 + len(suites)) + "|"]
    for model in dict.fromkeys(row[1] for row in rows):
        cells = []
        for suite in suites:
            found = [row for row in rows if row[:2] == [suite, model]]
            metric = f"{fmean(float(row[5]) for row in found):.3f}"
            cells.append(metric if model == BASELINE else f"{change([float(row[3]) for row in found])}; {metric}")
        lines.append(f"| `{model}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Train everything, write the tables."""
    parser = study_parser(__doc__, Path(__file__).parent, suites=SUITES)
    parser.add_argument("--models", nargs="+", default=list(STRATEGIES))
    given = parser.parse_args()
    torch.set_num_threads(1)
    measured = (row for suite in given.suites for row in study(suite, given.models, range(given.seeds)))
    rows = measure_rows(measured, COLUMNS, given.output)
    (given.output / "table.md").write_text(table(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
