"""The ledger of looks: what is planned is kept, and going on is no peeking."""

from pathlib import Path

import pytest

from mtl.comparison.design import Stopped
from mtl.comparison.statistics.looks import Look
from mtl.errors import InputError
from mtl.sweep.ledger import Ledger


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "new")
    ledger.choose("id", {"hard-equal": 0.5})
    ledger.take([3, 5], [2, 3, 4, 5, 6], {"hard-equal": [Look(3, 0.01, (-1.0, 1.0), "unclear")]})
    again = Ledger(tmp_path / "new")
    assert (again.chosen, again.screening, again.planned) == ("id", {"hard-equal": 0.5}, [3, 5])
    (look,) = again.taken
    assert (look["configuration"], look["seeds"], look["interval"]) == ("hard-equal", 3, [-1.0, 1.0])


def test_looks_cannot_be_planned_again_once_one_was_taken(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.check([5], [2, 3, 4, 5, 6])  # nothing was looked at yet
    ledger.take([3, 5], [2, 3, 4, 5, 6], {"x": [Look(3, 0.01, (-1.0, 1.0), "unclear")]})
    ledger.check([3, 5], [2, 3, 4, 5, 6])
    with pytest.raises(
        InputError, match=r"looks=\[8\]: this comparison has begun to look .* fresh seeds: first_seed=7"
    ):
        Ledger(tmp_path).check([8], [2, 3, 4, 5, 6, 7, 8, 9])


def test_what_another_command_has_written_meanwhile_stays(tmp_path: Path) -> None:
    """Two commands at one comparison: the first look fixes the plan for both, and something is chosen once."""
    first, second = Ledger(tmp_path), Ledger(tmp_path)
    first.choose("id", {"hard-equal": 0.5})
    second.choose("another", {"soft-equal": 0.7})
    stopped = [Stopped(name, name, 0, 0, 2, 0.5, 0.4, "run") for name in ("a", "b")]
    first.stop(stopped[:1])
    second.stop(stopped)
    first.take([3, 5], [2, 3, 4, 5, 6], {"x": [Look(3, 0.01, (-1.0, 1.0), "unclear")]})
    with pytest.raises(InputError, match=r"looks=\[4\]: this comparison has begun to look by looks=\[3, 5\]"):
        second.take([4], [2, 3, 4, 5], {"x": [Look(4, 0.04, (0.1, 1.0), "helps")]})
    for ledger in (second, Ledger(tmp_path)):
        assert (ledger.chosen, ledger.screening, ledger.planned) == ("id", {"hard-equal": 0.5}, [3, 5])
        assert ledger.stopped == stopped[:1]
        assert [look["seeds"] for look in ledger.taken] == [3]
    first.take([3, 5], [2, 3, 4, 5, 6], {"x": [Look(n, 0.01, (-1.0, 1.0), "unclear") for n in (3, 5)]})
    second.take([3, 5], [2, 3, 4, 5, 6], {"x": [Look(3, 0.01, (-1.0, 1.0), "unclear")]})  # comes later to less
    assert [look["seeds"] for look in Ledger(tmp_path).taken] == [3, 5]


@pytest.mark.parametrize(
    "text",
    ["{", '{"taken": 3}', '{"planned": ["x"]}', "[]", '{"taken": [{}]}'],
    ids=["cut", "kind", "word", "list", "no seeds"],
)
def test_a_damaged_ledger_is_named_and_not_begun_again(tmp_path: Path, text: str) -> None:
    (tmp_path / "looks.json").write_text(text)
    with pytest.raises(InputError, match=r"looks\.json' is damaged"):
        Ledger(tmp_path)
