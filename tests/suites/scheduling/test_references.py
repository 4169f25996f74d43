"""Reference schedules: right, the same everywhere, solved once, and safe against damage and company."""

import json
from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from mtl.errors import InputError
from mtl.suites.scheduling import references as module
from mtl.suites.scheduling.generate import taillard
from mtl.suites.scheduling.published import published
from mtl.suites.scheduling.references import references
from mtl.suites.scheduling.solver import Solution, feasible, solve

INSTANCES = [taillard(0, 0, i, (3, 4), (3, 4)) for i in range(5)]
LIMITS = [0.1] * len(INSTANCES)


@pytest.fixture
def solved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the instances that were solved, not read."""
    names: list[str] = []

    def counting(instance: object, limit: float, **more: object) -> Solution:
        names.append(instance.name)
        return solve(instance, limit, **more)

    monkeypatch.setattr(module, "solve", counting)
    return names


def assert_equal(first: list[Solution], second: list[Solution]) -> None:
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one.starts, other.starts)
        assert (one.makespan, one.bound) == (other.makespan, other.bound)


def test_the_solver_proves_a_known_optimum() -> None:
    solution = solve(published()["ft06"], limit=5.0)
    assert solution.optimal
    assert solution.makespan == 55
    assert feasible(published()["ft06"], solution.starts)


def test_the_solver_is_deterministic_when_stopped_early() -> None:
    instance = taillard(0, 0, 0, (12, 12), (12, 12))
    first, second = (solve(instance, limit=0.02) for _ in range(2))
    assert not first.optimal
    assert_equal([first], [second])


def test_without_any_schedule_found_jobs_run_one_after_the_other() -> None:
    instance = taillard(0, 0, 0, (15, 15), (15, 15))
    solution = solve(instance, limit=1e-9)
    assert feasible(instance, solution.starts)
    assert solution.bound >= instance.trivial_bound


def test_feasible_sees_each_kind_of_mistake() -> None:
    instance = published()["ft06"]
    good = solve(instance, limit=5.0).starts
    for change in (
        lambda starts: starts - 1,  # before the beginning
        lambda starts: starts[:, ::-1],  # routes backwards
        lambda starts: np.tile(starts[:1], (6, 1)),  # machines held twice
        lambda starts: starts[:, :5],  # not all
    ):
        assert not feasible(instance, change(good))
    assert feasible(instance, good + 5)


def test_solved_once_then_read(tmp_path: Path, solved: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    first = references(INSTANCES[:3], LIMITS[:3], tmp_path)
    assert len(solved) == 3
    assert capsys.readouterr().err.startswith("solving 3 reference schedules, once\n")  # before the first is solved
    again = references(INSTANCES, LIMITS, tmp_path, workers=1)
    assert solved[3:] == [instance.name for instance in INSTANCES[3:]]  # goes on where it stopped
    assert_equal(first, again[:3])
    assert not list(tmp_path.rglob("*.tmp"))


def test_another_limit_is_another_reference(tmp_path: Path, solved: list[str]) -> None:
    references(INSTANCES[:1], [0.1], tmp_path)
    references(INSTANCES[:1], [0.2], tmp_path)
    assert len(solved) == 2


def truncated(text: str) -> str:
    return text[: len(text) // 2]


def altered(text: str) -> str:
    return text.replace("0", "1")


def infeasible(text: str) -> str:
    """A schedule that is intact, but not one of this instance."""
    content = json.dumps({"starts": [[0] * 3] * 3, "bound": 1})
    return json.dumps({"sha256": module.hashlib.sha256(content.encode()).hexdigest(), "content": content})


def empty(text: str) -> str:
    return ""


def another_kind(text: str) -> str:
    return "[]"


@pytest.mark.parametrize("damage", [truncated, altered, infeasible, empty, another_kind])
def test_a_damaged_file_is_noticed_and_rebuilt(tmp_path: Path, solved: list[str], damage: Callable[[str], str]) -> None:
    first = references(INSTANCES[:2], LIMITS[:2], tmp_path)
    files = sorted(tmp_path.rglob("*.json"))
    before = files[0].read_text()
    files[0].write_text(damage(before))
    assert_equal(references(INSTANCES[:2], LIMITS[:2], tmp_path), first)
    assert len(solved) == 3
    assert files[0].read_text() == before


def test_several_first_runs_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: references(INSTANCES, LIMITS, tmp_path, workers=2), range(4)))
    for result in results[1:]:
        assert_equal(results[0], result)
    assert len(list((tmp_path / "scheduling").iterdir())) == len(INSTANCES)


def test_a_cache_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        references(INSTANCES, LIMITS, tmp_path / "file")


def test_a_search_that_is_stopped_gives_no_schedule() -> None:
    """At once, whatever its limit is; else the references would keep one that more time would have improved."""
    stop = Event()
    stop.set()
    with pytest.raises(CancelledError):
        solve(published()["ta51"], float("inf"), stop=stop)
