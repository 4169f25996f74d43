"""Networks beside boosted trees on a table of your own, over several splits.

python -m experiments.tables.run FILE TARGETS [--splits 5] [--networks default,hard,...] [--output outputs/tables/NAME]
[key=value ...]

For example: python -m experiments.tables.run my.csv '{churn: binary, spend: regression}' task.separator=semicolon

Trains trees and every network on the same random splits, each with another seed, and writes result.csv (every run),
report.html and report.md into the output. What is in result.csv already is not done again. All choices within a run are
made on its validation rows; the test rows are read once.
"""

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from experiments.tables.page import REFERENCE, html, markdown, page_of
from mtl.assembly import build_suite, trees_of
from mtl.cli.application import run_program
from mtl.cli.streams import print_page
from mtl.config.compose import configure
from mtl.config.run_config import RunConfig
from mtl.errors import InputError, unknown
from mtl.lifecycle.train import train
from mtl.lifecycle.trained import suite_of_columns
from mtl.module.lightning import silent_lightning
from mtl.sweep.entries import with_split_seed

HARD, APART = ("model=hard", "weighting=equal"), ("model=single_task", "weighting=equal")
ADAMW = ("optimizer=adamw", "optimizer.lr=0.002", "optimizer.weight_decay=0.0003")
QUANTILES = ("task.form=columns", "task.numbers=quantile")
TABM16 = (*QUANTILES, "encoder=tabm", "encoder.members=16", *ADAMW)
REALMLP = (
    *("task.form=columns", "task.numbers=robust", "encoder=realmlp", "optimizer=adamw", "optimizer.lr=0.0025"),
    *("optimizer.weight_decay=0.32", "+optimizer.betas=[0.9,0.95]"),
)
MLP = ("task.form=flat", "task.numbers=standard", "encoder=mlp", "optimizer=adam", "optimizer.lr=0.001")
TRANSFORMER = (*QUANTILES, "encoder=ft_transformer", "optimizer=adamw", "optimizer.weight_decay=0.00001")
CONFIGURATIONS = {
    "trees": ("model=trees",),
    "default": (),  # what a run does that is told nothing else
    "hard": HARD,
    "apart": APART,
    "mlp": (*HARD, *MLP),
    "tabm8": (*HARD, "encoder.members=8"),
    "tabm16": (*HARD, *TABM16),
    "tabm16_apart": (*APART, *TABM16),
    "piecewise": (*HARD, "encoder=piecewise"),
    "realmlp": (*HARD, *REALMLP),
    "ft_transformer": (*HARD, *TRANSFORMER),
}
NETWORKS = ("default", "hard", "apart", "piecewise")  # if nothing else is asked for


@dataclass(frozen=True)
class Work:
    """What is to be trained: words of the data and of networks alone, which networks, how many splits, where to."""

    data: tuple[str, ...]
    networks: tuple[str, ...]
    names: tuple[str, ...]
    splits: int
    output: Path

    @property
    def words(self) -> str:
        """All words, which tell this work from another."""
        return " ".join([*self.data, *self.networks])

    @property
    def table(self) -> Path:
        """Every run's metrics."""
        return self.output / "result.csv"


