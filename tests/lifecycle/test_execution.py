"""A trained run acts: from the command line to the files beside the run."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from mtl.agent import report
from mtl.assembly import build
from mtl.cli import application
from mtl.cli.execute import main
from mtl.config.compose import compose_config, configure
from mtl.config.execute_config import ExecuteConfig
from mtl.errors import InputError
from mtl.lifecycle.execution import execute
from mtl.lifecycle.train import train
from mtl.runs.directory import Run
from mtl.runs.files import write_text

ROOT = Path(__file__).parents[2]
Said = tuple[int, str, str]


def untrained(output: Path, *overrides: str) -> Run:
    """A finished run whose network has learned nothing."""
    config = configure(f"output={output}", "model=hard", *overrides)
    run = Run.create(config)
    run.config = config
    torch.save({"state_dict": build(config).module.state_dict()}, run.best)
    write_text(run.path / "result.json", "{}")  # it counts as finished; nobody reads what came of it
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A scheduling run."""
    return untrained(tmp_path_factory.mktemp("outputs"), "task=scheduling", "encoder.width=16", "encoder.heads=2")


def asked(*overrides: str) -> ExecuteConfig:
    """What ``execute.py`` is told by conf/execute.yaml and these overrides."""
    cfg, _ = compose_config(list(overrides), "execute")
    return ExecuteConfig.read(OmegaConf.to_container(cfg, resolve=True))


def environment(*overrides: str) -> dict[str, Any]:
    """The config of the environment in conf/execute.yaml."""
    return asked("instances=ft06", "baselines=[spt]", *overrides).environment


def test_training_and_execution_share_their_settings() -> None:
    assert configure("execution=scheduling").execution == asked().environment


def test_what_an_environment_can_do_without_is_left_out_by_null() -> None:
    assert asked("execution@_global_=routing").environment["keywords"]
    assert asked("execution@_global_=routing", "keywords=null").environment["keywords"] is None
    with pytest.raises(InputError, match="unknown key of keywords 'tops': did you mean 'Tops'"):
        asked("execution@_global_=routing", "keywords={tops: [a]}")


def test_execution_leaves_a_report_beside_the_run(run: Run) -> None:
    report, directory = execute(environment("decoder=sample", "decoder.samples=4", "gantt=true"), str(run.path))
    assert directory.parent == run.path / "executions"
    files = ["chart-ft06.html", "execution.csv", "execution.json", "gantt-ft06.png", "gantt-ft06.svg", "settings.json"]
    files += ["schedules.csv", "schedules.json"]
    assert sorted(path.name for path in directory.iterdir()) == sorted(files)
    assert json.loads((directory / "execution.json").read_text())["summary"] == report.summary()
    settings = json.loads((directory / "settings.json").read_text())
    assert settings["run"] == run.id
    assert settings["environment"]["decoder"]["samples"] == 4


def test_what_is_known_of_instances_can_be_typed() -> None:
    """Values by name of an instance, which is no key that the options know."""
    typed = environment("bounds={mine: {upper: 12}}", "downtime={mine: stops.csv}", "now={mine: 4}")
    assert [typed[key] for key in ("bounds", "downtime", "now")] == [
        {"mine": {"upper": 12}},
        {"mine": "stops.csv"},
        {"mine": 4},
    ]


