"""The order of a target's values: which comes first, and which of two means yes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mtl.errors import InputError, unknown
from mtl.suites.table.delimited import NUMBER
from mtl.suites.table.target_specs import TargetSpec

# Of a value from each of these, the first means yes; of any other pair that is no event, the second in order does
YES = {"yes", "y", "true", "t", "1", "positive", "ja", "oui", "si", "sí", "sim", "是"}
NO = {"no", "n", "false", "f", "0", "-1", "negative", "nein", "nee", "nej", "non", "não", "nao", "否"}


def ordered(texts: pd.Series) -> list[str]:
    """Distinct values, numbers by size and texts by alphabet."""
    first = np.flatnonzero(texts.notna() & ~texts.duplicated())
    found = list(texts.iloc[first])
    plain = all(NUMBER.fullmatch(text) for text in found)
    return sorted(found, key=lambda text: (float(text) if plain else 0.0, text))


def order_ordinal(values: Sequence[str], spec: TargetSpec, what: str) -> list[str]:
    """Values from low to high: as they are said, or as numbers. InputError where neither says it."""
    if spec.order:
        for value in values:
            if value not in spec.order:
                raise unknown(f"value of {what}, which 'order' has to name,", value, spec.order)
        return [value for value in spec.order if value in values]
    if all(NUMBER.fullmatch(value) for value in values):
        return list(values)
    shown = ", ".join(values[:5]) + (", ..." if len(values) > 5 else "")
    raise InputError(f"{what} is to be ordinal and has texts: say their order, from low to high: order: [{shown}]")


def order_binary(values: Sequence[str], spec: TargetSpec, what: str) -> list[str]:
    """Two values, the one that means yes last. InputError for events of which neither says it."""
    if spec.positive:
        if spec.positive not in values:
            raise unknown(f"positive value of {what}", spec.positive, values)
        return sorted(values, key=lambda value: value == spec.positive)
    if yes_and_no(values):
        return sorted(values, key=lambda value: value.lower() in YES)
    if spec.kind == "survival":
        raise InputError(
            f"{what} holds '{values[0]}' and '{values[1]}': say which of them means that the event came, such as "
            f"positive: {values[1]}"
        )
    return list(values)


def yes_and_no(values: Sequence[str]) -> bool:
    """Whether two values say by themselves which of them means yes."""
    one, other = (value.lower() for value in values)
    return (one in YES and other in NO) or (other in YES and one in NO)
