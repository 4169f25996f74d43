"""A comparison as files: a page, Markdown, tables, a summary for programs, figures, and a dashboard."""

import shutil
from pathlib import Path

from mtl.comparison.records import Problem
from mtl.comparison.report.curves import logs_of
from mtl.comparison.report.dashboard import write_dashboard
from mtl.comparison.report.drawing import Picture
from mtl.comparison.report.figures import pictures
from mtl.comparison.report.page import html, markdown
from mtl.comparison.report.tables import results, summary
from mtl.comparison.types import Comparison
from mtl.comparison.verdict import Verdict
from mtl.runs.files import write_json, write_text


def publish(
    directory: Path,
    comparison: Comparison,
    verdict: Verdict,
    problems: list[Problem],
    name: str,
    command: str = "",
) -> list[Picture]:
    """Write report.html, report.md, results.parquet, results.csv, summary.json, figures/ and tensorboard/.

    Args:
        directory: where to; files of an earlier report there are replaced.
        comparison: its numbers.
        verdict: what they say.
        problems: runs that failed or could not be used.
        name: of the comparison.
        command: that made the runs, if known.

    Returns:
        The figures.
    """
    directory.mkdir(parents=True, exist_ok=True)
    logs = {row.label: logs_of(row.records) for row in comparison.all_rows}
    drawn = pictures(comparison, logs)
    figures = directory / "figures"
    shutil.rmtree(figures, ignore_errors=True)
    figures.mkdir()
    for one in drawn:
        write_text(figures / f"{one.name}.svg", one.standalone())
    table = results(comparison)
    table.to_parquet(directory / "results.parquet", index=False)
    table.to_csv(directory / "results.csv", index=False)
    write_json(directory / "summary.json", summary(name, comparison, verdict, problems))
    write_text(directory / "report.md", markdown(name, command, comparison, verdict, problems, drawn))
    write_dashboard(directory / "tensorboard", comparison, logs)
    write_text(directory / "report.html", html(name, command, comparison, verdict, problems, drawn))
    return drawn
