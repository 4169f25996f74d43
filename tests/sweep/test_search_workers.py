"""What becomes of a trial whose training ends early."""

from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest

from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.sweep.search_study import RUN, SearchStudy
from mtl.sweep.search_workers import do_trial
from tests.support import tiny
from tests.sweep.test_search_study import search

pytest.importorskip("optuna", minversion="5", reason="the extra tune is not installed")


def interrupted(*words: str) -> NoReturn:
    """As where a signal comes in the midst of a library, which makes an error of its own of it."""
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        raise InputError("") from None


def refused(*words: str) -> NoReturn:
    raise InputError("no such option")


def next_trial(study: SearchStudy) -> None:
    with study.claim() as trial:
        assert trial is not None
        do_trial(study, trial, threads=1)


def test_an_interruption_in_the_midst_of_a_library_is_no_failure_of_the_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = SearchStudy(search(tmp_path))
    monkeypatch.setattr("mtl.config.compose.configure", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next_trial(study)
    assert [one.state.name for one in study.trials] == ["WAITING"], "another process goes on with them"
    monkeypatch.setattr("mtl.config.compose.configure", refused)
    next_trial(study)
    assert [one.state.name for one in study.trials] == ["FAIL"]


def test_a_trial_of_whose_run_nothing_was_left_has_the_validations_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after its last validation: pruning of later trials looks at all that it had."""
    study = SearchStudy(search(tmp_path))

    def killed() -> NoReturn:
        with study.claim() as trial:
            assert trial is not None
            for epochs, score in ((1, 0.9), (2, 0.7)):
                study.report(trial, epochs, score)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    data, metrics = SimpleNamespace(fingerprint="of the data"), {"val": SimpleNamespace(score=0.7)}
    monkeypatch.setattr("mtl.lifecycle.train.train", lambda *_, **__: SimpleNamespace(data=data, metrics=metrics))
    next_trial(study)
    (trial,) = study.trials
    assert (trial.value, trial.intermediate_values) == (0.7, {1: 0.9, 2: 0.7})


def test_a_run_that_had_its_result_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ended between the result and the end of the trial."""
    study, run = SearchStudy(search(tmp_path)), train(tiny(tmp_path, "model=hard"))

    def killed() -> NoReturn:
        with study.claim() as trial:
            assert trial is not None
            trial.set_user_attr(RUN, run.directory)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    monkeypatch.setattr("mtl.lifecycle.train.train", refused)
    next_trial(study)
    (trial,) = study.trials
    assert (trial.state.name, trial.value) == ("COMPLETE", run.metrics["val"].score)
