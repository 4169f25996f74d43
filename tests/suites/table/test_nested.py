"""Lists and records in cells: their text does not depend on the cells beside them."""

import pyarrow
import pytest

from mtl.suites.table.nested import texts_of_nested

LIST = pyarrow.list_(pyarrow.int64())
RECORD = pyarrow.struct([("a", pyarrow.int64()), ("b", LIST)])


@pytest.mark.parametrize(
    ("kind", "cells", "other"),
    [
        (LIST, [[1, 2], None, []], [None, 3]),
        (RECORD, [{"a": 1}, None, {"b": [1]}], {"a": None, "b": [None]}),
        (pyarrow.list_(pyarrow.string()), [["x", "y"], ["x"]], [None]),
        (pyarrow.map_(pyarrow.string(), pyarrow.int64()), [[("k", 1)], []], [("l", None)]),
    ],
)
def test_a_cell_has_one_text_whatever_stands_beside_it(kind: pyarrow.DataType, cells: list, other: object) -> None:
    alone = [texts_of_nested(pyarrow.chunked_array([[cell]], kind))[0] for cell in cells]
    beside = texts_of_nested(pyarrow.chunked_array([[*cells[:1]], [*cells[1:], other]], kind))
    assert beside.tolist()[:-1] == alone
    assert [text is None for text in alone] == [cell is None for cell in cells]
