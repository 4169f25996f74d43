"""What was written down of a table is checked against what its fields say."""

import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl.suites.table.encoding import Encoding
from mtl.suites.table.suite import from_statistics
from mtl.suites.table.targets import Target

FRAME = pd.DataFrame({"n": [0.5, 1.0, 2.0, 4.0], "c": list("abab"), "t": ["2024-01-01", "2024-01-02"] * 2})
KINDS = {"n": "number", "c": "category", "t": "time"}
TARGET = Target("task", "y", "regression", knots=(0.0, 1.0))
WRONG = ("x", None, [], {}, [None], ["x", {}], float("nan"), True)


def written() -> dict[str, Any]:
    encoding = Encoding.fit(FRAME, KINDS, 5, "quantile")
    types = [{"name": "t", "type": "time"}]
    found: dict[str, Any] = json.loads(
        json.dumps({"targets": [TARGET.plain()], "columns": encoding.plain(), "types": types})
    )
    return found


def test_what_was_written_down_is_read() -> None:
    targets, encoding, types, _ = from_statistics(written())
    assert targets == (TARGET,)
    assert encoding == Encoding.fit(FRAME, KINDS, 5, "quantile")
    assert list(types) == ["t"]


def read(found: dict[str, Any]) -> Encoding | None:
    """The encoding that was written down; None where it is refused."""
    try:
        return from_statistics(found)[1]
    except (ValueError, KeyError, TypeError):  # which are said as damage of the file
        return None


@given(st.data(), st.sampled_from(WRONG))
def test_a_value_of_another_kind_is_refused_or_the_table_is_encoded(data: st.DataObject, wrong: object) -> None:
    """Nothing else is raised, and not later."""
    found = written()
    entry = data.draw(st.sampled_from([*found["targets"], *found["columns"], *found["types"]]))
    entry[data.draw(st.sampled_from(sorted(entry)))] = wrong
    encoding = read(found)
    if encoding is not None:
        frame = FRAME.rename(columns=dict(zip(KINDS, [column.name for column in encoding.columns], strict=True)))
        assert encoding.encode(frame).shape == (4, len(encoding.features))


@pytest.mark.parametrize("knots", [[0.0, None], [0.0, "x"], [[], 1.0], [0.0, float("inf")]])
def test_knots_that_are_no_numbers_are_refused(knots: list[Any]) -> None:
    found = written()
    found["columns"][0]["knots"] = knots
    with pytest.raises(ValueError, match=r"^knots: "):
        from_statistics(found)
