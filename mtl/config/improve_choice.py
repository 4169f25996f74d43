"""The way to improve a finished run that the keys which are typed name, if only one has them. Imports no torch."""

import sys
from collections.abc import Sequence

from mtl.config.improve_config import ImproveConfig
from mtl.config.override_errors import options_with
from mtl.config.overrides import parse_override

GROUP = "improve"  # of the config, and its file of what is asked for
IN_ROUNDS = "rounds"  # a key of every option by which a finished run can be improved


def option_of_keys(given: Sequence[str]) -> list[str]:
    """The override that chooses the one option with the keys that are typed; a line says so.

    Args:
        given: overrides of ``conf/improve.yaml``.

    Returns:
        The override; none where an option is typed, or several options have these keys, or none has.
    """
    keys = [parse_override(text).key_or_group.partition(".")[0] for text in given]
    if GROUP in keys:
        return []
    keys = [key for key in keys if key not in ImproveConfig.model_fields and key.partition("/")[0] != "hydra"]
    found = set(options_with(GROUP, IN_ROUNDS)).intersection(*(options_with(GROUP, key) for key in keys))
    if len(found) != 1:
        return []
    (option,) = found
    sys.stderr.write(f"{GROUP}={option}, as it has {' and '.join(keys)}; {GROUP}@_global_=... chooses another way\n")
    return [f"{GROUP}@_global_={option}"]
