"""What the entries of a comparison stand for: models, weightings, grids of values, splits of a seed."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from mtl.config.number_types import floating
from mtl.config.override_checks import TYPED, check_type
from mtl.config.overrides import parse_override, to_plain
from mtl.config.run_config import RunConfig
from mtl.config.study import BASELINE, MERGED, TREES
from mtl.errors import InputError

SEEDED = ("random", "group")  # ways to divide rows that depend on a seed

# Options that name the test, of which another seed would draw nothing, or a part: what a comparison says of variances
# over seeds is not corrected for rows that all tests share
NAMES_TEST = {
    "path_test": "the test rows are those of task.path_test, whatever the seed",
    "path_later": "the test is a part of the rows of task.path_later, and all others are trained on, whatever the seed",
    "test": "the test rows are those of task.test, whatever the seed",
}

# What some names of models stand for; the baseline learns every task alone, whatever groups the runs are to have
SHORTHANDS = {
    "grouped": "hard grouping=auto",
    BASELINE: "single_task grouping=null",
    TREES: "trees grouping=null",
    MERGED: "merged grouping=null",
}


WEIGHTS = "weighting.weights"  # the key in which the points of a front differ

# Where keys are said that are not an entry's own
ELSEWHERE = {
    "model": "models=[...]",
    "weighting": "weightings=[...]",
    "seed": "seeds=[...]",
    "output": "output=<directory> of all runs",
    "resume": "none, since the same command goes on",
}


def as_trained(overrides: Sequence[str]) -> list[str]:
    """The overrides that all runs share, with ``improve=none`` unless they say something of ``improve``.

    A search on the outcome of acting begins where the training ended, and hides what the trainings differ in.
    """
    typed = {parse_override(text).key_or_group.partition(".")[0] for text in overrides}
    return [*overrides, *([] if "improve" in typed else ["improve=none"])]


def overrides_for(group: str, text: str) -> list[str]:
    """The overrides that an entry such as ``gated model.experts=8`` stands for.

    InputError for one that is not an entry's own: another would take its place, and the label would name it.
    """
    given, *rest = text.split()
    for part in rest:
        found = parse_override(part)
        where = ELSEWHERE.get(found.key_or_group)
        if where is not None and found.package is None:  # not a part of the entry, as weighting@weighting.inner is
            raise InputError(f"'{text}': {part} is not an entry's own: expected {where}")
    name, *meant = SHORTHANDS.get(given, given).split()
    return [f"{group}={name}", *meant, *rest]


def shorten_entry(text: str) -> str:
    """An entry as part of a label: of each override the last word of its key, and the value as it is."""
    name, *rest = text.split()
    parts = [part.partition("=") for part in rest]
    return " ".join([name, *(f"{key.rpartition('.')[2]}{sign}{value}" for key, sign, value in parts)])


def front_points(entry: str, tasks: Sequence[str], parts: int) -> dict[str, str]:
    """The entries that an entry such as ``front weighting.normalise=loss_scale`` stands for.

    Args:
        entry: of ``weightings``.
        tasks: their names.
        parts: of weight, each of which goes to a task.

    Returns:
        An entry for each point of the grid, and what it is called in short: ``front 1:2:3`` has the weights of the
        tasks in this proportion.

    Raises:
        InputError: the entry says the weights itself, which are what its points differ in, or there are more tasks than
            parts.
    """
    _, *rest = entry.split()
    for part in rest:
        if parse_override(part).key_or_group.startswith(WEIGHTS):
            raise InputError(f"'{entry}': a front has weights of its own: expected 'fixed {part}' for one choice")
    return {
        " ".join(["fixed", point, *rest]): shorten_entry(" ".join([f"front {':'.join(map(str, sizes))}", *rest]))
        for sizes, point in zip(divisions(len(tasks), parts), simplex(tasks, parts), strict=True)
    }


def weights_of(point: str) -> Any:
    """The weights of an entry that :func:`front_points` made."""
    return to_plain(parse_override(point.split()[1]).value())


def divisions(count: int, parts: int) -> list[tuple[int, ...]]:
    """Every way to divide so many equal parts among ``count`` that each gets one or more."""
    cuts = combinations(range(1, parts), count - 1)
    return [tuple(b - a for a, b in zip((0, *cut), (*cut, parts), strict=True)) for cut in cuts]


def simplex(tasks: Sequence[str], parts: int) -> list[str]:
    """Overrides for every way to divide ``parts`` equal parts of weight among K tasks, each of which gets at least one.

    Weights are scaled to sum K, as those of other weightings. InputError if there are more tasks than parts.
    """
    if parts < len(tasks):
        raise InputError(f"front={parts}: expected {len(tasks)} or more, one part for each task")
    out = []
    for sizes in divisions(len(tasks), parts):
        pairs = ",".join(f"{task}:{size * len(tasks) / parts:.6g}" for task, size in zip(tasks, sizes, strict=True))
        out.append(f"{WEIGHTS}={{{pairs}}}")
    return out


def with_split_seed(task: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The config of a suite whose split is drawn with this seed. InputError if it draws none."""
    out = dict(task)
    for key, why in NAMES_TEST.items():
        if isinstance(out.get(key), str | list) and out[key]:
            raise InputError(f"data=resplit: {why}")
    split = out.get("split")
    if isinstance(split, Mapping) and "seed" in split:
        if split.get("by", "random") not in SEEDED:
            raise InputError(f"data=resplit: rows that are divided by {split['by']} can be divided in one way only")
        out["split"] = {**split, "seed": seed}
    elif "seed" in out:
        out["seed"] = seed
    else:
        raise InputError("data=resplit: this suite has no seed of its split, neither task.seed nor task.split.seed")
    return out


def value_of(config: RunConfig, key: str) -> Any:
    """The value of a dotted key that the config has."""
    node: Any = config.model_dump(by_alias=True)
    for part in key.split("."):
        node = node[part]
    return node


def with_values(config: RunConfig, values: dict[str, Any]) -> RunConfig:
    """A config with these values by dotted key. InputError if there is no such key."""
    out = config.model_dump(by_alias=True)
    for key, value in values.items():
        *parents, last = key.split(".")
        node: Any = out
        for parent in parents:
            node = node.get(parent) if isinstance(node, dict) else None
        if not isinstance(node, dict) or last not in node:
            raise InputError(f"grid: the runs have no key '{key}'")
        if parents and parents[0] not in TYPED:  # whose values the typed configuration checks
            check_type(f"grid: {key}", node[last], value)
        node[last] = floating(value, node[last])
    return RunConfig.read(out)
