"""What a report shows of tasks that were learned to help the others, and do not count."""

from mtl.comparison.report import number_format
from mtl.comparison.report.tables import auxiliary_values
from mtl.comparison.types import Comparison

AUXILIARY_TITLE = "Auxiliary tasks, which do not count"
AUXILIARY_NOTE = """\
Primary metric on test data: mean ± standard deviation over seeds. No gain, interval or choice is about these tasks."""


def auxiliary_heads(comparison: Comparison) -> list[str]:
    """A head for each auxiliary task, with its metric."""
    return [
        f"{task} ({facts.primary}, {'higher' if facts.higher_is_better else 'lower'} is better)"
        for task, facts in comparison.auxiliary.items()
    ]


def auxiliary_rows(comparison: Comparison) -> list[tuple[str, list[str]]]:
    """By label of each configuration that was measured on test, a cell for each auxiliary task."""
    rows = []
    for row in comparison.all_rows:
        if row.tested is not None:
            values = auxiliary_values(row)
            cells = [number_format.value(*values[task]) if task in values else "-" for task in comparison.auxiliary]
            rows.append((row.label, cells))
    return rows
