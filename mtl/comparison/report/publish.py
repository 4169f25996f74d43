"""A comparison as files: a page, Markdown, tables, a summary for programs, figures, and a dashboard."""

import shutil
from pathlib import Path

from mtl.comparison.report.content import Report
from mtl.comparison.report.dashboard import write_dashboard
from mtl.comparison.report.drawing import SvgFigure
from mtl.comparison.report.figures import draw_figures, tags_of_figures
from mtl.comparison.report.markdown import markdown
from mtl.comparison.report.page import html
from mtl.comparison.report.tables import results, summary
from mtl.runs.files import write_json, write_text


def publish(directory: Path, report: Report) -> list[SvgFigure]:
    """Write report.html, report.md, results.parquet, results.csv, summary.json, figures/ and tensorboard/.

    Args:
        directory: where to; files of an earlier report there are replaced.
        report: what is shown.

    Returns:
        The figures.
    """
    comparison = report.comparison
    directory.mkdir(parents=True, exist_ok=True)
    logs = write_dashboard(directory / "tensorboard", comparison, tags_of_figures(comparison))
    drawn = draw_figures(comparison, logs)
    figures = directory / "figures"
    shutil.rmtree(figures, ignore_errors=True)
    figures.mkdir()
    for one in drawn:
        write_text(figures / f"{one.name}.svg", one.standalone())
    table = results(comparison)
    table.to_parquet(directory / "results.parquet", index=False)
    table.to_csv(directory / "results.csv", index=False)
    write_json(directory / "summary.json", summary(report.name, comparison, report.verdict, report.problems))
    write_text(directory / "report.md", markdown(report, drawn))
    write_text(directory / "report.html", html(report, drawn))
    return drawn
