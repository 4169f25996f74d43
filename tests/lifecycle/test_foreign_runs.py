"""A run directory that somebody else made is data: nothing that it names is run, whoever looks at it."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mtl.assembly import load
from mtl.cli.application import command
from mtl.comparison.records import read
from mtl.errors import EXIT_USER_ERROR, InputError
from mtl.lifecycle.execution import execute
from mtl.lifecycle.train import train
from mtl.lifecycle.trained import load_trained
from mtl.runs.directory import Run
from tests.support import tiny
from tests.trained import resume

TOUCH = {"_target_": "pathlib.Path.touch", "self": "RAN"}
PLACES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "the target of a group": lambda config: config["model"].update(_target_="os.system", command="touch RAN"),
    "of every group": lambda config: config.update(
        dict.fromkeys(("task", "model", "encoder", "weighting", "optimizer", "scheduler", "execution"), TOUCH)
    ),
    "an argument": lambda config: config["encoder"].update(activation=TOUCH),
    "a list of an argument": lambda config: config["encoder"].update(widths=[8, [TOUCH]]),
    "positional arguments": lambda config: config["weighting"].update(_args_=[TOUCH]),
    "a callback": lambda config: config.update(callbacks={"mine": TOUCH}),
    "the environment": lambda config: config.update(execution=TOUCH),
    "a function that makes objects": lambda config: config.update(
        model={"_target_": "mtl.config.factories.instantiate_node", "node": TOUCH, "where": "", "trust": ["pathlib"]}
    ),
    "a function that writes": lambda config: config.update(
        callbacks={"mine": {"_target_": "mtl.runs.files.write_text", "path": "RAN", "text": ""}}
    ),
    "a reference": lambda config: config.update(model={"_target_": "${oc.decode:pathlib.Path.touch}", "self": "RAN"}),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    result = train(tiny(tmp_path_factory.mktemp("foreign"), "model=hard", "epochs=1"))
    assert result is not None
    return Path(result.directory)


@pytest.fixture
def hostile(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A copy of the run whose config was changed, in the working directory; it says that everything is trusted."""
    monkeypatch.chdir(tmp_path)

    def change(how: Callable[[dict[str, Any]], Any]) -> Path:
        copy = tmp_path / "downloaded"
        shutil.copytree(finished, copy)
        config = yaml.safe_load((copy / "config.yaml").read_text())
        how(config)
        config["trust"] = ["pathlib", "os", "mtl"]
        (copy / "config.yaml").write_text(yaml.safe_dump(config))
        return copy

    return change


@pytest.mark.parametrize("how", PLACES.values(), ids=PLACES)
def test_what_a_run_names_is_not_run(
    how: Callable[[dict[str, Any]], Any],
    hostile: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """By the Python API, execution, going on, and both commands; a report does not look."""
    path = hostile(how)
    (path / "state").write_text("interrupted\n")
    for look in (
        load,
        resume,
        lambda path: load_trained(Run.open(path)),
        lambda path: execute(None, str(path)),
        lambda path: Run.open(path).config,
    ):
        with pytest.raises(InputError, match=r"downloaded/config\.yaml': .*_target_=.*") as error:
            look(path)
        assert "\n" not in str(error.value)
    import execute as execute_py
    import train as train_py

    for main, name, words in (
        (execute_py.main, "execute", [f"run={path}"]),
        (train_py.main, "config", [f"resume={path}"]),
    ):
        monkeypatch.setattr(sys, "argv", [name, *words])
        with pytest.raises(SystemExit) as stop:
            command(main, name)
        assert stop.value.code == EXIT_USER_ERROR
        said = capfd.readouterr()
        assert (said.out, said.err.count("\n")) == ("", 1)
        assert "_target_=" in said.err
    records, problems = read([path])
    assert (len(records), problems) == (1, [])
    assert not list(path.parent.glob("RAN"))


def test_the_opener_trusts_and_not_the_run(hostile: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A class of the user's own, by the module that is named; the run's config does not carry trust on."""
    (Path.cwd() / "acme_layers.py").write_text("from mtl.nn.mlp import MLP\nclass Mine(MLP): pass\n")
    monkeypatch.syspath_prepend(Path.cwd())
    path = hostile(lambda config: config["encoder"].update(_target_="acme_layers.Mine"))
    with pytest.raises(InputError, match=r"encoder\._target_=acme_layers\.Mine: not run, .*trust=\[acme_layers\]"):
        load(path)
    loaded = load(path, trust=["acme_layers"])
    assert any(type(part).__name__ == "Mine" for part in loaded.module.modules())
    assert loaded.config.trust == ["acme_layers"]
    assert Run.open(path, ["acme_layers"]).config.trust == ["acme_layers"]


def test_trust_is_not_written_down(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.config = tiny(tmp_path, "trust=[acme]")
    assert "trust" not in yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert Run.open(tmp_path).config.trust == []
