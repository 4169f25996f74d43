"""A run is analysed by its own outcome: from the command line to one page and its numbers."""

import json
from pathlib import Path

import pytest

from mtl.cli.analyse import main
from mtl.errors import InputError
from mtl.lifecycle.agent import Agent
from mtl.runs.directory import Run
from tests.support import TINY

pytestmark = pytest.mark.smoke


def test_a_run_that_does_not_act_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent = Agent(*TINY, "epochs=1", "threads=1", f"output='{tmp_path / 'a <b>'}'")
    agent.train()
    assert agent.run is not None
    found = agent.analyse()
    assert (found.outcome, found.associations, found.calibrations, found.failures) == (None, (), (), ())
    capsys.readouterr()
    assert main([f"output={tmp_path / 'a <b>'}", "threads=1"]) == 0
    page = agent.run.path / "analysis" / "analysis.html"
    said = capsys.readouterr().out
    assert said.splitlines()[0] == "This run does not act, or its outcome is not known instance by instance."
    assert said.splitlines()[-1] == f"analysis: {page}"
    text = page.read_text()
    assert "Nothing is told: the run does not act." in text
    assert "no comparison with single-task learning that this run is part of is at hand" in text
    assert "a &lt;b&gt;" in text
    assert "a <b>" not in text
    assert json.loads((agent.run.path / "analysis" / "analysis.json").read_text())["run"] == str(agent.run.path)

    result = agent.run.result  # and where its rows are others now, they may be rows that it was trained on
    agent.run.finish(result.model_copy(update={"data": result.data.model_copy(update={"fingerprint": "another"})}))
    with pytest.raises(InputError, match=r"the data of run '.*' has changed since the training"):
        agent.analyse()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu=x"], "unknown option 'rnu': did you mean 'run'"),
        (["run="], "'run=': expected run=VALUE"),
        (["run=nowhere", "threads=0"], "threads=0: expected a whole number, 1 or more"),
        (["run=nowhere"], "no run at 'nowhere'"),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        main(arguments)


def test_a_run_without_a_result_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("")
    with pytest.raises(InputError, match=r"has no result\.json"):
        main([f"run={Run(tmp_path).path}"])
