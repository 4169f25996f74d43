"""A first look at texts tells most of them apart from numbers, and passes over no number."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from mtl.suites.table.nearly import BEGINNING
from mtl.suites.table.numerals import POSSIBLE, WAYS, TextNumbers, look_like_numbers

# Of what numbers are written with, and of what makes a text none
PARTS = ["1", "23", "456", ".", ",", " ", "\u00a0", "'", "-", "+", "\u2212", "\u2013", "(", ")", "%", "$", "€", "EUR"]
TEXTS = st.lists(st.sampled_from([*PARTS, "x", "e5", "inf", "\n", "nan"]), min_size=1, max_size=5).map("".join)


@given(TEXTS, st.sampled_from(WAYS))
def test_no_number_is_passed_over_at_a_first_look(text: str, way: str) -> None:
    assert POSSIBLE.fullmatch(text) or TextNumbers(way).read(pd.Series([text], dtype=object)) is None


@given(TEXTS)
def test_what_looks_like_a_number_begins_like_one(text: str) -> None:
    assert BEGINNING.match(text) or not look_like_numbers(pd.Series([text], dtype=object)).item()
