"""A dispatcher improves by acting: in its training, and as a finished run in rounds, wherever it is stopped."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from mtl.agent.environment import Environment
from mtl.agent.environments.lending import Lending
from mtl.agent.environments.scheduling.decoders import Greedy
from mtl.agent.environments.scheduling.job_shops import JobShops
from mtl.agent.environments.scheduling.schedule_report import AGENT, ScheduleReport
from mtl.agent.environments.scheduling.tardiness_report import TardinessReport
from mtl.agent.improvement.base import Progress
from mtl.agent.improvement.evolution import Evolution
from mtl.agent.report import ExecutionReport
from mtl.assembly import load
from mtl.cli.run_summary import show
from mtl.comparison.records import record
from mtl.config.compose import compose_plain, configure
from mtl.config.improve_config import ImproveConfig
from mtl.config.run_config import RunConfig
from mtl.config.run_result import GainResult, RoundResult, RunResult
from mtl.errors import InputError
from mtl.lifecycle import improved
from mtl.lifecycle.agent import Agent
from mtl.lifecycle.execution import execute
from mtl.lifecycle.improved import improve_run, read_improvement
from mtl.lifecycle.improvement_progress import ImprovementProgress
from mtl.lifecycle.train import train
from mtl.runs.checkpoint import read_checkpoint
from mtl.runs.directory import Run, newest
from mtl.runs.files import write_text
from mtl.runs.identity import run_id
from mtl.suites.base import MultiTaskDataModule, Predict
from mtl.suites.scheduling.demanding_shops import demanding_shop
from mtl.suites.scheduling.features import BOUND_RULE
from tests.support import tiny
from tests.trained import assert_contributions_are_those_of_the_result

pytestmark = pytest.mark.smoke
UPDATE = Evolution.update
SEARCH = ("generations=2", "members=4", "shops=[[4,4,1]]")
ROUNDS = [
    "improve@_global_=rounds",
    "rounds=2",
    *(f"search.{text}" for text in SEARCH),
    "search.validation=[[4,4,3],[5,3,2]]",
    "progress=false",
]


def config(output: Path) -> RunConfig:
    small = ["instances=2", "validation=1", "jobs=[3,4]", "machines=[3,4]", "rollout_instances=1", "test=[ft06]"]
    given = [*(f"task.{option}" for option in small), "task.limit=0.1", "task.rollout_limit=0.1", "task.workers=1"]
    given += ["task.rollout_size=[4,4]", "encoder.width=16", "encoder.heads=2", "execution.instances=[ft06,la01]"]
    given += [
        "improve=outcome_search",
        *(f"improve.{text}" for text in SEARCH),
        "improve.validation=[[4,4,2]]",
        "execution.gantt=none",
        "execution.baselines=[]",
    ]
    return configure("task=scheduling", "model=hard", *given, "epochs=1", "progress=false", f"output={output}")


def node(*given: str) -> dict[str, Any]:
    return ImproveConfig.read(compose_plain([*ROUNDS, *given], "improve")).improvement


def stop_at(patch: pytest.MonkeyPatch, generation: int) -> None:
    """Stop the search when so many generations of this process are behind."""
    done = iter(range(10**6))

    def update(evolution: Evolution, *given: Any) -> None:
        if next(done) == generation:
            raise KeyboardInterrupt
        UPDATE(evolution, *given)

    patch.setattr(Evolution, "update", update)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A run that was stopped in the middle of the search and gone on with by the same command."""
    output = tmp_path_factory.mktemp("outputs")
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 1)
        with pytest.raises(SystemExit):
            train(config(output))
    (stopped,) = output.glob("runs/*/*/*")
    assert read_checkpoint(Run.open(stopped).improvement)["state_dict"]["evolution.generation"] == 1
    result = train(config(output))
    assert result is not None
    assert result.directory == str(stopped)
    return result


def test_a_trained_dispatcher_improves_and_acts_and_keeps_what_came_of_it(trained: RunResult) -> None:
    outcome = assert_contributions_are_those_of_the_result(trained).outcome
    assert outcome is not None
    assert len(outcome.values) == 2
    assert trained.execution is not None
    assert outcome.values.mean() == pytest.approx(1 + trained.execution["gap"])
    found = trained.improvement
    assert found is not None
    assert (found.generations, found.rounds, found.parent) == (2, [], None)
    assert found.validation[found.kept] == min(found.validation.values())
    rule, gain = (
        load(trained.directory).module.network.heads["assignment"].get_buffer(key) for key in ("rule", "gain")
    )
    assert (found.kept == "rule") == bool(gain == 0)
    assert (found.kept == "searched") == (not rule.equal(torch.tensor(BOUND_RULE)))
    report, _ = execute(None, trained.directory)
    assert report.summary()["gap"] == pytest.approx(trained.execution["gap"])


