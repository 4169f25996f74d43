"""A run is analysed by its own outcome: from the command line to one page and its numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from mtl.agent.analysis.calibration import LabelledPredictions
from mtl.agent.environments.lending import Lending
from mtl.cli.analyse import main
from mtl.errors import InputError
from mtl.lifecycle.agent import Agent
from mtl.lifecycle.analysis import rows_of_outcome
from mtl.runs.contributions import Outcome
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
    assert "no comparison at hand has measured this run's configuration on test rows" in text
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


def test_an_outcome_is_of_the_rows_that_have_all_labels_that_are_decided_by() -> None:
    """Of others the agent knows nothing; shifts or shops that are as many as rows are none."""
    labels = {
        "default": torch.tensor([0.0, 1.0, torch.nan, 1.0]),
        "log_amount": torch.tensor([5.0, torch.nan, 6.0, 7.0]),
    }
    rows = {name: LabelledPredictions(torch.zeros(4), values, None) for name, values in labels.items()}

    def of(count: int, instances: str = "") -> list[bool] | None:
        outcome = Outcome("profit", True, np.zeros(count), None, instances=instances)
        found = rows_of_outcome(outcome, rows, Lending())
        return None if found is None else found.tolist()

    assert of(4) == [True] * 4
    assert of(2) == [True, False, False, True]
    assert (of(3), of(4, "shifts"), of(2, "shifts")) == (None, None, None)
