"""A search in Optuna's storage: what is asked next, what an interruption leaves, and what is refused."""

import json
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mtl.config.search_settings import Search, SearchSettings
from mtl.config.search_space import Choice, Dimension, Range
from mtl.errors import InputError
from mtl.runs.lock import machine_id
from mtl.sweep.search_study import DEATHS, FAILURES, SearchStudy, fruitless_deaths

pytest.importorskip("optuna", minversion="5", reason="the extra tune is not installed")

SPACE: list[Dimension] = [Range("optimizer.lr", 1e-4, 1e-1, log=True), Choice("weighting", ("equal", "pcgrad"))]
JOURNAL, DATABASE = None, "sqlite:///{}/search.db"


def search(output: Path, storage: str | None = None, fixed: tuple[str, ...] = (), **values: Any) -> Search:
    settings: dict[str, Any] = {
        "trials": 6,
        "sampler": "tpe",
        "pruner": "median",
        "startup": 2,
        "search_seed": 0,
        "workers": 0,
    }
    given = SearchSettings.read({"name": None, "storage": storage and storage.format(output), **settings, **values})
    return Search(given, "test", str(output), list(fixed), SPACE)


def score(trial: Any) -> float:
    return abs(trial.params["optimizer.lr"] - 0.01) + (trial.params["weighting"] == "equal")


def complete(study: SearchStudy, most: int = 100) -> None:
    """Train what is left, at once."""
    for _ in range(most):
        with study.claim() as trial:
            if trial is None:
                return
            study.study.tell(trial, score(trial))


def validations(study: SearchStudy, scores: list[float]) -> int | None:
    """Train a trial with these validation scores; the epochs after which it is pruned, if it is."""
    from optuna.trial import TrialState

    with study.claim() as trial:
        assert trial is not None
        for epochs, one in enumerate(scores, start=1):
            study.report(trial, epochs, one)
            if trial.should_prune():
                study.study.tell(trial, state=TrialState.PRUNED)
                return epochs
        study.study.tell(trial, min(scores))
    return None


def test_halving_ends_what_is_not_in_the_best_quarter(tmp_path: Path) -> None:
    """After 4, 16, 64 epochs, by the best score until then; the first trials are trained to their end."""
    study = SearchStudy(search(tmp_path, pruner="halving", trials=20))
    assert [validations(study, [start] * 16) for start in (0.5, 0.4)] == [None, None]  # of which two are startup
    assert validations(study, [0.6] * 16) == 4
    assert validations(study, [0.3, 0.7, 0.7, 0.7, 0.7]) is None  # its first score is the best of all
    assert validations(study, [0.9, 0.9, 0.9, 0.2] + [0.9] * 12) is None
    assert validations(study, [0.1]) is None  # it came less far, and is nothing to compare with
    assert validations(study, [0.25] * 15 + [0.1]) == 4
    assert validations(study, [0.2] * 15 + [0.3]) is None  # as good as the best
    assert validations(study, [0.2] * 15 + [0.1]) is None
    assert validations(study, [0.2] * 16) == 16


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of SQLAlchemy's pool, which is closed with the process
@pytest.mark.parametrize("storage", [JOURNAL, DATABASE], ids=["journal", "database"])
def test_an_interrupted_search_draws_what_an_uninterrupted_one_does(tmp_path: Path, storage: str | None) -> None:
    """Interrupted within a trial, and again by a death: every object is that of a new process."""
    whole = SearchStudy(search(tmp_path / "whole"))
    complete(whole)
    place = tmp_path / "parts"
    place.mkdir()
    complete(SearchStudy(search(place, storage)), 2)
    with pytest.raises(KeyboardInterrupt), SearchStudy(search(place, storage)).claim():
        raise KeyboardInterrupt
    complete(SearchStudy(search(place, storage)), 1)
    dying = SearchStudy(search(place, storage))
    with dying.claim() as trial:
        assert trial is not None
        lock = dying.directory / f"trial-{trial.number}.lock"
        lock.write_text(json.dumps({"machine": machine_id(), "pid": 2**22 + 1, "started": 0.0}))
        assert dying.left() == 3  # the dead one, and two that were not begun
        complete(SearchStudy(search(place, storage)))
    found = SearchStudy(search(place, storage))
    assert [one.params for one in found.trials] == [one.params for one in whole.trials]
    assert [one.value for one in found.trials] == [one.value for one in whole.trials]
    assert len(found.trials) == 6
    assert found.best is not None
    assert found.best.value == min(map(score, found.trials))


class Killed(BaseException):
    """Stands for the end of a process."""


WRITES = [("set_trial_param", 1), ("set_trial_param", 2), ("create_new_trial", 1), ("set_trial_state_values", 1)]


