"""What came of acting with the networks: what the configurations differ in, and what is the same for all."""

from mtl.comparison.report import number_format
from mtl.comparison.types import Comparison


def execution_columns(comparison: Comparison) -> list[str]:
    """Names of what came of acting, where the configurations differ."""
    same = constant_columns(comparison)
    names = dict.fromkeys(name for row in comparison.all_rows for name in row.execution)
    # How long the rules took that the agent is measured beside says nothing about a configuration
    return [name for name in names if name not in same and not name.endswith("_seconds")]


def constant_columns(comparison: Comparison) -> dict[str, float]:
    """What came of acting that no configuration changes, such as the gaps of rules; a sentence says them."""
    rows = [row.execution for row in comparison.all_rows]
    if len(rows) < 2:
        return {}
    return {name: value for name, value in rows[0].items() if all(row.get(name) == value for row in rows)}


def constants_sentence(comparison: Comparison) -> str:
    """What came of acting that is the same for all, in one sentence; empty if nothing is."""
    same = ", ".join(f"{name} {number_format.value(value)}" for name, value in constant_columns(comparison).items())
    return f"The same for all: {same}." if same else ""
