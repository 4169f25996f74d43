"""An agent that decides on rows: trained, improved, analysed, and asked about new rows."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from mtl.agent.deciding import DecidingEnvironment
from mtl.agent.improvement.decision_rounds import DecisionRounds
from mtl.cli.run_summary import next_commands, show
from mtl.errors import InputError
from mtl.lifecycle.agent import Agent
from mtl.lifecycle.execution import own_environment
from mtl.lifecycle.improved import read_improvement
from mtl.runs.directory import Run
from mtl.runs.files import read_json
from mtl.suites.flights import departures
from tests.suites import standins
from tests.suites.conftest import published
from tests.trained import assert_contributions_are_those_of_the_result

__all__ = ["published"]
pytestmark = [pytest.mark.smoke, pytest.mark.usefixtures("published")]

QUICK = ["epochs=1", "batch_size=16", "model=hard", "weighting=equal", "progress=false", "threads=1"]
ROUNDS = ["rounds=2", "improve@_global_=decisions", "trials=3", "progress=false"]
# By environment: the run, a setting to begin with that can be bettered, and the columns of a decision
CASES: dict[str, tuple[list[str], dict[str, float], list[str]]] = {
    "lending": (["task=credit"], {"threshold": 190.0}, ["lend", "expected_profit"]),
    "alerts": (
        ["task=flights", "execution.budget=2"],
        {"threshold": 59.0},
        ["warn", "place", "expected_minutes"],
    ),
    "routing": (
        ["task=reviews", "task.vocabulary=40", "execution.messages=8"],
        {"head_start": 0.0},
        ["desk", "place", "head_start_minutes"],
    ),
}


def new_rows(environment: str) -> pd.DataFrame:
    """Five rows as a person would have them, without what is to be predicted."""
    if environment == "routing":
        return pd.DataFrame({"text": ["I love this dress", "awful jeans!", "an okay coat", "poor top", "nice"]})
    frame = standins.credit() if environment == "lending" else departures()
    return frame.head(5).drop(columns=["Status", "late", "arrival_delay", "cancelled"], errors="ignore")


@pytest.mark.parametrize("name", CASES)
def test_an_agent_improves_how_it_decides(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between two rounds and gone on with; whatever loads the new run decides by what was kept."""
    given, begin, columns = CASES[name]
    settings = [f"execution.{key}={value}" for key, value in begin.items()]
    agent = Agent(*given, f"execution={name}", *settings, *QUICK, f"output={tmp_path}")
    parent = agent.train()
    outcome = assert_contributions_are_those_of_the_result(parent).outcome
    assert outcome is not None
    assert parent.execution is not None
    assert outcome.values.mean() == pytest.approx(next(iter(parent.execution.values())), rel=1e-5)
    assert dict(next_commands(parent))["improve how it decides:"].startswith("python improve.py")
    asked, chosen = read_improvement(["rounds=2"], parent.directory, ())
    assert (chosen, asked.improvement["rounds"]) == ("decisions", 2), "which follows from what the run does"
    assert read_improvement(["trials=7"], parent.directory, ())[0].improvement["trials"] == 7
    assert read_improvement(["improve@_global_=rounds"], parent.directory, ())[1] == "rounds", "which is typed"

    before = agent.execute()
    if name == "alerts":
        interrupt_after_a_round(agent, monkeypatch)
    # As if every gain were told from chance, which that of so few rows seldom is
    monkeypatch.setattr("mtl.agent.improvement.decision_rounds.is_better", lambda gain: True)
    found = agent.improve(*ROUNDS)
    assert found.improvement is not None
    assert (len(found.improvement.rounds), found.improvement.parent) == (2, parent.directory)
    assert (Path(found.directory) / "improvement.svg").is_file()
    kept = found.improvement.settings
    assert kept is not None
    run = Run.open(found.directory)
    environment = own_environment(run.config, run)
    assert isinstance(environment, DecidingEnvironment)
    assert environment.settings == kept
    agent.execute()
    (done,) = (Path(found.directory) / "executions").iterdir()
    assert kept.items() <= read_json(done / "settings.json")["environment"].items()
    assert read_json(done / "execution.json")["summary"] == pytest.approx(found.execution)
    said = io.StringIO()
    show(found, console=Console(width=200, file=said))
    assert "On validation rows that no search has seen" in said.getvalue()

    with pytest.raises(InputError, match=r"the report is of run .*, and run .* is analysed"):
        agent.analyse(before)
    if name == "alerts":
        analysis = agent.analyse()
        assert analysis.outcome is not None
        assert found.execution is not None
        assert analysis.outcome.mean == pytest.approx(found.execution["net_minutes"], rel=1e-5)
        assert len(analysis.failures) > 0
        page = Path(found.directory, "analysis", "analysis.html").read_text()
        assert "on validation rows that no search has seen" in page
        assert 'class="many"' in page, "which is small in print"

    new_rows(name).to_csv(tmp_path / "new.csv", index=False)
    agent.execute(f"records={tmp_path / 'new.csv'}")
    (listing,) = Path(found.directory).glob("executions/*/predictions.csv")
    rows = list(csv.DictReader(io.StringIO(listing.read_text())))
    assert len(rows) == 5
    assert list(rows[0])[1 : 1 + len(columns)] == [f"decision.{column}" for column in columns]
    written = read_json(listing.parent / "settings.json")["environment"]
    assert written["settings"] == kept
    assert written["decided_by"] == {**run.config.execution, **kept}
    with pytest.raises(InputError, match="records: JobShops decides on no rows"):
        agent.execute(f"records={tmp_path / 'new.csv'}", "seed=1")