def work_of(arguments: Sequence[str]) -> Work:
    """The command line. InputError or exit 2 for a mistake in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "targets", help="{column: kind, ...}, kinds: binary, classes, ordinal, regression, count, quantiles, survival"
    )
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--networks", default=",".join(NETWORKS), help=f"of {', '.join(CONFIGURATIONS)}")
    parser.add_argument("--output", type=Path)
    parser.add_argument("words", nargs="*", help="key=value; what is not of the task is for the networks alone")
    found = parser.parse_intermixed_args(arguments)
    if found.splits < 2:
        raise InputError(f"--splits={found.splits}: expected 2 or more, since their spread is what counts")
    names = tuple(dict.fromkeys((REFERENCE, *found.networks.split(","))))
    for name in names:
        if name not in CONFIGURATIONS:
            raise unknown("network in --networks", name, CONFIGURATIONS)
    output = found.output or Path("outputs/tables") / found.file.name.split(".")[0]
    of_task = [word for word in found.words if word.startswith("task.")]
    data = ("task=table", f"task.path={found.file}", f"task.targets={found.targets}", *of_task)
    return Work(data, tuple(word for word in found.words if word not in of_task), names, found.splits, output)


def config_of(work: Work, name: str, split: int) -> RunConfig:
    """What one configuration is on one split. InputError for a mistake in the words."""
    words = (*work.data, f"task.split.seed={split}", f"seed={split}", f"output={work.output}", "progress=false")
    own = () if name == REFERENCE else work.networks
    return configure(*words, *CONFIGURATIONS[name], *own, "threads=1")


def train_one(work: Work, name: str, split: int) -> list[dict[str, object]]:
    """One configuration on one split: a row for each task."""
    started = time.process_time()
    result = train(config_of(work, name, split))
    if result is None:
        raise InputError("interrupted")
    seconds = time.process_time() - started
    return [
        {
            "configuration": name,
            "split": split,
            "task": task,
            "metric": facts.primary,
            "higher_is_better": facts.higher_is_better,
            "validation": result.metrics["val"].tasks[task].get(facts.primary),
            "test": result.metrics["test"].tasks[task].get(facts.primary),
            "seconds": seconds,
            "test_share": result.data.rows["test"] / result.data.rows["train"],
            "data": result.data.fingerprint,
            "run": result.directory,
            "words": work.words,
        }
        for task, facts in result.tasks.items()
    ]


def check_splits(work: Work) -> None:
    """InputError where splits would not be drawn by their number: they would be one split, measured several times."""
    if any(word.startswith("task.split.seed=") for word in work.data):
        raise InputError("task.split.seed: the splits are drawn by 0, 1, ...: leave it out, --splits says how many")
    try:
        with_split_seed(config_of(work, REFERENCE, 0).task, 0)
    except InputError as error:
        raise InputError(f"each split has other test rows; {str(error).removeprefix('data=resplit: ')}") from None


def check_data(work: Work, table: pd.DataFrame) -> None:
    """InputError if the file is no longer what the runs of earlier calls were of."""
    if not len(table) or "data" not in table:  # runs of before it was kept
        return
    first = table.dropna(subset="data").iloc[0]
    config = config_of(work, str(first["configuration"]), int(first["split"]))
    data = suite_of_columns(config) if trees_of(config) is not None else build_suite(config)
    if data.fingerprint != first["data"]:
        raise InputError(
            f"'{work.table}' holds runs of other rows than its file has now, which are not to be mixed with them: name "
            "another --output"
        )


def _earlier(work: Work) -> pd.DataFrame:
    """The runs of earlier calls. InputError for a file that is something else."""
    if not work.table.is_file():
        return pd.DataFrame()
    try:
        found = pd.read_csv(work.table)
    except ValueError:  # also a text that is none, or empty
        found = pd.DataFrame()
    if not {"configuration", "split", "words"} <= set(found.columns):
        raise InputError(f"'{work.table}' is damaged or no result of this program: remove it, or name another --output")
    return found


def measured(work: Work) -> pd.DataFrame:
    """All runs, those of earlier calls included. InputError where these were of other data, or for a mistake."""
    for name in work.names:  # what is wrong with the words is said before anything is trained
        config_of(work, name, 0)
    check_splits(work)
    work.output.mkdir(parents=True, exist_ok=True)
    table = _earlier(work)
    if len(table) and set(table["words"]) != {work.words}:
        raise InputError(
            f"'{work.table}' holds runs of something else, {table['words'].iloc[0]}: name another --output"
        )
    check_data(work, table)
    done = set(zip(table["configuration"], table["split"], strict=True)) if len(table) else set()
    for split in range(work.splits):
        for name in work.names:
            if (name, split) not in done:
                print(f"{name}, split {split}", file=sys.stderr, flush=True)
                table = pd.concat([table, pd.DataFrame(train_one(work, name, split))], ignore_index=True)
                table.to_csv(work.table, index=False)
    return table[table["split"] < work.splits]


def main(arguments: list[str]) -> int:
    """Train what is missing and write the page."""
    silent_lightning()
    work = work_of(arguments)
    table = measured(work)
    names = [name for name in CONFIGURATIONS if name in set(table["configuration"])]
    page = page_of(table, names, f"python -m experiments.tables.run {shlex.join(arguments)}")
    text = markdown(page)
    (work.output / "report.md").write_text(text, encoding="utf-8")
    (work.output / "report.html").write_text(html(page), encoding="utf-8")
    print_page(f"{text}\nwritten to {work.output / 'report.html'}, and as report.md")
    return 0


if __name__ == "__main__":
    run_program(main, own_flags=True)
