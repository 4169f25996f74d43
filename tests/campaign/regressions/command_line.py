"""What was once typed and gave a traceback or worse, each alone; and what was once taken for a mistake."""

from functools import partial
from pathlib import Path
from random import Random
from typing import Protocol

from mtl.errors import EXIT_USER_ERROR
from tests.campaign.checks import check_nothing_written, check_said, files_of, require
from tests.campaign.child import Ended, start
from tests.campaign.commands import train_py
from tests.campaign.kinds.kills import finished_runs
from tests.campaign.templates import SYNTHETIC, Templates
from tests.cli.test_command_line import BAD

LIMIT = 300
GROUPS = ("task", "model", "encoder", "weighting", "optimizer", "scheduler", "hardware", "improve", "execution")
LARGE = 99_999_999_999  # features of a layer: more than any memory has room for
TYPED = (*SYNTHETIC, "model=hard", "epochs=1", "output=outputs")


class Regression(Protocol):
    """Something that was once wrong, tried again. Failed if it is wrong again."""

    def __call__(self, draw: Random, place: Path, templates: Templates) -> float | None:
        """Try it in this directory."""


def typed(place: Path, templates: Templates, *words: str, variables: dict[str, str | None] | None = None) -> Ended:
    """How ``train.py`` ended."""
    return start(partial(train_py, *words), place, {**templates.environment(), **(variables or {})}).wait(LIMIT)


def mistake(*words: str, message: str, variables: dict[str, str | None] | None = None) -> Regression:
    """One line says what is wrong, and nothing is written."""

    def case(draw: Random, place: Path, templates: Templates) -> None:
        keys = {word.partition("=")[0] for word in words}
        right = [word for word in SYNTHETIC if word.partition("=")[0] not in keys]
        before = files_of(place)
        ended = typed(place, templates, *right, *words, variables=variables)
        check_said(ended, place, (EXIT_USER_ERROR,))
        require("lines", message.removeprefix("error: ") in ended.err, ended.err)
        check_nothing_written(before, place)

    return case


def no_study(draw: Random, place: Path, templates: Templates) -> None:
    """``experiment=null`` is the default."""
    check_said(typed(place, templates, *TYPED, "experiment=null"), place, (0,))
    require("lost", len(finished_runs(place / "outputs")) == 1, "no run has a result")


def flag_between_overrides(draw: Random, place: Path, templates: Templates) -> None:
    """A sweep is asked for after the first override."""
    check_said(typed(place, templates, *TYPED, "-m", "seed=0,1"), place, (0,))
    require("lost", len(finished_runs(place / "outputs")) == 2, "not two runs have a result")


def completion(draw: Random, place: Path, templates: Templates) -> None:
    """Hydra's own flag for the shell."""
    before = files_of(place)
    ended = typed(place, templates, "-sc", "install=bash")
    check_said(ended, place, (0,))
    require("lines", "complete" in ended.out and not ended.err, ended.out + ended.err)
    check_nothing_written(before, place)


CASES: dict[str, Regression] = {
    **{name: mistake(*words, message=message) for name, (words, message) in BAD.items()},
    **{
        f"{group}={value}": mistake(f"{group}={value}", message=f"unknown option of {group} '{value}'")
        for group in GROUPS
        for value in ("null", "3")
    },
    "layer of 99,999,999,999 features": mistake("model=hard", f"encoder.widths=[{LARGE}]", message="error: "),
    "epochs of the trainer": mistake("+hardware.max_epochs=3", message="use epochs=3"),
    "mistake under LOCAL_RANK": mistake(
        "modle=hard", message="unknown key 'modle': did you mean 'model'?", variables={"LOCAL_RANK": "1"}
    ),
    "no study": no_study,
    "flag between overrides": flag_between_overrides,
    "completion of a shell": completion,
}
