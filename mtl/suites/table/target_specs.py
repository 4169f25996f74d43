"""What a user specifies of targets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any

from mtl.errors import InputError, unknown

NUMERIC = ("regression", "count", "quantiles", "survival")  # kinds whose labels are numbers
KINDS = ("binary", "classes", "ordinal", *NUMERIC)
FITS = {  # by key, the kinds that it is for
    "positive": ("binary", "survival"),
    "weights": ("binary", "classes"),
    "smoothing": ("binary", "classes"),
    "order": ("ordinal",),
    "transform": ("regression",),
    "clamp": ("regression", "count", "quantiles"),
    "levels": ("quantiles",),
    "event": ("survival",),
    "given": ("binary",),
}
KEYS = ("column", "kind", "primary", *FITS)
LEVELS = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class TargetSpec:
    """A target as the user specifies it.

    Attributes:
        column: name of the column.
        kind: one of :data:`KINDS`.
        positive: of a binary target or an event, the value that means yes; empty: found by its name.
        clamp: of numbers, predictions are limited to the range of the training labels.
        primary: the metric by which it is compared; empty: that of its kind.
        balanced: the losses of classes are weighted so that each class counts as much as any other.
        smoothing: of the labels of classes, as of :func:`~mtl.tasks.classification`.
        transform: ``log`` of a regression, whose ``log(1 + y)`` is then learned; ``quantile``: its normal scores; else
            empty.
        order: of an ordinal target, its values from low to high; empty: they are numbers.
        levels: of quantiles, increasing, each above 0 and below 1.
        event: of a time until an event, the column that says whether it came.
        given: of a binary target, the task whose yes it needs; empty: none.
    """

    column: str
    kind: str
    positive: str = ""
    clamp: bool = False
    primary: str = ""
    balanced: bool = False
    smoothing: float = 0.0
    transform: str = ""
    order: tuple[str, ...] = ()
    levels: tuple[float, ...] = ()
    event: str = ""
    given: str = ""


def parse_targets(given: Mapping[str, str | Mapping[str, Any]]) -> dict[str, TargetSpec]:
    """Targets by task name, from ``{column: kind}`` or ``{task: {column: ..., kind: ..., ...}}``.

    A task is named like its column, with underscores for what a name cannot hold.

    Args:
        given: the targets as a config has them.

    Returns:
        What the user specifies of every target.

    Raises:
        InputError: no target, an unknown kind or key, two tasks of one name.
    """
    if not given:
        raise InputError("task.targets is empty: name what to predict, e.g. 'task.targets={churn: binary}'")
    check_targets(given, "task.targets")
    found: dict[str, TargetSpec] = {}
    for key, value in given.items():
        entry = {"kind": value} if not isinstance(value, Mapping) else value
        for word in entry:
            if word not in KEYS:
                raise unknown(f"key of target '{key}'", word, KEYS)
        if entry.get("kind") not in KINDS:
            raise unknown(f"kind of target '{key}'", str(entry.get("kind")), KINDS)
        task = identifier(str(key))
        if task in found:
            raise InputError(
                f"task.targets: two targets are named '{task}': name one as {{other: {{column: '{key}'}}}}"
            )
        found[task] = _spec(str(key), entry)
    for task, spec in found.items():
        if spec.given:
            _check_given(task, spec.given, found)
    return found


def _check_given(task: str, given: str, found: Mapping[str, TargetSpec]) -> None:
    """InputError if what a target needs is no other target of yes and no."""
    if given not in found:
        raise unknown(f"task in 'given' of target '{task}'", given, found)
    if given == task or found[given].kind != "binary":
        raise InputError(f"target '{task}': given={given}: expected another target of kind binary")


def _spec(key: str, entry: Mapping[str, Any]) -> TargetSpec:
    """InputError for a value that a key does not take."""
    kind, given = str(entry["kind"]), {word: value for word, value in entry.items() if value is not None}
    for word, (what, fits) in EXPECTED.items():
        if word in given and given[word] is not False and not (kind in FITS[word] and fits(given[word])):
            raise InputError(
                f"target '{key}': {word}={given[word]}: expected {what}, of kind {' or '.join(FITS[word])}"
            )
    if kind == "survival" and "event" not in given:
        raise InputError(
            f"target '{key}': kind survival needs the column that says whether the event came: event: <column>"
        )
    levels = given.get("levels", LEVELS if kind == "quantiles" else ())
    return TargetSpec(
        str(given.get("column", key)),
        kind,
        str(given.get("positive", "")),
        bool(given.get("clamp", False)),
        str(given.get("primary") or ""),
        "weights" in given,
        float(given.get("smoothing", 0.0)),
        str(given.get("transform") or ""),
        tuple(map(str, given.get("order", ()))),
        tuple(map(float, levels)),
        str(given.get("event", "")),
        str(given.get("given", "")),
    )


def _are_levels(value: object) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return False
    if not all(isinstance(one, int | float) and 0 < one < 1 for one in value):
        return False
    return list(value) == sorted(set(value))


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1


def _are_values(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and len(set(map(str, value))) == len(value) > 1


# By key, what is expected, in words and as a check
EXPECTED: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "clamp": ("true or false", lambda value: isinstance(value, bool)),
    "weights": ("weights=balanced", lambda value: value == "balanced"),
    "smoothing": ("a number, 0 or more and below 1, such as 0.1", _is_share),
    "transform": ("transform=log or transform=quantile", lambda value: value in ("log", "quantile")),
    "levels": ("increasing numbers above 0 and below 1, such as [0.1,0.5,0.9]", _are_levels),
    "event": ("a column", lambda value: not isinstance(value, Mapping | list)),
    "given": ("the name of another task", lambda value: isinstance(value, str)),
    "order": ("its values from low to high, each once", _are_values),
    "positive": ("a value", lambda value: not isinstance(value, Mapping | list)),
}


def check_targets(given: object, where: str) -> None:
    """InputError if the targets say no kind of each."""
    if not isinstance(given, Mapping):
        raise InputError(f"{where}={given}: expected a kind for each column, e.g. '{where}={{churn: binary}}'")


def identifier(text: str) -> str:
    """A text as the name of a task: letters, digits, underscores; no keyword."""
    name = "".join(c if f"_{c}".isidentifier() else "_" for c in text) or "target"
    name = name if name.isidentifier() else f"_{name}"
    return f"{name}_" if iskeyword(name) else name