def test_executions_do_not_overwrite_one_another(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [execute(environment("gantt=none"), str(run.path))[1] for _ in range(3)]
    assert len(set(made)) == 3
    assert all((directory / "execution.json").is_file() for directory in made)
    before = sorted((run.path / "executions").iterdir())
    monkeypatch.setattr(report, "to_csv", lambda records: 1 / 0)
    with pytest.raises(ZeroDivisionError):  # and of one that cannot be written no half stays
        execute(environment("gantt=none"), str(run.path))
    assert sorted((run.path / "executions").iterdir()) == before


def test_threads_are_not_those_that_were_left_by_what_ran_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    torch.set_num_threads(1)
    try:
        with pytest.raises(InputError):
            execute(None, run=tmp_path / "nowhere")
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_without_a_run_the_newest_is_taken(run: Run) -> None:
    _, directory = execute(environment("gantt=none"), None, str(run.path.parents[3]))
    assert directory.parents[1] == run.path


def test_a_run_of_other_tasks_cannot_act(tmp_path: Path) -> None:
    other = untrained(tmp_path, "task=synthetic")
    with pytest.raises(InputError, match="cannot act in JobShops"):
        execute(environment(), str(other.path))
    assert not (other.path / "executions").exists()


def test_nothing_said_of_an_environment_means_the_runs_own(tmp_path: Path) -> None:
    """Its settings are those of the run, and the rows are loaded from the run's own config."""
    given = ("execution.instances=[ft06,la01]", "execution.baselines=[]", "execution.gantt=none")
    own = untrained(tmp_path, "task=scheduling", "encoder.width=16", "encoder.heads=2", *given)
    report, directory = execute(None, str(own.path))
    assert [row["instance"] for row in report.records()] == ["ft06", "la01"]
    settings = json.loads((directory / "settings.json").read_text())
    assert settings["environment"]["instances"] == ["ft06", "la01"]


SMALL = (
    "task=scheduling",
    "task.instances=2",
    "task.validation=2",
    "task.rollout_instances=1",
    "task.rollout_size=[3,3]",
    "task.test=[ft06]",
    "decoder@execution.decoder=search",
    "execution.cpsat.seconds=0",
)


@pytest.mark.parametrize("improve", ["none", "outcome_search", "rounds"])
def test_what_training_cannot_give_the_agent_is_missing_before_the_training(tmp_path: Path, improve: str) -> None:
    """Nor an improvement that searches for a better first dispatcher alone."""
    given = [*SMALL, f"improve={improve}", f"output={tmp_path / 'out'}"]
    with pytest.raises(InputError, match="decoder=search: the agent has no dispatcher beside the one that asks"):
        train(configure(*given, "model=hard", "encoder.width=16", "encoder.heads=2", "execution.instances=ft06"))
    assert not (tmp_path / "out").exists()


@pytest.mark.smoke
def test_a_run_whose_improvement_found_nothing_that_acting_takes_is_finished(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Shops of one job have one schedule, which no dispatcher makes shorter."""
    shops = ("improve.search.shops=[[2,2,1]]", "improve.search.validation=[[1,2,2]]", "improve.rounds=1")
    few = ("improve.search.generations=1", "improve.search.members=4", "improve.search.dispatchers=1", "progress=false")
    given = [*SMALL, "improve=dispatchers", *shops, *few, f"output={tmp_path / 'out'}", "steps=1", "patience=null"]
    result = train(configure(*given, "model=hard", "encoder.width=16", "encoder.heads=2", "execution.instances=ft06"))
    assert result is not None
    assert result.execution is None
    assert Run.open(result.directory).state == "done"
    assert "the run ends without acting: decoder=search: the agent has no dispatcher" in capsys.readouterr().err
    report, _ = execute(environment("gantt=none"), result.directory)
    assert report.summary()["instances"] == 1


def test_that_a_run_is_not_finished_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    begun = untrained(tmp_path, "task=scheduling", "encoder.width=16", "encoder.heads=2")
    (begun.path / "result.json").unlink()
    begun.state = "interrupted"
    execute(environment("gantt=none"), str(begun.path))
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"run '{begun.path}' is not finished (state 'interrupted'): it acts with its best epoch so far"


def test_a_run_without_an_environment_says_what_can_be_named(tmp_path: Path) -> None:
    other = untrained(tmp_path, "task=synthetic")
    with pytest.raises(InputError) as error:
        execute(None, str(other.path))
    assert "has no environment of its own: name one with execution@_global_=<one of alerts, estimates, lending" in str(
        error.value
    )
    assert "\n" not in str(error.value)
    assert not (other.path / "executions").exists()


def damage(run: Run, kind: str) -> None:
    """Make the run unusable."""
    if kind == "no checkpoint":
        run.best.unlink()
    elif kind == "half a checkpoint":
        run.best.write_bytes(run.best.read_bytes()[:1000])
    elif kind == "another model":
        torch.save({"state_dict": {"x": torch.zeros(1)}}, run.best)
    else:
        (run.path / "config.yaml").write_text("choices: [")


@pytest.mark.parametrize("kind", ["no checkpoint", "half a checkpoint", "another model", "broken config"])
def test_damaged_run(tmp_path: Path, kind: str) -> None:
    broken = untrained(tmp_path, "task=scheduling", "encoder.width=16", "encoder.heads=2")
    damage(broken, kind)
    with pytest.raises(InputError) as error:
        execute(environment(), str(broken.path))
    assert str(broken.path) in str(error.value)
    assert "\n" not in str(error.value)
    assert not (broken.path / "executions").exists()


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["instances=ft6"], "unknown instance 'ft6': did you mean 'ft06'"),
        (["instances=[]"], "none named"),
        (["baselines=[mwrk]"], "unknown baseline 'mwrk': did you mean 'mwkr'"),
        (["decoder=sample", "decoder.samples=0"], "decoder.samples=0"),
        (["cpsat.seconds=-1"], "cpsat.seconds=-1"),
        (["gantt=maybe"], "gantt=maybe"),
        (["margin=0.1"], "unknown key 'margin': it is one of lending: add execution@_global_=lending"),
        (["decoder@_global_=greedy"], "expected decoder=greedy"),
        (
            ["execution@_global_=shop_floor", "decoder=greedy"],
            "takes an option of decoder: add execution@_global_=scheduling",
        ),
        (["cpsat.second=1"], "unknown key 'cpsat.second': did you mean 'cpsat.seconds'"),
    ],
    ids=[
        "instance",
        "no_instance",
        "baseline",
        "samples",
        "seconds",
        "gantt",
        "other_environment",
        "place",
        "other_option",
        "nested_key",
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(tmp_path: Path, overrides: list[str], says: str) -> None:
    with pytest.raises(InputError) as error:
        execute(environment(*overrides), str(tmp_path))
    assert says in str(error.value)
    assert not list(tmp_path.iterdir())


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """``python execute.py <arguments>``."""
    return subprocess.run(
        [sys.executable, "execute.py", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.smoke
def test_command_line(run: Run, tmp_path: Path) -> None:
    shop = tmp_path / "mine.txt"
    shop.write_text("2 2\n0 2 1 2\n1 2 0 2\n")
    done = command(f"run={run.path}", f"instances=[ft06,{shop}]", "decoder=sample", "decoder.samples=2", "gantt=none")
    assert done.returncode == 0, done.stderr
    assert "ft06" in done.stdout
    assert "only a lower bound is known" in done.stdout
    assert str(run.path / "executions") in done.stdout


@pytest.fixture
def execute_py(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """The same within this process: exit code, standard output and error stream."""

    def run(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["execute.py", *words])
        code = 0
        try:
            application.command(main, "execute")
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capfd.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.smoke
def test_command_line_without_an_environment_takes_the_runs_own(
    execute_py: Callable[..., Said], tmp_path: Path
) -> None:
    given = ("execution.instances=[ft06]", "execution.baselines=[spt]", "execution.gantt=none")
    own = untrained(tmp_path, "task=scheduling", "encoder.width=16", "encoder.heads=2", *given)
    code, out, err = execute_py(f"run={own.path}", "threads=1")
    assert code == 0, err
    assert "ft06" in out
    assert "ta01" not in out


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["decoder=gready"], "unknown option of decoder 'gready': did you mean 'greedy'?"),
        (["decoder.samples=3"], "unknown key 'decoder.samples'"),
        (["run=/no/such/run"], "/no/such/run"),
    ],
    ids=["decoder", "key", "run"],
)
def test_command_line_mistakes(arguments: list[str], says: str, execute_py: Callable[..., Said]) -> None:
    code, out, err = execute_py(*arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.splitlines()) == 1


@pytest.mark.smoke
@pytest.mark.parametrize("flag", ["--help", "--cfg=job"])
def test_help_does_not_wait_for_torch(flag: str) -> None:
    program = f"""
import runpy, sys
sys.argv = ["execute.py", {flag!r}]
try:
    runpy.run_path("execute.py", run_name="__main__")
except SystemExit as leaving:
    assert not leaving.code
assert not {{"torch", "matplotlib", "numpy"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ta01..ta10" in done.stdout
