"""Tables that are wider than the terminal."""

from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from mtl.config.block_table import MOST, BlockTable, balanced

LONG = ["quarterly_customer_churn_probability", "mean_time_between_failures_in_hours", "客户的季度消费金额总和的对数值"]
INTERVAL = "-123.4 to +567.8"


def shown(names: list[str], width: int, *, terminal: bool) -> list[str]:
    table = BlockTable(title="the title", caption="the caption")
    for name in ("configuration", *names, "seeds"):
        table.add_column(f"{name}\nr2", overflow="fold")
    table.add_row("hard-gradnorm", *[f"+1.0 %\n{INTERVAL}"] * len(names), "3", style="red")
    text = StringIO()
    Console(file=text, width=width, force_terminal=terminal, color_system=None).print(table)
    return text.getvalue().splitlines()


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("names", [[f"task_{i:02}" for i in range(12)], LONG])
def test_names_and_numbers_stay_in_one_line(names: list[str], width: int, *, terminal: bool) -> None:
    lines = shown(names, width, terminal=terminal)
    assert max(map(cell_len, lines)) <= width
    text = "\n".join(lines)
    assert text.count(INTERVAL) == len(names)
    assert [text.count(name) for name in names if cell_len(name) <= MOST] == [1] * (12 if names != LONG else 0)
    parts = text.count("configuration")
    assert parts > 1 or (names == LONG and width == 120)
    assert text.count("hard-gradnorm") == parts  # each part says whose its numbers are
    assert (text.count("the title"), text.count("the caption"), text.count("seeds")) == (1, 1, 1)
    assert text.index("the title") < text.index(INTERVAL) < text.rindex(INTERVAL) < text.index("the caption")


def test_what_has_room_is_one_table() -> None:
    text = "\n".join(shown(["a", "b"], 80, terminal=False))
    assert text.count("configuration") == 1


def test_a_terminal_too_narrow_for_one_column_folds_and_loses_nothing() -> None:
    text = "\n".join(shown(["a"], 20, terminal=False))
    for word in ("-123.4", "+567.8"):
        assert word in "".join(letter for letter in text if letter not in "│ \n")


@given(st.lists(st.integers(1, 40), min_size=1, max_size=20), st.integers(-5, 120))
def test_blocks_hold_every_column_once_and_are_no_wider_than_the_room(widths: list[int], room: int) -> None:
    blocks = balanced(widths, room)
    assert [place for block in blocks for place in block] == list(range(len(widths)))
    assert all(len(block) == 1 or sum(widths[place] for place in block) <= room for block in blocks)
