"""Catalogued runs as rows of texts, by the columns of :mod:`mtl.cli.runs`."""

from collections.abc import Sequence
from typing import Any

from mtl.cli.override_text import content_of, typed_options
from mtl.comparison.catalogue import CataloguedRun
from mtl.config.folders import main_file
from mtl.config.literals import override_argument
from mtl.config.run_config import RunConfig

GROUPS = ("task", "model", "encoder", "weighting", "optimizer", "scheduler")
# Top-level values that say how a run was trained; what a suite prefers is among what differs from conf/config.yaml
KEYS = (
    *("epochs", "steps", "patience", "validate_every", "selection", "batch_size", "accumulate", "gradient_clip"),
    *("compile", "tasks", "auxiliary", "grouping", "rates", "finish_heads", "second_cooldown", "shrinkage"),
)


def rows_of(runs: Sequence[CataloguedRun]) -> list[dict[str, str]]:
    """A row for each run."""
    return [_row(one) for one in runs]


def _row(run: CataloguedRun) -> dict[str, str]:
    result = run.result
    row = {name: run.choices.get(name, "") for name in (*GROUPS, "seed")}
    row |= {"run": run.path, "state": f"{run.state}: {run.problem}" if run.problem else run.state}
    row["verdicts"] = ", ".join(f"{name}: {outcome}" for name, outcome in run.verdicts.items())
    row["finished"] = f"{run.finished:%Y-%m-%d %H:%M}" if run.finished else ""
    row["test"] = ", ".join(f"{name} {_number(value)}" for name, value in run.metrics.items())
    row |= dict.fromkeys(("score", "seconds", "steps", "parameters", "settings"), "")
    if result is not None:
        row["score"] = _number(result.metrics["val"].score)
        row["seconds"] = f"{result.seconds.fit:.1f}"
        row["steps"], row["parameters"] = str(result.steps), str(result.parameters.total)
        row["settings"] = " ".join(settings(result.config))
    return row


def settings(config: RunConfig) -> list[str]:
    """What a run was told beside its options: overrides of the options' keys, and of keys of ``conf/config.yaml``."""
    values, usual = config.model_dump(), content_of(main_file("config"))
    nodes: dict[str, Any] = {group: (getattr(config.choices, group), values[group]) for group in GROUPS}
    said = [text for group, (option, node) in nodes.items() for text in typed_options(group, option, node)]
    return [*said, *(override_argument(key, values[key]) for key in KEYS if values[key] != usual.get(key))]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