def stop_at_its_beginning(patch: pytest.MonkeyPatch) -> None:
    """Interrupt a run that improves another one while its directory is filled."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    patch.setattr("mtl.lifecycle.improved.save_statistics", stop)


def test_a_finished_run_is_improved_as_a_run_of_its_own(trained: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped before it has weights and in the second round, and gone on with.

    Training its config from the beginning gives the same network.
    """
    parent, before = Path(trained.directory), Path(trained.directory, "result.json").read_bytes()
    monkeypatch.setattr("mtl.agent.improvement.rounds.Outcome.better", property(lambda self: True))
    agent = Agent(run=parent)
    assert agent.tasks == ("assignment", "utilisation", "makespan")
    # The last one in the second generation of the second round
    for stop in (stop_at_its_beginning, lambda patch: stop_at(patch, 3)):
        with monkeypatch.context() as patch:
            stop(patch)
            with pytest.raises(SystemExit):
                agent.improve(*ROUNDS)
    (stopped,) = (path for path in parent.parent.iterdir() if path != parent)
    run = Run.open(stopped)
    assert run.state == "interrupted"
    assert not (stopped / "result.json").exists()
    history = json.loads((stopped / "improvement.json").read_text())
    assert (history["over"], len(history["rounds"])) == (False, 1)
    run.state = "running"  # as of one that was killed
    whole = agent.improve(*ROUNDS)
    assert agent.run is not None
    assert str(agent.run.path) == whole.directory == str(stopped)
    assert Path(trained.directory, "result.json").read_bytes() == before
    # An id of its own, of a config that says all that it is made of
    assert whole.run_id == stopped.name == run_id(agent.config)
    assert whole.run_id != trained.run_id
    assert (whole.choices.improve, whole.config.improve["first"]) == ("rounds", trained.config.improve)
    found = whole.improvement
    assert found is not None
    assert (found.parent, len(found.rounds), found.generations) == (str(parent), 2, 4)
    assert set(found.rounds[0].groups) == {"4x4", "5x3"}
    # A reader finds a finished run, the newest one, which acts with the improved weights
    assert whole.execution is not None
    assert record(stopped).execution["gap"] == whole.execution["gap"]
    assert newest(whole.config.output).path == stopped
    heads = [load(one.directory).module.network.heads["assignment"] for one in (trained, whole)]
    assert not heads[0].get_buffer("rule").equal(heads[1].get_buffer("rule"))
    shops = JobShops("ft06,la01", Greedy(), gantt="none")
    with pytest.raises(InputError, match="seed=1, and an environment that is made already"):
        agent.execute("seed=1", environment=shops)
    report = agent.execute(environment=shops)
    assert report.summary()["gap"] == whole.execution["gap"]
    history = json.loads((stopped / "improvement.json").read_text())
    assert (history["over"], len(history["rounds"])) == (True, 2)
    assert (stopped / "improvement.svg").is_file()
    said = io.StringIO()
    show(whole, console=Console(width=200, file=said))
    assert "2 of 2 rounds kept. On instances that no round has seen" in said.getvalue()

    anew = train(whole.config)
    assert anew is not None
    assert numbers(anew) == {**numbers(whole), "parent": None}
    weights = [load(one.directory).module.state_dict() for one in (whole, anew)]
    assert all(value.equal(weights[1][name]) for name, value in weights[0].items())


