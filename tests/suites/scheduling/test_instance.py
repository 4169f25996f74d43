"""Instances: the published ones, files, names, and what is wrong with bad ones in one clear line."""

from pathlib import Path

import numpy as np
import pytest

from mtl.errors import InputError
from mtl.suites.scheduling.generate import taillard
from mtl.suites.scheduling.instance import JobShop, parse
from mtl.suites.scheduling.published import published, select

# The 3 x 3 example below, in the standard format.
GOOD = "# comment\n3 3\n0 3 1 2 2 2\n\n0 2 2 1 1 4\n1 4 2 3 0 1\n"


def test_published_instances_are_those_of_the_literature() -> None:
    known = published()
    assert len(known) == 162
    assert known["ft06"].best_known == 55  # Fisher & Thompson 1963: the optimum is 55
    assert known["ft10"].best_known == 930
    assert known["ft20"].best_known == 1165
    assert known["ta01"].best_known == 1231  # Taillard 1993
    assert (known["ta80"].jobs, known["ta80"].operations) == (100, 20)
    assert known["ft06"].durations[0].tolist() == [1, 3, 6, 7, 3, 6]
    assert known["ft06"].machines[0].tolist() == [2, 0, 1, 3, 5, 4]
    for instance in known.values():
        assert instance.lower_bound is not None
        assert instance.best_known is not None
        assert instance.trivial_bound <= instance.lower_bound <= instance.best_known


def test_gap() -> None:
    assert published()["ft06"].gap(66) == pytest.approx(0.2)
    unknown = JobShop("new", np.array([[2, 3]]), np.array([[0, 1]]))
    assert unknown.best_known is None
    assert unknown.gap(10) == pytest.approx(1.0)  # one job of 5


@pytest.mark.parametrize(
    ("selectors", "names"),
    [
        ("ft06", ["ft06"]),
        ("ta01..ta03", ["ta01", "ta02", "ta03"]),
        ("ta09..10", ["ta09", "ta10"]),
        ("ft*", ["ft06", "ft10", "ft20"]),
        (["la02", "ft06, la02"], ["la02", "ft06"]),
        ("yn[12]", ["yn1", "yn2"]),
    ],
)
def test_select(selectors: str | list[str], names: list[str]) -> None:
    assert [instance.name for instance in select(selectors)] == names


@pytest.mark.parametrize(
    ("selectors", "message"),
    [
        ("ft6", "unknown instance 'ft6': did you mean 'ft06'"),
        ("ta79..ta81", "unknown instance 'ta81'"),
        ("ta10..ta01", "range 'ta10..ta01': expected first..last"),
        ("ta01..la10", "expected first..last of one family"),
        ("ta01..", "expected first..last"),
        ("zz*", "unknown instance pattern"),
        (" , ", "none named"),
        ("nowhere/x.txt", "no such file"),
    ],
)
def test_select_says_what_is_wrong(selectors: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        select(selectors)


def test_parse(tmp_path: Path) -> None:
    file = tmp_path / "small.txt"
    file.write_text(GOOD)
    instance = parse(file)
    assert instance.name == "small"
    assert instance.durations.tolist() == [[3, 2, 2], [2, 1, 4], [4, 3, 1]]
    assert instance.machines.tolist() == [[0, 1, 2], [0, 2, 1], [1, 2, 0]]
    assert select([str(file), "ft06"])[0].durations.sum() == 22


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ":1: expected 'jobs machines', found an empty file"),
        ("3\n", ":1: expected 'jobs machines'"),
        ("0 3\n", ":1: expected 'jobs machines'"),
        (GOOD.replace("0 2 2 1", "0 two 2 1"), ":5: expected whole numbers, found '0 two"),
        (GOOD.replace("0 2 2 1 1 4", "0 2 2 1 1"), ":5: expected 3 pairs .* found 5"),
        (GOOD.replace("0 2 2 1", "2 2 2 1"), r":5: expected each machine 0..2 exactly once, found \[2, 2, 1\]"),
        (GOOD.replace("1 4 2 3", "1 -4 2 3"), ":6: durations must not be negative, found -4"),
        (GOOD.replace("1 4 2 3", f"1 {10**20} 2 3"), f":6: durations must be below 16777216, found {10**20}"),
        (GOOD.replace("1 4 2 3 0 1\n", ""), ":5: expected 3 job lines after the first line, found 2"),
        (GOOD + "0 1 1 1 2 1\n", ":7: expected 3 job lines after the first line, found 4"),
    ],
)
def test_parse_names_file_line_and_rule(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "bad.txt"
    file.write_text(text)
    with pytest.raises(InputError, match=r"bad\.txt" + message):
        parse(file)


def test_a_binary_file_is_no_instance(tmp_path: Path) -> None:
    file = tmp_path / "bad.txt"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read as text"):
        parse(file)


@pytest.mark.parametrize(
    ("durations", "machines", "message"),
    [
        ([[1, 2]], [[0, 0]], "job 0: visits machines"),
        ([[1, -2]], [[0, 1]], "must not be negative"),
        ([[1, 2]], [[0, 1, 2]], "two equal, non-empty matrices"),
        ([[0, 0]], [[0, 1]], "total duration 0"),
        ([[2**24, 1]], [[0, 1]], "total duration"),
    ],
)
def test_not_a_job_shop(durations: list[list[int]], machines: list[list[int]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        JobShop("bad", np.array(durations), np.array(machines))


def test_generation_depends_on_its_arguments_alone() -> None:
    first, again = taillard(3, 0, 7), taillard(3, 0, 7)
    assert np.array_equal(first.durations, again.durations)
    assert np.array_equal(first.machines, again.machines)
    for other in (taillard(3, 0, 8), taillard(3, 1, 7), taillard(4, 0, 7)):
        assert first.durations.shape != other.durations.shape or (first.durations != other.durations).any()


def test_generation_follows_taillards_distribution() -> None:
    many = [taillard(0, 0, i, (2, 4), (3, 3)) for i in range(600)]
    durations = np.concatenate([instance.durations.ravel() for instance in many])
    assert (durations.min(), durations.max()) == (1, 99)
    spread = (99**2 - 1) / 12  # variance of the uniform distribution on 1..99
    assert durations.mean() == pytest.approx(50, abs=4 * (spread / durations.size) ** 0.5)
    assert {instance.jobs for instance in many} == {2, 3, 4}
    first = np.concatenate([instance.machines[:, 0] for instance in many])
    assert np.bincount(first) / first.size == pytest.approx(np.full(3, 1 / 3), abs=4 * (2 / 9 / first.size) ** 0.5)


def test_generation_rejects_an_empty_range() -> None:
    with pytest.raises(InputError, match=r"jobs=\[4, 2\]"):
        taillard(0, 0, 0, jobs=(4, 2))
