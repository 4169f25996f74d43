"""Together, apart, or apart and then merged? python -m experiments.merging.run

Every suite is learned together (*hard*), apart (*single_task*), and apart from a common start and then merged, in every
way of ``conf/merge/``. The common start is random, or what one trunk has learned of all tasks in a number of joint
steps. Equal weights, the same encoder, budget and patience for all; each seed is other initial values and another order
of the rows.

What counts first is the geometric mean of the tasks' losses on the test rows, as a change relative to that of
*single_task* with the same seed: below 0 is better; ``metric`` is the mean of their primary metrics (R2, accuracy).
``steps`` are the optimizer steps of all parts together, ``coefficient`` is the mean over tasks and parameter tensors.
Writes ``result.csv`` (every run) and ``table.md`` beside this file, or where
--output says; the runs stay in --runs and are not trained again.
"""

from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from experiments.loop import number
from experiments.rows import measure_rows, study_parser
from mtl.config.compose import configure
from mtl.config.folders import option_names
from mtl.config.process import set_process_defaults
from mtl.config.run_config import RunConfig
from mtl.config.run_result import RunResult
from mtl.lifecycle.train import train
from mtl.runs.directory import Run, finished, run_path

SMALL = ("encoder.widths=[32,16]", "optimizer.lr=0.003", "batch_size=128")
SUITES = {
    "related": ("task=synthetic", "task.num_tasks=4", "task.relatedness=0.9", "task.rows=800", *SMALL),
    "unrelated": ("task=synthetic", "task.num_tasks=4", "task.relatedness=0", "task.rows=3000", *SMALL),
    "digits": ("task=digits", "task.digits=optical", "task.rows=3000", "encoder.widths=[128,64]", "batch_size=128"),
}
BUDGET = ("steps=1000", "weighting=equal", "progress=false", "threads=1")
JOINT = (None, 200)
METHODS = tuple(name for name in option_names("merge") if name != "none")
COLUMNS = (
    "suite",
    "configuration",
    "joint steps",
    "seed",
    "change %",
    "test loss",
    "metric",
    "steps",
    "seconds",
    "coefficient",
)


def result_of(config: RunConfig) -> RunResult:
    """The result of a run; trained now, unless it is there."""
    for path in finished(run_path(config)):
        return Run.open(path).result
    found = train(config)
    assert found is not None
    return found


def test_loss(result: RunResult) -> float:
    """Geometric mean of the tasks' losses on the test rows."""
    score = result.metrics["test"].score
    assert score is not None
    return score


def mean_metric(result: RunResult) -> float:
    """Mean over the tasks of the primary metric on the test rows: R2, or accuracy."""
    test = result.metrics["test"].tasks
    return mean(number(test[name].get(task.primary)) for name, task in result.tasks.items())


def study(name: str, seeds: range, runs: Path) -> Iterator[list[str]]:
    """The rows of the table for one suite."""
    methods = [one for one in METHODS if one != "adamerging" or name == "digits"]  # which needs classes
    for seed in seeds:
        given = (*SUITES[name], *BUDGET, f"seed={seed}", f"output={runs}")
        apart = result_of(configure(*given, "model=single_task"))
        found = {("single_task", ""): apart, ("hard", ""): result_of(configure(*given, "model=hard"))}
        for steps in JOINT:
            for method in methods:
                chosen = ("model=merged", f"merge={method}", f"model.joint_steps={steps or 'null'}")
                found[method, str(steps or 0)] = result_of(configure(*given, *chosen))
        for (label, joint), result in found.items():
            loss = test_loss(result)
            change = 100 * (loss / test_loss(apart) - 1)
            seconds, coefficient = f"{result.seconds.fit:.1f}", ""
            if result.merging is not None:
                values = [one or 0.0 for several in result.merging.coefficients.values() for one in several]
                coefficient = f"{mean(values):.2f}"
            yield [
                *(name, label, joint, str(seed), f"{change:.1f}", f"{loss:.4g}"),
                *(f"{mean_metric(result):.4f}", str(result.steps), seconds, coefficient),
            ]


def table(rows: list[list[str]]) -> str:
    """By suite and configuration: mean change with the lowest and the highest of the seeds, and the mean metric."""
    suites = list(dict.fromkeys(row[0] for row in rows))
    lines = [f"| configuration | joint steps | {' | '.join(suites)} |", "|---" * (2 + len(suites)) + "|"]
    for label, joint in dict.fromkeys((row[1], row[2]) for row in rows):
        cells = []
        for suite in suites:
            found = [row for row in rows if row[:3] == [suite, label, joint]]
            values = [float(row[4]) for row in found]
            metric = mean(float(row[6]) for row in found) if found else 0.0
            cells.append(
                f"{mean(values):+.0f} ({min(values):+.0f} to {max(values):+.0f}); {metric:.3f}" if values else ""
            )
        lines.append(f"| {label} | {joint} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Train everything, write the tables."""
    parser = study_parser(__doc__, Path(__file__).parent, suites=SUITES)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, default=Path("outputs/merging"))
    given = parser.parse_args()
    set_process_defaults()
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    measured = (row for name in given.suites for row in study(name, seeds, given.runs))
    rows = measure_rows(measured, COLUMNS, given.output)
    (given.output / "table.md").write_text(table(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
