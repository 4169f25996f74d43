"""Names of configurations in tables and figures: no two are called the same."""

from collections import Counter
from collections.abc import Iterable, Mapping

from mtl.comparison.records import Record, flatten


def unique_labels(records: Iterable[Record], names: Mapping[str, str] | None = None) -> dict[str, str]:
    """A short readable name for each configuration, by its id: ``model-weighting`` where no better one is known.

    Unlike configurations may share a name, also a given one when several plans are put together. Each of them then gets
    the keys that tell it apart, and its id where no key does.

    Args:
        records: finished runs.
        names: better names, by configuration id.

    Returns:
        Names by configuration id, each one different.
    """
    one_each = {one.configuration: one for one in records}
    flat = {key: flatten(one.config) for key, one in one_each.items()}
    short = {key: (names or {}).get(key, f"{one.model}-{one.weighting}") for key, one in one_each.items()}
    found = {}
    for key, name in short.items():
        rivals = [flat[other] for other in short if short[other] == name]
        found[key] = " ".join([name, *differences(flat[key], rivals)])
    while repeated := {name for name, times in Counter(found.values()).items() if times > 1}:
        found = {key: f"{name} ({key})" if name in repeated else name for key, name in found.items()}
    return found


def differences(config: Mapping[str, str], rivals: Iterable[Mapping[str, str]]) -> list[str]:
    """What sets a config apart from its rivals, as ``key=value``; chosen options only where all values are equal."""
    rivals = list(rivals)
    differing = [key for key in config if key != "seed" and any(rival.get(key) != config[key] for rival in rivals)]
    values = [key for key in differing if not key.startswith("choices.")]
    return [f"{key}={config[key]}" for key in values or differing]
