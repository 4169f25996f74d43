"""All numbers of a comparison: configurations x tasks against the single-task baseline, with cost."""

from collections.abc import Mapping, Sequence

from mtl.comparison.design import Design
from mtl.comparison.judge import Judge
from mtl.comparison.labels import unique_labels
from mtl.comparison.records import Record
from mtl.comparison.types import Comparison, Rules
from mtl.errors import InputError


def compare(
    records: Sequence[Record],
    rules: Rules | None = None,
    names: Mapping[str, str] | None = None,
    design: Design | None = None,
) -> Comparison:
    """Compare runs of one question (see :func:`mtl.comparison.records.read`).

    Args:
        records: finished runs, each configuration and seed once.
        rules: when a difference counts.
        names: labels by configuration id, where better ones are known than those derived from the configs.
        design: how the comparison is decided; None: by one look at all the runs.

    Returns:
        Gains over the baseline with their evidence, fronts and costs.

    Raises:
        InputError: no runs, or no single-task baseline that shares a seed with a multi-task configuration.
    """
    if not records:
        raise InputError("nothing to compare: no finished run")
    return Judge.of(records, rules or Rules(), design).comparison(unique_labels(records, names))
