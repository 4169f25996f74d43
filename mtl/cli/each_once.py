"""Values of a sweep that ask for one run twice, such as 0.01 and 1e-2: it is trained once, and a line says so."""

import sys
from collections.abc import Mapping, Sequence

from mtl.config.overrides import is_option
from mtl.config.run_config import RunConfig
from mtl.runs.identity import run_id

Values = Sequence[tuple[str, RunConfig]]  # each as ``key=value``, and the config with the first value of all other keys


def each_once(arguments: Sequence[str], swept: Mapping[str, Values]) -> list[str]:
    """The arguments of a sweep, each value once.

    Args:
        arguments: as typed.
        swept: by override with several values, these.

    Returns:
        The arguments; of values that give one run, the first one stays.
    """
    return [without_repetition(text, swept[text]) if swept.get(text) else text for text in arguments]


def without_repetition(text: str, values: Values) -> str:
    """The override without values that ask for what one before them does.

    A value that refers to another key may be something else beside other values of that, and two options are two.
    """
    kept: list[tuple[str, RunConfig]] = []
    for value, config in values:
        fixed = "$" not in value and not is_option(value)
        if any(value == one or (fixed and "$" not in one and alike(config, other)) for one, other in kept):
            sys.stderr.write(f"{text}: two values ask for the same runs, which are trained once\n")
        else:
            kept.append((value, config))
    if len(kept) == len(values):
        return text
    return f"{text.partition('=')[0]}={','.join(value.partition('=')[2] for value, _ in kept)}"


def alike(one: RunConfig, other: RunConfig) -> bool:
    """Whether two configs are one question, asked on the same hardware and in the same place."""
    elsewhere = (*RunConfig.resumable_keys(), "output", "resume")
    return run_id(one) == run_id(other) and all(getattr(one, key) == getattr(other, key) for key in elsewhere)
