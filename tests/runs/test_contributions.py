"""Contributions read back as they were written; a file that is anything else is refused in one line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mtl.errors import InputError
from mtl.runs.checksums import FILE as CHECKSUMS
from mtl.runs.contributions import Contributions, Outcome, read_contributions, write_contributions

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
VALUES = st.floats(-1e6, 1e6) | st.just(float("nan"))
OUTCOME = Outcome("profit", True, np.array([1.0, -0.5, np.pi]), 7.5)


def example(outcome: Outcome | None = OUTCOME) -> Contributions:
    return Contributions({"a": np.array([0.0, 1.0, np.nan]), "b": np.full(3, np.nan)}, outcome)


@given(st.data(), st.lists(NAMES, unique=True, max_size=4), st.integers(1, 6))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, data: Any, names: list[str], m: int) -> None:
    """Whatever tasks are called, and whichever rows have no label."""
    tasks = {name: data.draw(arrays.arrays(np.float64, m, elements=VALUES)) for name in names}
    path = tmp_path_factory.mktemp("run") / "contributions.npz"
    groups = data.draw(st.none() | arrays.arrays(np.int64, m)) if names else None
    weights = data.draw(st.none() | arrays.arrays(np.float64, m, elements=st.floats(0, 1e6))) if names else None
    write_contributions(path, Contributions(tasks, None, groups, weights))
    found = read_contributions(path, names, m)
    assert list(found.tasks) == names
    np.testing.assert_equal(found.groups, groups)
    np.testing.assert_equal(found.weights, weights)
    assert found.outcome is None
    for name, values in tasks.items():
        spread = np.nanmax(np.abs(values - np.nanmean(values)), initial=0.0) if np.isfinite(values).any() else 0.0
        np.testing.assert_allclose(found.tasks[name], values, rtol=1e-12, atol=2e-7 * spread + 1e-12)


def test_small_differences_of_large_values_are_kept(tmp_path: Path) -> None:
    values = 1e9 + np.random.default_rng(0).normal(size=1000)
    write_contributions(tmp_path / "c.npz", Contributions({"a": values}, None))
    found = read_contributions(tmp_path / "c.npz").tasks["a"]
    assert found.mean() == pytest.approx(values.mean(), rel=1e-15)
    assert np.abs(found - values).max() < 1e-6


@pytest.mark.parametrize("groups", [None, np.array([3, 3, 0, 1, 1, 1, 2])], ids=["alone", "groups"])
@pytest.mark.parametrize("scale", [None, 0.25])
def test_the_outcome_is_kept_exactly(tmp_path: Path, scale: float | None, groups: np.ndarray | None) -> None:
    values = np.random.default_rng(0).normal(size=7)
    name = "" if groups is None else "ab12"
    write_contributions(tmp_path / "c.npz", example(Outcome("Gewinn, €", False, values, scale, groups, name)))
    found = read_contributions(tmp_path / "c.npz").outcome
    assert found is not None
    assert (found.name, found.higher_is_better, found.scale) == ("Gewinn, €", False, scale)
    np.testing.assert_array_equal(found.values, values)
    np.testing.assert_equal(found.groups, groups)
    assert found.instances == name


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inhomogeneous"):
        write_contributions(tmp_path / "c.npz", Contributions({"a": np.zeros(2), "b": np.zeros(3)}, None))
    assert not list(tmp_path.iterdir())


def without_checksum(path: Path) -> Path:
    """The file alone, so that what it holds is looked at, and not refused for another checksum than was noted."""
    (path.parent / CHECKSUMS).unlink()
    return path


def rewritten(path: Path, **changes: np.ndarray | None) -> None:
    """The file with some arrays replaced, or left out where None."""
    with np.load(path) as old:
        new = {name: old[name] for name in old.files} | changes
    np.savez(path, **{name: values for name, values in new.items() if values is not None})


DAMAGE: dict[str, dict[str, Any]] = {
    "no tasks": {"tasks": None},
    "no means": {"means": None},
    "other shapes": {"means": np.zeros(3)},
    "deviations in one list": {"deviations": np.zeros(6, np.float32)},
    "other types": {"deviations": np.zeros((2, 3), np.int64)},
    "objects": {"tasks": np.array(["a", None], dtype=object)},
    "names that are numbers": {"tasks": np.arange(2)},
    "the same name twice": {"tasks": np.array(["a", "a"])},
    "no groups, as of older versions": {"groups": None},
    "groups of other rows": {"groups": np.zeros(2, np.int64)},
    "groups that are names": {"groups": np.array(["a", "b", "c"])},
    "outcome without a name": {"outcome_name": None},
    "outcome in a table": {"outcome_values": np.zeros((2, 2))},
    "groups of other instances": {"outcome_groups": np.zeros(2, dtype=np.int64)},
    "weights of other rows": {"weights": np.ones(2)},
    "weights that are whole numbers": {"weights": np.ones(3, np.int64)},
    "means in single precision": {"means": np.zeros(2, np.float32)},
    "names in a table": {"tasks": np.array([["a"], ["b"]])},
    "groups in a table": {"groups": np.zeros((3, 1), np.int64)},
    "groups of instances that are names": {"outcome_groups": np.array(["a", "b", "c"])},
    "whole numbers as outcomes": {"outcome_values": np.zeros(3, np.int64)},
    "an outcome where nobody acted": {"acted": np.array(False)},
    "an array too many": {"more": np.zeros(3)},
    "scale in a list": {"outcome_scale": np.zeros(2)},
}


@pytest.mark.parametrize("damage", [*DAMAGE, "cut", "text", "empty"])
def test_a_damaged_file_is_said_in_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "contributions.npz"
    write_contributions(path, example())
    content = without_checksum(path).read_bytes()
    if damage in DAMAGE:
        rewritten(path, **DAMAGE[damage])
    else:
        path.write_bytes({"cut": content[: len(content) // 2], "text": b"not an archive", "empty": b""}[damage])
    with pytest.raises(InputError, match=r"contributions\.npz' is damaged") as raised:
        read_contributions(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("place", range(0, 1450, 29))
def test_a_changed_byte_is_refused_or_harmless(tmp_path: Path, place: int) -> None:
    path = tmp_path / "contributions.npz"
    write_contributions(path, example())
    content = bytearray(without_checksum(path).read_bytes())
    content[place % len(content)] ^= 0xFF
    path.write_bytes(content)
    try:
        found = read_contributions(path)
    except InputError:
        return
    assert found.outcome is not None
    assert found.outcome.values.tolist() == OUTCOME.values.tolist()


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"keeps no contributions\.npz: train it again"):
        read_contributions(tmp_path / "contributions.npz")


def test_a_file_of_other_tasks_or_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "contributions.npz"
    write_contributions(path, example())
    read_contributions(path, ["a", "b"], 3)
    for tasks, rows in ((["a"], 3), (["b", "a"], 3), (["a", "b"], 4)):
        with pytest.raises(InputError, match=r"is of other (tasks|rows)"):
            read_contributions(path, tasks, rows)


def test_a_whole_file_with_other_numbers_is_not_the_one_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "contributions.npz"
    write_contributions(path, example())
    rewritten(path, means=np.array([0.25, np.nan]))
    with pytest.raises(InputError, match=r"contributions\.npz' is damaged: its checksum is not the one"):
        read_contributions(path)
    assert read_contributions(without_checksum(path)).tasks["a"][1] == pytest.approx(0.75)
