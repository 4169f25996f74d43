"""How a run is improved follows from keys that one way alone has, as it follows from what the run does."""

import sys

import pytest

from mtl.cli.application import command
from mtl.config.improve_choice import option_of_keys


@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        (["run=x", "trials=20"], ["improve@_global_=decisions"]),
        (["run=x", "trials=20", "rounds=2", "alpha=0.1", "threads=1"], ["improve@_global_=decisions"]),
        (["run=x", "rounds=2"], []),  # which several have
        (["search.generations=2"], []),
        (["trials=20", "search.generations=2"], []),  # which none has
        (["trails=20"], []),
        (["generations=3"], []),  # of one that no finished run is improved by
        (["trials=20", "improve@_global_=rounds"], []),  # an option is typed
        ([], []),
    ],
    ids=str,
)
def test_keys_choose_the_option_that_has_them(
    given: list[str], chosen: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert option_of_keys(given) == chosen
    said = capsys.readouterr().err
    assert said.startswith("improve=decisions, as it has trials") if chosen else not said


def test_the_command_line_needs_no_option_beside_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []
    monkeypatch.setattr(sys, "argv", ["improve.py", "run=x", "trials=20"])
    command(lambda: ran.append(sys.argv[1:]), "improve")
    assert ran == [["run=x", "trials=20", "improve@_global_=decisions"]]
