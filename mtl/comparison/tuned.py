"""Which values of a grid validation chose for each configuration, as its runs have them."""

from collections.abc import Mapping
from typing import Any

from mtl.comparison.types import Comparison, Row
from mtl.config.study import TREES

RATE = "optimizer.lr"  # of which every task may have one of its own where nothing is shared


def tuned_values(row: Row, comparison: Comparison) -> dict[str, Any]:
    """By key of the grid the value that the runs of a configuration have; of a learning rate that of each task.

    Args:
        row: of the comparison.
        comparison: all of it.

    Returns:
        The values; none where nothing was tuned, and none of trees, whose values are no part of the grid.
    """
    if row.model == TREES:
        return {}
    config = row.records[0].config
    found = {key: at(config, key) for key in comparison.design.grid}
    if RATE in found and config.get("rates"):
        found[RATE] = dict(config["rates"])
    return found


def at(config: Mapping[str, Any], key: str) -> Any:
    """The value of a dotted key; None where there is none, as of a key that is no part of a run's id."""
    node: Any = config
    for part in key.split("."):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node
