"""``--help`` says all that can be typed, from the files in ``conf/``, and Hydra's other flags keep working."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mtl.cli.application import command
from mtl.cli.help import COLUMNS, help_text, with_whole_comments
from mtl.config.folders import CONF

OPTIONS = sorted(CONF.glob("*/*.yaml"))
COMMANDS = ["config", "execute", "improve"]
ROOT = CONF.parent


def words(text: str) -> str:
    """Text without line breaks, so that a wrapped line is found, too; signs that begin a comment are left out."""
    return " ".join(re.sub(r"(^|\s)#(?=\s)", " ", text).split())


def first_comment(path: Path) -> str:
    """The first line of a config that is a comment for people."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith("# ") and "@package" not in line).removeprefix("# ")


@pytest.mark.parametrize("path", OPTIONS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_option_is_listed_with_its_first_comment(path: Path) -> None:
    assert words(f"{path.stem} {first_comment(path)}") in words(help_text("config"))


@pytest.mark.parametrize("path", OPTIONS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_first_comment_of_an_option_is_a_whole_sentence(path: Path) -> None:
    """Or ends with a command."""
    assert re.search(r"[.?]$|python train\.py [^.]*", first_comment(path))


@pytest.mark.parametrize("group", sorted(path.name for path in CONF.iterdir() if path.is_dir()))
def test_every_group_is_listed_with_what_it_is_for(group: str) -> None:
    assert re.search(rf"^{group}: \w.*\w", help_text("config"), re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_key_is_listed_with_its_default_and_comment(name: str) -> None:
    text = (CONF / f"{name}.yaml").read_text(encoding="utf-8")
    for block in re.split(r"\n(?=\w)", text):
        if not block.startswith(("defaults:", "hydra:")):
            assert words(block) in words(help_text(name))


def test_what_is_for_hydra_alone_is_not_listed() -> None:
    for name in COMMANDS:
        assert not {"hydra:", "defaults:", "job_logging"} & set(re.findall(r"\w+:?", help_text(name)))


@pytest.mark.parametrize("arguments", [[], ["model=gated", "task=tables", "encoder=transformer"]], ids=["all", "named"])
@pytest.mark.parametrize("name", COMMANDS)
def test_lines_fit_the_terminal_and_none_is_printed_twice(name: str, arguments: list[str]) -> None:
    lines = help_text(name, arguments).splitlines()
    assert [line for line in lines if len(line) > COLUMNS] == []
    telling = [line.strip() for line in lines if len(line) > 30]  # shorter ones are keys, such as "seed: 0"
    assert sorted(telling) == sorted(set(telling))


def test_a_comment_of_several_lines_is_wrapped_as_one_text() -> None:
    """Only where a line is too wide: what is after its end would stand on a line of its own, before the next one."""
    key, more, other = f"a: 1  # {'word ' * 25}".rstrip(), "      # more words", "b: 2  # another"
    wide, narrow = with_whole_comments([key, more, other, more])
    assert narrow == [other, more]
    assert len(wide) == 2
    assert COLUMNS - len("word ") < len(wide[0]) <= COLUMNS
    assert " ".join([wide[0], wide[1].removeprefix("      # ")]) == f"{key} more words"


def test_the_default_of_every_group_is_marked() -> None:
    assert re.search(r"^\* gated  ", help_text("config"), re.MULTILINE)
    assert re.search(r"^  hard  ", help_text("config"), re.MULTILINE)
    assert re.search(r"^\* greedy  ", help_text("execute"), re.MULTILINE)


def test_named_options_show_their_keys() -> None:
    text = (CONF / "task" / "credit.yaml").read_text(encoding="utf-8").partition("task:")[2]
    assert words(text) in words(help_text("config", ["task=credit", "seed=3"]))
    assert words(text) not in words(help_text("config"))


def test_environments_show_their_keys_where_they_need_no_prefix() -> None:
    assert "instances: ta01..ta10" in help_text("execute")
    assert "cost: 20.0" in help_text("execute", ["execution@_global_=lending"])


@pytest.mark.parametrize("flags", [["--help"], ["seed=1", "-h"]], ids=["long", "short"])
@pytest.mark.parametrize("program", ["train.py", "execute.py", "improve.py"])
def test_the_flag_answers_and_starts_nothing(
    program: str, flags: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [program, *flags])
    name = {"train.py": "config"}.get(program, program.removesuffix(".py"))
    command(lambda: pytest.fail("started"), name)
    assert capsys.readouterr() == (help_text(name) + "\n", "")


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("program", "flags", "expected"),
    [
        ("train.py", ["--cfg", "job"], "output: outputs"),
        ("train.py", ["--info", "config"], "Config search path"),
        ("train.py", ["--hydra-help"], "--multirun"),
        ("execute.py", ["--hydra-help"], "--multirun"),
    ],
)
def test_other_flags_of_hydra_work(program: str, flags: list[str], expected: str) -> None:
    done = subprocess.run([sys.executable, program, *flags], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert expected in done.stdout


@pytest.mark.parametrize("program", ["train.py", "experiments/compare.py"])
def test_help_may_be_read_in_part(program: str) -> None:
    """Whoever stops reading, as ``head`` does, sees no complaint."""
    with subprocess.Popen(
        [sys.executable, program, "--help"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 0
