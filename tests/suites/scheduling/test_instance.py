"""Instances: the published ones, files, names, and what is wrong with bad ones in one clear line."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl.errors import InputError
from mtl.suites.scheduling.generate import taillard
from mtl.suites.scheduling.instance import JobShop
from mtl.suites.scheduling.published import published, select
from mtl.suites.scheduling.reference import one_machine_bound


def test_published_instances_are_those_of_the_literature() -> None:
    known = published()
    assert len(known) == 162
    assert known["ft06"].best_known == 55  # Fisher & Thompson 1963: the optimum is 55
    assert known["ft10"].best_known == 930
    assert known["ft20"].best_known == 1165
    assert known["ta01"].best_known == 1231  # Taillard 1993
    assert (known["ta80"].jobs, known["ta80"].machine_count) == (100, 20)
    assert known["ft06"].durations[0].tolist() == [1, 3, 6, 7, 3, 6]
    assert known["ft06"].machines[0].tolist() == [2, 0, 1, 3, 5, 4]
    for instance in known.values():
        assert instance.lower_bound is not None
        assert instance.best_known is not None
        assert instance.trivial_bound <= instance.machine_bound <= instance.best_known
        assert instance.lower_bound <= instance.best_known
        assert instance.classical
    kinds = [instance.reference.kind for instance in known.values()]
    assert (kinds.count("optimum"), kinds.count("best known")) == (131, 31)


def test_makespans_that_are_better_known_replace_those_of_the_package() -> None:
    assert published()["ta34"].reference == (1828, "optimum", "")
    assert published()["ta49"].reference == (1963, "best known", "")


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
        ("FT06", "unknown instance 'FT06': did you mean 'ft06'"),
        ("tests", "instances=tests: a folder; expected the path of each file in it"),
        ("tests/", "instance file tests: a folder, expected a file"),
        ("tests/*.csv", r"instances=tests/\*.csv: patterns are of published instances; expected the path of each file"),
    ],
)
def test_select_says_what_is_wrong(selectors: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        select(selectors)


@pytest.mark.parametrize(
    ("durations", "machines", "message"),
    [
        ([[1, 2]], [[-1, 0]], "job 0: expected one operation or more, without gaps"),
        ([[1, 2], [0, 0]], [[0, 1], [-1, -1]], "job 1: expected one operation or more"),
        ([[1, 2]], [[0, -1]], "job 0: expected one operation or more, without gaps"),
        ([[1, -2]], [[0, 1]], "must not be negative"),
        ([[1, 2]], [[0, 1, 2]], "two equal matrices"),
        ([[0, 0]], [[0, 1]], "total duration 0"),
        ([[2**24, 1]], [[0, 1]], "total duration"),
    ],
)
def test_not_a_job_shop(durations: list[list[int]], machines: list[list[int]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        JobShop("bad", np.array(durations), np.array(machines))


def test_names_and_bounds_have_to_fit() -> None:
    durations, machines = np.array([[1, 2]]), np.array([[0, 1]])
    with pytest.raises(InputError, match="visits machines"):
        JobShop("bad", durations, machines, machine_names=("saw",))
    with pytest.raises(InputError, match="two machines have one name"):
        JobShop("bad", durations, machines, machine_names=("saw", "saw"))
    with pytest.raises(InputError, match="names of 2 jobs, expected 1"):
        JobShop("bad", durations, machines, job_names=("a", "b"))
    with pytest.raises(InputError, match="bounds 4 and 3"):
        JobShop("bad", durations, machines, upper_bound=3, lower_bound=4)
    with pytest.raises(InputError, match="best known makespan 2 is below 3"):
        JobShop("bad", durations, machines, upper_bound=2)


@pytest.mark.parametrize(
    ("upper", "lower", "source", "expected"),
    [
        (5, 5, "known", (5, "optimum", "")),
        (6, 5, "known", (6, "best known", "")),
        (4, None, "known", (4, "optimum", "")),  # met by the machine's own bound
        (None, 5, "CP-SAT", (5, "lower bound", "CP-SAT")),
        (None, 3, "CP-SAT", (4, "lower bound", "one machine")),
        (None, None, "known", (4, "lower bound", "one machine")),
    ],
    ids=str,
)
def test_a_reference_says_what_it_is(
    upper: int | None, lower: int | None, source: str, expected: tuple[int, str, str]
) -> None:
    # Two jobs, each 2 on machine 0 and 2 on machine 1 in opposite order: the optimum is 4.
    shop = JobShop("a", np.full((2, 2), 2), np.array([[0, 1], [1, 0]]), upper, lower, lower_bound_source=source)
    assert shop.reference == expected
    assert shop.gap(8) == pytest.approx(8 / expected[0] - 1)


def test_the_bound_of_one_machine_by_hand() -> None:
    """The operation that needs most afterwards interrupts the long one: 0-2, then 2-3 with 9 after it, 3-7 and 1."""
    assert one_machine_bound(np.array([0, 2]), np.array([6, 1]), np.array([1, 9])) == 12
    assert one_machine_bound(np.array([], int), np.array([], int), np.array([], int)) == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=7))
def test_the_bound_of_one_machine_is_the_largest_of_all_sets_of_operations(
    operations: list[tuple[int, int, int]],
) -> None:
    """Independent reference: Carlier's formula over every subset."""
    subsets = (
        [operations[i] for i in range(len(operations)) if chosen >> i & 1] for chosen in range(1, 1 << len(operations))
    )
    best = max(min(o[0] for o in s) + sum(o[1] for o in s) + min(o[2] for o in s) for s in subsets)
    assert one_machine_bound(*(np.array(column) for column in zip(*operations, strict=True))) == best


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


def test_a_path_is_told_from_a_name_by_being_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is called; a published instance of the same name needs the file's folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "my..shop", "a,b", "ft06", "la*"):
        (tmp_path / name).write_text("1 1\n0 7\n")
    for word in ("mine", "my..shop", "a,b", "./ft06", "la*", str(tmp_path / "mine")):
        assert [instance.durations.tolist() for instance in select(word)] == [[[7]]]
    assert select("ft06")[0].jobs == 6
    assert [instance.name for instance in select(["mine,la01", "a,b"])] == ["mine", "la01", "a,b"]
    with pytest.raises(InputError, match="unknown instance 'mine2'"):
        select("mine2")
