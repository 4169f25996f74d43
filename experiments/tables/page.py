"""What the runs on one table say: the same numbers as Markdown and as a page for a browser."""

import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined

from mtl.comparison.statistics.estimate import over_splits
from mtl.config.run_result import metric_format

REFERENCE = "trees"
ALPHA = 0.05


@dataclass(frozen=True)
class Gain:
    """How much better than trees on the same splits: mean, its interval, and the mean in deviations of the trees.

    The interval is NaN where there is one split only, and so are the deviations where trees do not vary. ``form`` is
    that of the metric that the gain is of.
    """

    mean: float
    low: float
    high: float
    deviations: float
    form: str

    @property
    def interval(self) -> str:
        """The mean and its interval."""
        found = "no interval" if math.isnan(self.low) else f"{self.low:+{self.form}} to {self.high:+{self.form}}"
        return f"{self.mean:+{self.form}} ({found})"

    @property
    def in_deviations(self) -> str:
        """The mean in deviations of the trees."""
        return "trees do not vary" if math.isnan(self.deviations) else f"{self.deviations:+.1f} deviations"


@dataclass(frozen=True)
class Cell:
    """A configuration's test metric of one task over its splits; no gain of the trees themselves."""

    name: str
    mean: float
    low: float
    high: float
    splits: int
    gain: Gain | None

    @property
    def text(self) -> str:
        """The mean."""
        return f"{self.mean:{metric_format(self.mean)}}"

    @property
    def spread(self) -> str:
        """The lowest and the highest value."""
        form = metric_format(self.mean)
        return f"{self.low:{form}} to {self.high:{form}}"


@dataclass(frozen=True)
class Row:
    """A task's primary metric, a cell for each configuration."""

    task: str
    metric: str
    higher: bool
    cells: tuple[Cell, ...]

    @property
    def direction(self) -> str:
        """Which way is better."""
        return "higher is better" if self.higher else "lower is better"


@dataclass(frozen=True)
class Page:
    """All of it: the rows, the mean processor seconds by configuration, the number of splits, the command."""

    rows: tuple[Row, ...]
    seconds: dict[str, float]
    splits: int
    command: str

    @property
    def sentences(self) -> list[str]:
        """For each network, on how many targets it is level with the trees or better."""
        found = []
        for name in self.seconds:
            gains = [cell.gain for row in self.rows for cell in row.cells if cell.name == name and cell.gain]
            if gains:
                ahead, behind = (sum(sign * gain.deviations > 1 for gain in gains) for sign in (1, -1))
                alike = sum(math.isnan(gain.deviations) for gain in gains)
                unknown = f"; trees do not vary on {alike}, where this is not known" if alike else ""
                found.append(f"{name}: of {len(gains)} targets ahead of trees on {ahead}, behind on {behind}{unknown}")
        return found

    def fewer(self, cell: Cell) -> str:
        """How many splits a cell is of, where these are not all; then not its mean, but its gain is to be compared."""
        return f", of {cell.splits} only" if cell.splits < self.splits else ""

    @property
    def notes(self) -> list[str]:
        """How to read it."""
        return [
            f"Test rows of {self.splits} random splits: mean (lowest to highest). Below, better (+) or worse (-) than "
            "trees on the same splits: mean, its 95 % interval for the population, with the corrected variance of "
            "overlapping splits, each by itself; and the mean in standard deviations of the trees over the splits.",
            "Ahead and behind: by more than one of these deviations. Processor seconds are of a whole run, one thread.",
        ]


def page_of(table: pd.DataFrame, names: list[str], command: str) -> Page:
    """What runs say.

    Args:
        table: a row for each configuration, split and task.
        names: of the configurations, in this order.
        command: that made it.

    Returns:
        The page.
    """
    seconds = table.groupby(["configuration", "split"])["seconds"].first().groupby("configuration").mean()
    rows = []
    for (task, metric, higher), part in table.groupby(["task", "metric", "higher_is_better"], sort=False):
        wide = part.pivot(index="split", columns="configuration", values="test")
        sign, share = (1 if higher else -1), part["test_share"].mean()
        cells = tuple(_cell(name, wide, sign, share) for name in names)
        rows.append(Row(task, metric, bool(higher), cells))
    return Page(tuple(rows), {name: float(seconds[name]) for name in names}, table["split"].nunique(), command)


def _cell(name: str, wide: pd.DataFrame, sign: int, share: float) -> Cell:
    values, trees = wide[name].dropna(), wide[REFERENCE]
    gain = None
    if name != REFERENCE:
        difference = (sign * (values - trees)).dropna()
        found = over_splits(difference, share)
        form = metric_format(values.mean())
        gain = Gain(found.mean, *found.interval(ALPHA), deviations(difference, trees), form)
    return Cell(name, values.mean(), values.min(), values.max(), len(values), gain)


def deviations(difference: pd.Series, trees: pd.Series) -> float:
    """Mean difference in standard deviations of the trees over the splits, NaN where these do not vary."""
    spread = trees.std()
    return float(difference.mean() / spread) if spread > 0 else math.nan


def markdown(page: Page) -> str:
    """The page as text."""
    head = "| task, metric | " + " | ".join(page.seconds) + " |"
    lines = ["# Networks beside boosted trees", "", f"    {page.command}", ""]
    lines += [*(f"- {sentence}" for sentence in page.sentences), "", *page.notes, ""]
    lines += [head, "|---|" + "---|" * len(page.seconds)]
    for row in page.rows:
        cells = [f"{c.text} ({c.spread}{page.fewer(c)})" for c in row.cells]
        lines += [f"| {row.task}, {row.metric} ({row.direction}) | " + " | ".join(cells) + " |"]
        gains = [cell.gain for cell in row.cells]
        texts = [f"{gain.interval}, {gain.in_deviations}" if gain else "" for gain in gains]
        lines += ["| | " + " | ".join(texts) + " |"]
    lines += ["| seconds | " + " | ".join(f"{value:.0f}" for value in page.seconds.values()) + " |", ""]
    return "\n".join(lines)


def html(page: Page) -> str:
    """The page for a browser; it needs nothing else, and every text in it is escaped."""
    loader = ChoiceLoader([FileSystemLoader(Path(__file__).parent), PackageLoader("mtl.comparison.report", "")])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("page.html").render(page=page)
