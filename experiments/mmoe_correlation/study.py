"""Does a mixture of experts hold where one trunk falls, as two tasks have less in common? Trains and draws."""

import csv
import statistics
import sys
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))  # the clone: this file is started by its path

from mtl.cli import mistakes, quiet

HERE = Path(__file__).parent
# Cosine of the tasks' directions, and share of the rows in which the second task looks the other way
SETTINGS = ((1.0, 0.0), (0.5, 0.0), (0.0, 0.0), (1.0, 0.25), (1.0, 0.5))
SEEDS = range(3)
# The same number of hidden units everywhere: 64 in one trunk, 4 x 16 in experts, 2 x 32 in networks apart
MODELS = {
    "hard": ("model=hard", "encoder.widths=[64]"),
    "gated": ("model=gated", "model.experts=4", "encoder.widths=[16]"),
    "single_task": ("model=single_task", "encoder.widths=[32]"),
}
COMMON = (
    "task=synthetic",
    "task.num_tasks=2",
    "task.features=100",
    "task.rows=10000",
    "task.noise=0.1",
    "weighting=equal",
    "optimizer.lr=0.003",
    "epochs=20",
    "progress=false",
    "log_every=1000",
)
COLOURS = {"hard": "#d55e00", "gated": "#0072b2", "single_task": "#6b6b6b"}


def main(output: str) -> None:
    """All runs, then the table and the figure."""
    from mtl.assembly import configure
    from mtl.training import train

    rows = []
    for (correlation, conflict), (model, chosen), seed in product(SETTINGS, MODELS.items(), SEEDS):
        data = (f"task.relatedness={correlation}", f"task.conflict={conflict}", f"task.seed={seed}", f"seed={seed}")
        result = train(configure(*COMMON, *chosen, *data, f"output={output}"))
        losses = [result["metrics"]["test"][f"loss/{name}"] for name in result["tasks"]]
        rows.append((correlation, conflict, model, seed, statistics.mean(losses), result["parameters"]["total"]))
        print(*rows[-1], flush=True)
    with (HERE / "results.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("correlation", "conflict", "model", "seed", "test_loss", "parameters"))
        writer.writerows(rows)
    draw()


def draw() -> None:
    """The figure of what is in results.csv, and its table on the terminal."""
    from matplotlib.figure import Figure

    with (HERE / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found: dict[tuple[str, float, float], tuple[float, float]] = {}
    for model, (correlation, conflict) in product(MODELS, SETTINGS):
        of = (model, correlation, conflict)
        values = [
            float(row["test_loss"])
            for row in rows
            if (row["model"], float(row["correlation"]), float(row["conflict"])) == of
        ]
        found[of] = statistics.mean(values), statistics.stdev(values) / len(values) ** 0.5
        print(f"| {model} | {correlation} | {conflict} | {found[of][0]:.4f} | {found[of][1]:.4f} |")
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    panels = figure.subplots(1, 2)
    chosen = ([s for s in SETTINGS if s[1] == 0], [s for s in SETTINGS if s[0] == 1])
    labels = ("correlation of the tasks' directions", "share of rows in which one task looks the other way")
    for which, (axes, settings, label) in enumerate(zip(panels, chosen, labels, strict=True)):
        for model, colour in COLOURS.items():
            means, errors = zip(*(found[(model, *setting)] for setting in settings), strict=True)
            places = [setting[which] for setting in settings]
            axes.errorbar(places, means, errors, color=colour, marker="o", capsize=3, label=model)
        axes.set_xlabel(label)
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].invert_xaxis()
    panels[0].set_ylabel("test loss, mean of both tasks")
    panels[1].legend(frameon=False)
    figure.savefig(HERE / "figure.svg")


if __name__ == "__main__":
    quiet()
    with mistakes():
        main(sys.argv[1] if len(sys.argv) > 1 else "outputs")
