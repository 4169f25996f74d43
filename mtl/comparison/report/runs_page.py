"""Runs as one HTML page that needs nothing else, with a filter for each column."""

from collections.abc import Mapping, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined


def runs_page(title: str, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str:
    """The page; every text in it is escaped.

    Args:
        title: where the runs are.
        columns: in this order.
        rows: a text for each column.

    Returns:
        HTML.
    """
    environment = Environment(
        loader=PackageLoader("mtl.comparison.report", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("runs.html").render(title=title, columns=columns, rows=rows)
