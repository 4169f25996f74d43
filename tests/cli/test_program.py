"""The command ``mtl``: answers at once, and is the same code as the scripts of the repository."""

import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest

import mtl
from mtl.cli import program
from mtl.config.commands import as_typed, config_dirs, trusting, typed
from mtl.config.process import RUN_VARIABLE
from mtl.errors import EXIT_USER_ERROR


@pytest.mark.parametrize("words", [[], ["--help"], ["trian"], ["--version"]], ids=str)
def test_it_answers_without_what_takes_long_to_import(words: list[str]) -> None:
    code = (
        "import sys; from mtl.cli.program import main; sys.argv = ['mtl', *sys.argv[1:]]\n"
        "try: main()\n"
        "finally: assert not {'torch', 'hydra', 'numpy', 'pydantic', 'rich'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    if words == ["trian"]:
        assert done.returncode == EXIT_USER_ERROR
        assert done.stderr.startswith("error: unknown command 'trian': did you mean 'train'? valid: train, compare")
        assert done.stderr.count("\n") == 1
    else:
        assert (done.returncode, done.stderr) == (0, "")
        assert mtl.__version__ in done.stdout if words == ["--version"] else "  train " in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
@pytest.mark.parametrize("words", [["--help"], ["--version"]], ids=str)
def test_an_answer_that_cannot_be_printed_is_one_line(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mtl", *words])
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as stop:
            program.main()
    assert stop.value.code == EXIT_USER_ERROR
    assert capsys.readouterr().err == "error: standard output cannot be written: No space left on device\n"


@pytest.mark.parametrize("name", sorted(set(program.COMMANDS) - {"predict"}))
def test_every_command_is_a_module_with_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mtl", name, "--help"])
    with suppress(SystemExit):  # of some; a mistake would be said
        program.main()
    said = capsys.readouterr()
    assert said.err == ""
    assert len(said.out.splitlines()) > 2
    assert callable(import_module(f"mtl.cli.{name}").main)


@pytest.mark.parametrize("records", [[], ["records="], ["records=null"], ["records=a.csv", "records=null"]], ids=str)
def test_to_predict_takes_rows(
    records: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mtl", "predict", "run=outputs/x", *records])
    with pytest.raises(SystemExit) as stop:
        program.main()
    assert stop.value.code == EXIT_USER_ERROR
    assert capsys.readouterr().err == "error: predict: expected a file of new rows, such as records=new.csv\n"


def test_help_is_of_the_command_that_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mtl", "help", "doctor"])
    with pytest.raises(SystemExit) as stop:
        program.main()
    assert stop.value.code == 0
    assert "Says which version this is" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["mtl", "help", "trian"])
    with pytest.raises(SystemExit):
        program.main()
    assert "unknown command 'trian': did you mean 'train'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--versoin"], "unknown flag '--versoin': did you mean '--version'?"),
        (["--trian"], "unknown flag '--trian': did you mean 'train'?"),
        (["compare", "--hlep", "task=digits"], "unknown flag '--hlep': did you mean '--help'?"),
        (["runs", "--cofnig-dir=conf"], "unknown flag '--cofnig-dir=conf': did you mean '--config-dir'?"),
    ],
    ids=" ".join,
)
def test_a_misspelt_flag_is_named_with_the_nearest_one(
    typed: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mtl", *typed])
    with pytest.raises(SystemExit) as stop:
        program.main()
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: {said}")


def test_a_further_process_of_a_training_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning starts the program again with what Hydra has read, which is without the command's name."""
    ran: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(program, "run", lambda name: ran.append((name, sys.argv[1:])))
    monkeypatch.setattr(sys, "argv", ["mtl", "task=synthetic", "hydra.job.name=second"])
    monkeypatch.setenv(RUN_VARIABLE, "outputs/runs/x")
    program.main()
    assert ran == [("train", ["task=synthetic", "hydra.job.name=second"])]


@pytest.mark.parametrize(
    ("started", "expected"),
    [
        ("train.py", "python train.py"),
        ("bin/mtl", "mtl train"),
        ("site-packages/mtl/__main__.py", "python -m mtl train"),
        ("bin/pytest", "python train.py"),
    ],
)
def test_what_is_to_be_typed_next_is_typed_as_before(
    started: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [started])
    assert typed("train") == expected
    assert as_typed("# python train.py model=hard; python experiments/compare.py").startswith(
        f"# {expected} model=hard"
    )
    monkeypatch.setattr("mtl.config.commands.config_dirs", ["my conf"])
    assert typed("train") == f"{expected} --config-dir 'my conf'"
    assert config_dirs == []


def test_an_installed_package_has_no_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtl.config.commands.PACKAGE", tmp_path / "mtl")
    monkeypatch.setattr(sys, "argv", ["notebook"])
    assert typed("compare") == "mtl compare"


@pytest.mark.parametrize(
    ("modules", "expected"),
    [
        ([], []),
        (["acme.weighting"], ["'trust=[acme.weighting]'"]),
        (["acme.weighting", "torch_extra", "acme.suite"], ["'trust=[acme, torch_extra]'"]),
    ],
)
def test_what_has_to_be_trusted_again_is_short(modules: list[str], expected: list[str]) -> None:
    """One module by its name, several of a package by that of the package."""
    assert trusting(modules) == expected