def test_by_default_it_gets_further_dispatchers_and_acts_with_all(
    trained: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mtl.agent.improvement.rounds.Outcome.better", property(lambda self: True))
    agent = Agent(run=Path(trained.directory))
    whole = agent.improve(*ROUNDS[1:], "search.dispatchers=1")
    assert whole.choices.improve == "dispatchers"
    others = load(whole.directory).module.network.heads["assignment"].get_buffer("others")
    assert len(others) == 2
    assert whole.execution is not None
    assert trained.execution is not None
    assert whole.execution["gap"] <= trained.execution["gap"]
    report, _ = execute(None, whole.directory)
    assert isinstance(report, ScheduleReport)
    assert report.labels[AGENT] == "best of 3 dispatchers"
    assert report.summary()["gap"] == whole.execution["gap"]


def test_shops_with_due_dates_get_dispatchers_of_their_own(
    trained: RunResult, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They act in such shops alone, whose schedules then cost no more than those of ATC, and reports say so."""
    monkeypatch.setattr("mtl.agent.improvement.rounds.Outcome.better", property(lambda self: True))
    agent = Agent(run=Path(trained.directory))
    whole = agent.improve("improve@_global_=tardiness", *ROUNDS[2:], "rounds=1", "search.dispatchers=2")
    found = whole.improvement
    assert found is not None
    assert (whole.choices.improve, found.reference) == ("tardiness", "the weighted tardiness of ATC")
    assert whole.execution is not None
    assert trained.execution is not None
    assert whole.execution["gap"] == trained.execution["gap"]  # of plain shops
    names = []
    for number in range(3):
        shop = demanding_shop("due_dates", 0, 0, number, 5, 3)
        given = shop.constraints
        jobs = [
            f"{job},{place},{machine},{duration},{given.releases[job]},{given.due[job]},{given.weights[job]}"
            for job in range(5)
            for place, (machine, duration) in enumerate(zip(shop.machines[job], shop.durations[job], strict=True))
        ]
        names.append(tmp_path / f"shop{number}.csv")
        names[-1].write_text("\n".join(["job,operation,machine,duration,release,due,weight", *jobs]))
    shops = f"instances=[{','.join(map(str, names))}]"
    report = agent.execute(shops, "objective=weighted_tardiness", "baselines=[]", "gantt=none", "cpsat.seconds=0")
    assert isinstance(report, TardinessReport)
    assert report.labels[AGENT] == "best of 4 dispatchers"
    for own, rule in zip(report.of(AGENT), report.of("atc"), strict=True):
        assert own.schedule.cost <= rule.schedule.cost
    said = io.StringIO()
    Console(width=300, file=said).print(report.table())
    text = " ".join(said.getvalue().split())
    assert "; 3 of its dispatchers were searched for due dates or a choice of machines" in text
    assert "it does not look at due dates" not in text


def test_how_a_run_is_improved_follows_from_what_it_does(
    trained: RunResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of what is not typed a line says what was chosen and why; what is typed is taken without one."""
    config = Path(trained.directory, "config.yaml").read_text()
    write_text(tmp_path / "one.fjs", "1 2\n1 2 1 5 2 4\n")
    shops, flexible, due = "  - ft06\n  - la01\n", f"  - {tmp_path / 'one.fjs'}\n", "  objective: makespan"
    assert shops in config
    assert due in config
    cases = {
        "plain": (config, "dispatchers", ""),
        "late": (config.replace(due, "  objective: weighted_tardiness"), "tardiness", "acts by weighted tardiness"),
        "flexible": (config.replace(shops, flexible), "machines", "the shops of the run have a choice of machines"),
        "mixed": (config.replace(shops, shops + flexible), "dispatchers", "1 of the 3 shops of the run have a choice"),
        "gone": (config.replace(shops, "  - gone.fjs\n"), "dispatchers", ""),  # which is said when it is built
    }
    for name, (text, chosen, says) in cases.items():
        run = tmp_path / name
        run.mkdir()
        write_text(run / "config.yaml", text)
        for given, named in (([], run), ([f"run={run}"], None)):
            assert read_improvement(given, named, [])[1] == chosen
            said = capsys.readouterr().err
            assert said.count("\n") == bool(says), "one line"
            assert says in said
            assert not says or said.startswith(f"improve={chosen}, as ")
        assert read_improvement(["improve@_global_=rounds"], run, [])[1] == "rounds"
        assert not capsys.readouterr().err


def numbers(result: RunResult) -> dict[str, Any]:
    """What came of an improvement, without its seconds."""
    assert result.improvement is not None
    found = result.improvement.plain()
    return {**found, "seconds": 0, "rounds": [{**one, "seconds": 0} for one in found["rounds"]]}


def test_what_cannot_be_improved_is_said_before_a_directory_is_made(trained: RunResult, tmp_path: Path) -> None:
    folder = Path(trained.directory).parent
    before = sorted(folder.iterdir())
    with pytest.raises(InputError, match="first: what comes before the rounds is the improvement of the finished run"):
        improve_run({**node(), "first": trained.config.improve}, trained.directory)
    with pytest.raises(InputError, match="a finished run is improved in rounds, and improve=dispatchers has none"):
        improve_run(trained.config.improve, trained.directory)
    with pytest.raises(InputError, match=r"search\.validation: expected at least 2 instances"):
        improve_run(node("search.validation=[[4,4,1]]"), trained.directory)
    with pytest.raises(InputError, match="run=x: it acts with its own run; Agent"):
        Agent(run=trained.directory).improve("run=x")
    with pytest.raises(InputError, match="it is not trained yet"):
        Agent("task=synthetic").improve()
    with pytest.raises(InputError, match="expected overrides of an agent to be trained, or the run"):
        Agent("task=synthetic", run=trained.directory)
    (tmp_path / "run").mkdir()
    unfinished = Run(tmp_path / "run")
    write_text(unfinished.path / "config.yaml", (Path(trained.directory) / "config.yaml").read_text())
    with pytest.raises(InputError, match=r"has no result\.json"):
        improve_run(node(), unfinished.path)
    assert sorted(folder.iterdir()) == before


def test_of_a_run_that_does_nothing_but_predict_there_is_nothing_to_improve(tmp_path: Path) -> None:
    """Whichever way is asked for: none of them is wrong, and there is no training that could do without it."""
    predicting = train(tiny(tmp_path, "epochs=1"))
    assert predicting is not None
    decisions = ImproveConfig.read(compose_plain(["improve@_global_=decisions"], "improve")).improvement
    for way in (node(), decisions):
        with pytest.raises(InputError, match=r"does not act, so that .*: expected a run of task=scheduling, or [^;]*$"):
            improve_run(way, predicting.directory)
    with pytest.raises(InputError, match="takes task=scheduling with the task 'assignment'; improve=none trains"):
        train(tiny(tmp_path, "improve=outcome_search"))


def test_of_an_environment_without_settings_is_said_what_it_would_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bystander(Environment):
        def run(self, predict: Predict, data: MultiTaskDataModule) -> ExecutionReport:
            raise AssertionError

    predicting = train(tiny(tmp_path, "epochs=1"))
    assert predicting is not None
    monkeypatch.setattr(improved, "environment_for", lambda *_: Bystander())
    decisions = ImproveConfig.read(compose_plain(["improve@_global_=decisions"], "improve")).improvement
    for way, says in ((node(), "takes task=scheduling"), (decisions, "takes a run with execution=lending")):
        with pytest.raises(InputError, match=rf"{says}.* derives from mtl\.agent\.deciding\.DecidingEnvironment"):
            improve_run(way, predicting.directory)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda run: Agent(run=run, trust="mine"), r"trust='mine': expected a list of modules, such as \['mine'\]"),
        (lambda run: Agent(run=run).execute(environment="alerts"), "an object of Environment, found a str"),
        (lambda run: Agent(run=run).execute(environment=Lending), "an object of Environment, found the class Lending"),
        (lambda run: Agent(run=run).analyse("report"), "report: expected an object of ExecutionReport, found a str"),
        (
            lambda _: Agent("task=credit", "relations.depends_on={default: [default]}").tasks,
            "in a circle: default",
        ),
        (lambda run: Agent(run=run).retrain(None), "records: expected the path of a file, found a NoneType"),
    ],
)
def test_arguments_of_another_kind_are_refused(call: Callable[[str], Any], says: str, trained: RunResult) -> None:
    with pytest.raises(InputError, match=says):
        call(trained.directory)