def test_too_few_episodes_are_met_before_the_training(tmp_path: Path) -> None:
    """Nothing is left of a run that would be trained in vain."""
    given = [*CASES["routing"][0], "execution=routing", *QUICK, f"output={tmp_path}", "improve=decisions"]
    with pytest.raises(InputError, match=r"improve: the validation rows are \d episodes of acting, and at least 4"):
        Agent(*given, "execution.messages=30").train()
    assert not (tmp_path / "runs").exists()


def interrupt_after_a_round(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin an improvement that is interrupted in its second round."""
    after_round = DecisionRounds.after_round

    def stop(rounds: DecisionRounds, state: Any, *rest: Any) -> Any:
        if state.rounds:
            raise KeyboardInterrupt
        return after_round(rounds, state, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(DecisionRounds, "after_round", stop)
        with pytest.raises(SystemExit):
            agent.improve(*ROUNDS)


def test_another_run_on_the_same_data_decides_beside_the_agent(tmp_path: Path) -> None:
    """Whatever tasks and form it has; one of other rows or without the tasks is refused."""
    given, _, _ = CASES["alerts"]
    runs = {
        name: Agent(*given[:1], *QUICK, *options, f"output={tmp_path}").train().directory
        for name, options in {"same": ["seed=1"], "less": ["tasks=[late]"]}.items()
    }
    agent = Agent(*given, "execution=alerts", f"execution.single={runs['same']}", *QUICK, f"output={tmp_path}")
    numbers = agent.train().execution
    assert numbers is not None
    assert np.isfinite([numbers["single_net_minutes"], numbers["over_single"], numbers["rule_net_minutes"]]).all()
    with pytest.raises(InputError, match="take the agent's place, and it has not learned arrival_delay"):
        agent.execute("execution@_global_=alerts", f"single={runs['less']}")
    with pytest.raises(InputError, match=r"unknown column in rule 'dset': did you mean 'dest'"):
        agent.execute("execution@_global_=alerts", "rule=[dset]")
    with pytest.raises(InputError, match=r"rule names the column 'dest' twice"):
        agent.execute("execution@_global_=alerts", "rule=[dest,dest]")
    with pytest.raises(InputError, match=r"rule: 'late' is what is predicted, which a rule does not know"):
        agent.execute("execution@_global_=alerts", "rule=[dest,late]")
    assert agent.run is not None
    same = agent.execute("execution@_global_=alerts", f"single={agent.run.path}", "budget=2").summary()
    assert same["over_single"] == 0.0


def test_what_acting_misses_in_the_rows_is_said_before_the_training(tmp_path: Path) -> None:
    """A shift of more messages than there are would be another question than the one that was asked."""
    agent = Agent("task=reviews", "task.vocabulary=40", "execution=routing", *QUICK, f"output={tmp_path / 'runs'}")
    with pytest.raises(InputError, match=r"messages=120: expected at most \d+, the test reviews .*; execution=none"):
        agent.train()
    assert not (tmp_path / "runs").exists()
    trained = Agent("task=reviews", "task.vocabulary=40", *QUICK, f"output={tmp_path}")
    trained.train()
    with pytest.raises(InputError, match=r"messages=5000: expected at most \d+, the test reviews"):
        trained.execute("execution@_global_=routing", "messages=5000")
