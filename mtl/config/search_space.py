"""What a search for hyper-parameters varies: overrides with several values or a range, in Hydra's language.

Imports neither torch nor Optuna.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from hydra.core.override_parser.types import Glob, IntervalSweep, Override, RangeSweep

from mtl.config.compose import check_overrides
from mtl.config.equal_numbers import whole_as_integers
from mtl.config.fields import Mark
from mtl.config.overrides import parse_override
from mtl.config.run_config import RunConfig
from mtl.errors import InputError

Number = int | float
DIGITS = 4  # of a number that is drawn: enough to find it again, and short enough to be typed
# Keys that change no number, and the one on whose luck nothing should depend
UNSEARCHED = {
    name
    for name, field in RunConfig.model_fields.items()
    if not any(isinstance(mark, Mark) and mark.identity for mark in field.metadata)
}
WHAT_COUNTS = ("tasks", "auxiliary")  # which tasks are learned, and which of them count in the score


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both of them included.

    Attributes:
        key: as it is typed, with the plus sign of a key that is new.
        low: the least; a whole number where all are.
        high: the largest.
        step: between two of them; None: any number between.
        log: drawn evenly on a logarithmic scale.
    """

    key: str
    low: Number
    high: Number
    step: Number | None = None
    log: bool = False

    def override(self, value: Number) -> str:
        """The override for a value that was drawn, rounded to what a person would type."""
        if isinstance(self.low, int):
            return f"{self.key}={round(value)}"
        short = float(f"{value:.{DIGITS if self.step is None else 12}g}")
        return f"{self.key}={short if self.low <= short <= self.high else value}"

    @property
    def ends(self) -> tuple[str, ...]:
        """Overrides of the smallest and the largest value."""
        return self.override(self.low), self.override(self.high)


@dataclass(frozen=True)
class Choice:
    """One of some values, of any kind.

    Attributes:
        key: as it is typed.
        values: as they are typed.
    """

    key: str
    values: tuple[str, ...]

    def override(self, value: str) -> str:
        """The override for one of the values."""
        return f"{self.key}={value}"

    @property
    def ends(self) -> tuple[str, ...]:
        """An override of each value."""
        return tuple(map(self.override, self.values))


Dimension = Range | Choice


def read_space(overrides: Sequence[str]) -> tuple[list[str], list[Dimension]]:
    """Divide overrides into those of every trial and what is searched.

    Args:
        overrides: as typed.

    Returns:
        Overrides with one value, and a dimension for each of the others.

    Raises:
        InputError: nothing is searched; a range is empty, or there is no logarithm of it; a key of which a search makes
            no sense; a value that its key does not take.
    """
    fixed, space = [], []
    for text in overrides:
        override = parse_override(text)
        if override.is_sweep_override():
            space.append(_dimension(text, override))
        else:
            fixed.append(text)
    keys = [parse_override(text).key_or_group.lstrip("+") for text in overrides]
    for one in space:
        if keys.count(one.key.lstrip("+")) > 1:
            raise InputError(f"{one.key} is searched and given once more: expected it once")
    if not space:
        raise InputError(
            "nothing to search: give a key several values or a range, such as model=hard,gated or "
            "'optimizer.lr=tag(log,interval(1e-4,1e-2))'"
        )
    _check_values(fixed, space)
    return fixed, space


def _dimension(text: str, override: Override) -> Dimension:
    top = override.key_or_group.partition(".")[0]
    if top == "seed":
        raise InputError(f"'{text}': a search would find the luckiest seed; give one, and confirm with mtl compare")
    if top in WHAT_COUNTS:
        raise InputError(
            f"'{text}': the score is of the tasks that count, so that with other tasks it cannot be compared; expected "
            f"one value of {top} in each search"
        )
    if top in UNSEARCHED:
        raise InputError(f"'{text}': {top} changes no number, so there is nothing to search")
    key, value = override.get_key_element(), override.value()
    if isinstance(value, Glob):
        raise InputError(f"'{text}': expected the options one by one, such as {key}=a,b")
    if isinstance(value, IntervalSweep):
        return _range(text, Range(key, _number(value.start), _number(value.end), None, "log" in value.tags))
    if isinstance(value, RangeSweep):
        found = [_number(one) for one in value.range()]
        if not found:
            raise InputError(f"'{text}': the range is empty")
        log = "log" in value.tags
        whole = isinstance(found[0], int)
        if log and not (whole and value.step == 1):
            raise InputError(f"'{text}': a logarithmic range has no step: use tag(log,interval(...))")
        return _range(text, Range(key, found[0], found[-1], value.step, log))
    values = tuple(override.sweep_string_iterator())
    unlike = {repr(whole_as_integers(parse_override(f"{key}={one}").value())) for one in values}
    if len(unlike) < max(len(values), 2):
        raise InputError(f"'{text}': expected at least two values, each once")
    return Choice(key, values)


def _number(value: object) -> Number:
    return value if isinstance(value, int) else float(cast(float, value))


def _range(text: str, found: Range) -> Range:
    if not found.low < found.high:
        raise InputError(f"'{text}': expected a smaller and a larger number, in this order")
    if found.log and found.low <= 0:
        raise InputError(f"'{text}': a logarithmic range begins above 0")
    return found


def _check_values(fixed: Sequence[str], space: Sequence[Dimension]) -> None:
    """Raise InputError for a value that its key does not take; of a range its ends are tried."""
    swept = [f"{one.key}={','.join(end.partition('=')[2] for end in one.ends)}" for one in space]
    try:
        check_overrides([*fixed, *swept], "config")
    except InputError as error:
        floats = [
            one for one in space if isinstance(one, Range) and isinstance(one.low, float) and one.low == int(one.low)
        ]
        said = next((one.key for one in floats if str(error).startswith(f"{one.key}=") and "whole" in str(error)), None)
        hint = "; whole numbers are drawn by int(interval(...)) or range(...)" if said else ""
        raise InputError(f"{error}{hint}") from None