def test_progress_is_lines_where_there_is_no_terminal() -> None:
    gain = GainResult(mean=0.005, low=0.002, high=0.008)
    worse = GainResult(mean=-0.005, low=-0.008, high=-0.002)
    one = RoundResult(number=1, kept=False, gain=gain, groups={"9x9": worse}, before={}, after={}, seconds=1.0)
    for terminal, expected in (
        (False, ["improving by acting 1/4  round 1 of 2  mean -1.00 %  about"]),
        (True, []),
    ):
        said = io.StringIO()
        console = Console(file=said, width=200, force_terminal=terminal)
        with ImprovementProgress(shown=True, console=console) as shown:
            shown(Progress(1, 4, {"mean": -0.01}, "round 1 of 2"))
            shown(Progress(2, 4, {"mean": -0.02}, "round 1 of 2"))  # half a minute has not passed
            shown(Progress(2, 4, {}, "", (one,)))
            shown(Progress(4, 4, {"mean": -0.03}, "round 2 of 2", (one,)))
        lines = [line for line in said.getvalue().splitlines() if line.strip()]
        decided = "round 1: gain +0.50 points (+0.20 to +0.80), worse at 9x9: not kept, the network of before goes on"
        assert any(decided in line for line in lines)
        if not terminal:
            assert lines[0].startswith(expected[0])
            assert len(lines) == 3
            assert lines[2] == "improving by acting 4/4  round 2 of 2  mean -3.00 %"


def test_an_acting_run_is_analysed(trained: RunResult) -> None:
    found = Agent(run=trained.directory).analyse()
    assert trained.execution is not None
    assert found.outcome is not None
    assert found.outcome.mean == pytest.approx(1 + trained.execution["gap"])
    assert found.outcome.low <= found.outcome.mean <= found.outcome.high
    assert (found.associations, found.no_association) == ((), "too few test instances, or they do not differ")
    assert [(one.task, one.kind) for one in found.calibrations] == [("assignment", "choice")]
    assert {row["instance"] for row in found.failures} == {"ft06", "la01"}
    gaps = [float(row["gap"] or 0.0) for row in found.failures]
    assert gaps == sorted(gaps, reverse=True)
    page = Path(trained.directory, "analysis", "analysis.html").read_text()
    assert all(text in page for text in ("ft06", "la01", "What probabilities are worth", "<svg"))
