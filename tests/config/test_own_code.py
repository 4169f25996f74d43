"""Own code: an error in it is said in one line, and what has changed of it since a run began is told."""

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mtl.cli.application import ends_in_one_line
from mtl.config import own_modules, targets
from mtl.config.compose import configure
from mtl.config.factories import instantiate_node
from mtl.config.own_code import exits_are_errors
from mtl.config.own_modules import code_of
from mtl.config.run_config import RunConfig
from mtl.errors import EXIT_USER_ERROR, InputError
from mtl.runs import changed
from mtl.runs.changed import say_of_changes
from mtl.runs.directory import Run

FILES = {
    "suite": "from . import parts\nfrom mine_of_code.sub.rows import ROWS\nimport torch, beside_of_code\n\n\n"
    "class Suite:\n    def load(self):\n        return {}['rows']\n",
    "parts": "import json\n",
    "sub/rows": "from ..deep import ROWS\n",
    "deep": "ROWS = 3\n",
    "unused": "",
    "__init__": "",
    "sub/__init__": "",
}
TARGET = "mine_of_code.suite.Suite"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunConfig]:
    """Of a run on a suite of a package in the working directory."""
    for name, text in FILES.items():
        path = tmp_path / "mine_of_code" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "beside_of_code.py").write_text("")
    (tmp_path / "my.txt").write_text("shops")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(targets, "imported", set())
    monkeypatch.setattr(changed, "_said", set())
    own_modules._modules.cache_clear()
    plain = configure("task=synthetic", "model=hard", f"output={tmp_path}")
    execution = {"_target_": "mtl.agent.environments.scheduling.job_shops.JobShops", "instances": "ta01,my.txt"}
    yield plain.changed(task={"_target_": TARGET}, execution=execution, trust=["mine_of_code"])
    own_modules._modules.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] in ("mine_of_code", "beside_of_code")]:
        del sys.modules[name]


def test_own_modules_are_those_that_a_config_names_and_what_they_import(config: RunConfig) -> None:
    names = ["beside_of_code", *(f"mine_of_code{part}" for part in ("", ".deep", ".parts", ".sub", ".sub.rows"))]
    assert list(code_of(config)) == [*names, "mine_of_code.suite"]
    assert code_of(configure("task=synthetic", "optimizer=sgd")) == {}


def test_it_is_said_once_which_own_code_has_changed_since_a_run(
    config: RunConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run.create(config)
    run.config = config
    say_of_changes(run, config)
    assert set(code_of(config)) < set(run.named)  # and the file of instances
    Path("mine_of_code", "deep.py").write_text("ROWS = 4\n")
    own_modules._modules.cache_clear()
    run.config = config  # as where it is gone on with
    for _ in range(2):
        say_of_changes(run, config)
    said = capsys.readouterr().err
    assert said.startswith(
        f"changed since run '{run.path}' began, and not told by its id: mine_of_code.deep; it counts"
    )
    assert said.count("\n") == 1
    Path("my.txt").write_text("other shops")
    say_of_changes(run, config)
    assert "mine_of_code.deep, my.txt; it counts" in capsys.readouterr().err
    plain = configure("task=synthetic", f"output={config.output}")
    other = Run.create(plain)
    other.config = plain
    assert not (other.path / "named.json").exists()


def test_an_error_in_own_code_is_one_line_that_names_the_class_and_keeps_the_traceback(
    config: RunConfig, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    suite = instantiate_node(config.task, "task", config.trust)
    with pytest.raises(SystemExit) as stop, ends_in_one_line():
        suite.load()
    assert stop.value.code == EXIT_USER_ERROR
    (kept,) = tmp_path.glob("mtl-error-*.txt")
    where = "error: mine_of_code.suite.Suite.load (line 8): KeyError: 'rows'; its traceback is in "
    assert capsys.readouterr().err == f"{where}{kept}\n"
    assert "KeyError: 'rows'" in kept.read_text()
    with pytest.raises(ZeroDivisionError), ends_in_one_line():
        math.sqrt(1 / 0)


def test_own_code_does_not_end_the_program(config: RunConfig, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("mine_of_code", "suite.py")
    path.write_text("import sys\n\n\nclass Suite:\n    def load(self):\n        sys.exit()\n")
    suite = instantiate_node(config.task, "task", config.trust)
    with pytest.raises(SystemExit) as stop, ends_in_one_line():
        suite.load()
    assert stop.value.code == EXIT_USER_ERROR
    said = "error: mine_of_code.suite.Suite.load (line 6): SystemExit: code of a run may raise an error"
    assert capsys.readouterr().err.startswith(said)
    with pytest.raises(SystemExit) as other, ends_in_one_line():  # of other code it is what it was
        sys.exit(7)
    assert other.value.code == 7

    def interrupted() -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            suite.load()

    with pytest.raises(SystemExit), exits_are_errors():  # and so is what came of an interruption
        interrupted()
    Path("mine_of_code", "deep.py").write_text("raise SystemExit\n")
    with pytest.raises(InputError, match=r"cannot build mine_of_code.deep.Part: its module ends the program"):
        instantiate_node({"_target_": "mine_of_code.deep.Part"}, "task", config.trust)
