"""Does a mixture of experts hold where one trunk falls, as two tasks have less in common? Trains and draws."""

import csv
import statistics
import sys
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))  # the clone: this file is started by its path

from mtl.cli.application import user_errors
from mtl.config.process import set_process_defaults

HERE = Path(__file__).parent
CORRELATIONS = (1.0, 0.5, 0.0)  # cosine of the tasks' directions; the first is what the others are compared with
SEEDS = range(10)
# The same number of hidden units everywhere: 32 in one trunk, 4 x 8 in experts, 2 x 16 in networks apart
MODELS = {
    "hard": ("model=hard", "encoder.widths=[32]"),
    "gated": ("model=gated", "model.experts=4", "encoder.widths=[8]"),
    "single_task": ("model=single_task", "encoder.widths=[16]"),
}
COMMON = (
    "task=synthetic",
    "task.num_tasks=2",
    "task.features=20",
    "task.rows=10000",
    "task.noise=0.1",
    "weighting=equal",
    "optimizer.lr=0.01",
    "epochs=20",
    "progress=false",
    "log_every=1000",
)
COLOURS = {"hard": "#0072b2", "gated": "#d55e00", "single_task": "#1a1a1a"}  # as in reports


def main(output: str) -> None:
    """All runs, then the table and the figure."""
    from mtl.config.compose import configure
    from mtl.lifecycle.train import train

    rows = []
    for correlation, (model, chosen), seed in product(CORRELATIONS, MODELS.items(), SEEDS):
        data = (f"task.relatedness={correlation}", f"task.seed={seed}", f"seed={seed}", f"output={output}")
        result = train(configure(*COMMON, *chosen, *data))
        assert result is not None  # one process
        losses = [result.metrics["test"].tasks[name]["loss"] for name in result.tasks]
        rows.append((correlation, model, seed, statistics.mean(losses), result.parameters.total))
        print(*rows[-1], flush=True)
    with (HERE / "results.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("correlation", "model", "seed", "test_loss", "parameters"))
        writer.writerows(rows)
    draw()


def draw() -> None:
    """The figure of what is in results.csv, and its table on the terminal."""
    from matplotlib.figure import Figure

    losses: dict[tuple[str, float], dict[str, float]] = {}  # by model and correlation, then by seed
    with (HERE / "results.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            losses.setdefault((row["model"], float(row["correlation"])), {})[row["seed"]] = float(row["test_loss"])
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    plain, change = figure.subplots(1, 2)
    for model, colour in COLOURS.items():
        start = losses[model, CORRELATIONS[0]]
        means, rises = [], []
        for correlation in CORRELATIONS:
            of = losses[model, correlation]
            means.append(statistics.mean(of.values()))
            rises.append([100 * (of[seed] / start[seed] - 1) for seed in of])  # each seed has its own data
            print(f"| {model} | {correlation} | {means[-1]:.4f} | {said(rises[-1])} |")
        plain.plot(CORRELATIONS, means, color=colour, marker="o", label=model)
        change.plot(CORRELATIONS, [statistics.mean(r) for r in rises], color=colour, marker="o")
        for correlation, of_seeds in zip(CORRELATIONS, rises, strict=True):
            change.scatter([correlation] * len(of_seeds), of_seeds, color=colour, s=8, alpha=0.6)
    for axes in (plain, change):
        axes.invert_xaxis()
        axes.set_xlabel("correlation of the tasks' directions")
        axes.spines[["top", "right"]].set_visible(False)
    plain.set_ylabel("test loss, mean of tasks and seeds")
    plain.set_ylim(bottom=0)
    change.set_ylabel("change from correlation 1, %")
    plain.legend(frameon=False, loc="lower left")
    figure.savefig(HERE / "figure.svg", metadata={"Date": None})


def said(rises: list[float]) -> str:
    """Mean and range of the changes, and how many are for the worse."""
    worse = sum(rise > 0 for rise in rises)
    return f"{statistics.mean(rises):+.0f} % | {min(rises):+.0f} % to {max(rises):+.0f} % | {worse} of {len(rises)}"


if __name__ == "__main__":
    set_process_defaults()
    with user_errors():
        main(sys.argv[1] if len(sys.argv) > 1 else "outputs")