@pytest.mark.parametrize(("method", "calls"), WRITES)
def test_a_search_that_is_killed_while_it_writes_draws_what_another_one_does(
    method: str, calls: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a value of a trial, or between the steps by which the trial of a dead process is put back."""
    from optuna.storages import JournalStorage

    whole = SearchStudy(search(tmp_path / "whole"))
    complete(whole)
    place = tmp_path / "parts"
    complete(SearchStudy(search(place)), 1)
    dying = SearchStudy(search(place))
    with dying.claim() as trial:
        assert trial is not None
        lock = dying.directory / f"trial-{trial.number}.lock"
        lock.write_text(json.dumps({"machine": machine_id(), "pid": 2**22 + 1, "started": 0.0}))
        write, left = getattr(JournalStorage, method), [calls]

        def write_and_die(*arguments: Any, **more: Any) -> Any:
            out = write(*arguments, **more)
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            return out

        with monkeypatch.context() as killing:
            killing.setattr(JournalStorage, method, write_and_die)
            with pytest.raises(Killed):
                complete(SearchStudy(search(place)))
        complete(SearchStudy(search(place)))
    found = SearchStudy(search(place))
    assert [(one.params, one.value) for one in found.trials] == [(one.params, one.value) for one in whole.trials]


def test_a_trial_that_goes_on_has_the_validations_before_it(tmp_path: Path) -> None:
    """Twice interrupted; the last validation of the first came after the checkpoint that the second begins at."""
    study = SearchStudy(search(tmp_path))

    def interrupted(reports: dict[int, float]) -> None:
        with study.claim() as trial:
            assert trial is not None
            for epochs, value in reports.items():
                study.report(trial, epochs, value)
                study.report(trial, epochs, value + 1)  # once
            raise KeyboardInterrupt

    for reports in ({1: 0.9, 2: 0.8, 3: 0.7}, {3: 0.6}):
        with pytest.raises(KeyboardInterrupt):
            interrupted(reports)
    with study.claim() as trial:
        assert trial is not None
        study.report(trial, 2, 0.8)
        assert study.study.get_trials()[trial.number].intermediate_values == {1: 0.9, 2: 0.8}
        study.report(trial, 4, 0.5)
        assert study.study.get_trials()[trial.number].intermediate_values == {1: 0.9, 2: 0.8, 3: 0.6, 4: 0.5}
        study.study.tell(trial, 0.5)


def test_what_a_process_left_that_was_killed_when_its_trial_was_done_is_removed(tmp_path: Path) -> None:
    study = SearchStudy(search(tmp_path))
    complete(study, 1)
    lock = study.directory / "trial-0.lock"
    lock.write_text(json.dumps({"machine": machine_id(), "pid": 2**22 + 1, "started": 0.0}))
    complete(study, 1)
    assert not lock.exists()
    assert [one.state.name for one in study.trials] == ["COMPLETE"] * 2


def test_a_lock_of_the_journal_that_a_killed_process_left_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After half a minute of Optuna's, which a clock here lets pass at once; with a relative path, as it is typed."""
    from optuna.storages.journal import _file

    monkeypatch.chdir(tmp_path)
    study = SearchStudy(search(Path("outputs")))
    backend = study.study._storage._backend
    assert backend._lock.acquire()  # and never released
    passed = iter(range(0, 10**9, 20))
    monkeypatch.setattr(_file.time, "monotonic", lambda: float(next(passed)))
    monkeypatch.setattr(_file.time, "sleep", lambda seconds: None)
    complete(study, 1)
    assert [one.state.name for one in study.trials] == ["COMPLETE"]


def test_a_trial_is_held_by_one_process(tmp_path: Path) -> None:
    one, other = SearchStudy(search(tmp_path, trials=2)), SearchStudy(search(tmp_path, trials=2))
    with one.claim() as first, other.claim() as second, one.claim() as third:
        assert first is not None
        assert second is not None
        assert third is None
        assert first.number != second.number
        for study, trial in ((one, first), (other, second)):
            study.study.tell(trial, 1.0)


def test_where_values_can_be_counted_none_are_tried_twice(tmp_path: Path) -> None:
    """Interrupted in each trial it draws the same; it ends when there is nothing more."""
    space = [Range("model.experts", 2, 4, 2), Choice("weighting", ("equal", "pcgrad"))]

    def begin(place: str, trials: int = 20) -> SearchStudy:
        return SearchStudy(search(tmp_path / place, trials=trials)._replace(space=space))

    def train(study: SearchStudy, most: int = 9) -> None:
        for _ in range(most):
            with study.claim() as trial:
                if trial is None:
                    return
                study.study.tell(trial, trial.params["model.experts"])

    whole = begin("whole")
    assert (whole.asked, whole.left(), whole.size) == (4, 4, 4)
    train(whole)
    found = [tuple(whole.overrides(one)) for one in whole.trials]
    assert len(set(found)) == len(found) == whole.asked == 4
    for number in range(4):
        parts = begin("parts")
        with pytest.raises(KeyboardInterrupt), parts.claim():
            raise KeyboardInterrupt
        assert parts.left() == 4 - number
        train(begin("parts"), 1)
    assert [one.params for one in begin("parts").trials] == [one.params for one in whole.trials]
    train(begin("few", 2))
    assert [one.params for one in begin("few", 2).trials] == [one.params for one in whole.trials[:2]]


@pytest.mark.parametrize(
    ("steps", "fruitless"),
    [
        ((), 0),
        ((None,), 1),
        ((3,), 0),
        ((3, 3), 1),
        ((3, 2, None), 2),
        ((3, 4), 0),
        ((3, 3, 4), 0),
        ((3, 3, 4, 4, 4), 2),
        ((5, 4, 5), 2),
    ],
)
def test_deaths_that_count_came_no_further_than_those_before(steps: tuple[int | None, ...], fruitless: int) -> None:
    trials: Any = [SimpleNamespace(last_step=step) for step in steps]
    assert fruitless_deaths(trials) == fruitless


def test_values_that_can_be_counted() -> None:
    from optuna.distributions import FloatDistribution, IntDistribution

    from mtl.sweep.search_untried import values_of

    assert values_of(FloatDistribution(0.1, 0.3, step=0.1)) == [0.1, 0.2, pytest.approx(0.3)]
    assert list(values_of(IntDistribution(16, 18, log=True)) or ()) == [16, 17, 18]
    assert values_of(FloatDistribution(0.1, 0.3)) is None


def test_more_trials_go_on(tmp_path: Path) -> None:
    complete(SearchStudy(search(tmp_path, trials=2)))
    more = SearchStudy(search(tmp_path, trials=3))
    assert more.left() == 1
    complete(more)
    assert len(more.trials) == 3


def test_it_ends_where_the_first_trials_have_all_failed(tmp_path: Path) -> None:
    study = SearchStudy(search(tmp_path, trials=20))
    while study.left():
        with study.claim() as trial:
            assert trial is not None
            study.study.tell(trial, state=type(study.trials[-1].state).FAIL)
    assert len(study.trials) == FAILURES
    assert study.best is None


@pytest.mark.parametrize("validated", [0, 2])
def test_values_that_kill_their_processes_fail(validated: int, tmp_path: Path) -> None:
    """Each process is gone as soon as it has begun, or first comes an epoch further: its lock is that of a dead one."""
    held = []
    for number in range(validated + DEATHS + 1):
        study = SearchStudy(search(tmp_path, trials=1))
        held.append(study.claim())  # kept, since what ends in order is put back
        trial = held[-1].__enter__()
        if trial is None:
            break
        if number < validated:
            trial.report(1.0, number + 1)
        lock = study.directory / f"trial-{trial.number}.lock"
        lock.write_text(json.dumps({"machine": machine_id(), "pid": 2**22 + 1, "started": 0.0}))
    assert len(held) == validated + DEATHS + 1
    assert trial is None
    assert [one.state.name for one in study.trials] == ["FAIL"]


def test_what_cannot_be_gone_on_with_is_refused(tmp_path: Path) -> None:
    SearchStudy(search(tmp_path)).check_data("some rows")
    with pytest.raises(InputError, match=r"^name=test: the search of this name is about other overrides or ranges"):
        SearchStudy(search(tmp_path, fixed=("epochs=3",)))
    with pytest.raises(InputError, match=r"^the data has changed since search 'test' was begun"):
        SearchStudy(search(tmp_path)).check_data("other rows")
    with pytest.raises(InputError, match=r"^storage=nonsense://\*\*\*@x cannot be used: ") as error:
        SearchStudy(search(tmp_path, "nonsense://me:geheim@x"))
    assert "geheim" not in str(error.value)


def test_what_is_left_is_found_where_the_sampler_draws_nothing_new() -> None:
    """Whichever of the configurations it is, and wherever one begins to look; a new one that is drawn is taken."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    from mtl.sweep.search_untried import DRAWS, Untried

    space = {"a": CategoricalDistribution(("x", "y")), "b": IntDistribution(1, 3)}
    every = [{"a": a, "b": b} for a in ("x", "y") for b in (1, 2, 3)]
    drawn: list[dict[str, Any]] = []

    def draw(*_: object) -> dict[str, Any]:
        drawn.append({"a": every[len(drawn) % 6]["a"]})  # "b" by itself, as of the first trials
        return drawn[-1]

    sampler: Any = SimpleNamespace(
        infer_relative_search_space=lambda *_: {}, sample_relative=draw, sample_independent=lambda *_: 1
    )
    study: Any = None
    for seed, left in product(range(3), every):
        drawn.clear()
        untried = Untried(sampler, space, {"a": ("x", "y"), "b": range(1, 4)}, lambda one, own=left: one != own, seed)
        assert untried.infer_relative_search_space(study, study) == space
        assert untried.sample_relative(study, study, space) == left
        assert len(drawn) == (DRAWS if left["b"] != 1 else 1 if left["a"] == "x" else 4)
    none_left = Untried(sampler, space, {"a": ("x", "y"), "b": range(1, 4)}, lambda _: True, 0)
    assert none_left.sample_relative(study, study, space)["b"] == 1
