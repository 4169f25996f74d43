"""Every command that README and site show can be typed: its program is there, and its options and keys are."""

import re
import tomllib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from mtl.cli import analyse, retrain
from mtl.cli.application import override_arguments
from mtl.cli.plain_options import read_options
from mtl.cli.program import COMMANDS
from mtl.cli.runs import read_arguments
from mtl.config.compose import check_overrides
from mtl.config.folders import option_names
from mtl.config.search_settings import read_search
from mtl.config.study_arguments import read_study
from tests.docs.pages import PAGES, ROOT, Command, commands, tables

SCRIPTS = {
    "train.py": "train",
    "execute.py": "execute",
    "improve.py": "improve",
    "experiments/compare.py": "compare",
    "experiments/report.py": "report",
    "experiments/analyse.py": "analyse",
    "experiments/affinity.py": "affinity",
    "experiments/runs.py": "runs",
}
OWN = ROOT / "mtl" / "cli" / "template" / "conf"  # of the project that `mtl init` writes
FILLED = {"task=<suite>": "task=digits", "task=<name>": "task=digits", "weighting=<name>": "weighting=equal"}
PASSED = [
    ["mtl", "COMMAND"],
    ["mtl", "--version"],
    ["python", "make_customers.py"],
]  # any; saved by the reader, and run in test_blocks.py
DISTRIBUTION, EXTRAS = (
    tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][key]
    for key in ("name", "optional-dependencies")
)


def filled(text: str) -> str:
    """An argument with something in the place of what the reader is to fill in."""
    text = FILLED.get(text, text)
    if text in {"task=...", "task=$task"}:
        return "task=digits"
    text = text.replace("task.targets=...", "task.targets={churn: binary}")
    text = re.sub(r"^(seed=\d+)[,\d]+$", r"\1", text)  # one seed is typed as another
    return re.sub(r"<[^>]*>|(?<==)\.\.\.", "1", text)


def check(words: list[str]) -> None:
    """Raise an error unless the command can be typed."""
    program, *rest = words
    if program in {"docker", "tensorboard"} or words[:2] in PASSED:
        return
    if program == "git":
        assert rest[0] in {"tag", "push"}
    elif program == "bash":
        check(rest[1].removeprefix("time ").split())
    elif program == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert not rest or f"\n{rest[0]}: " in makefile, f"no target {rest[0]}"
    elif program == "pip":
        check_install(rest)
    elif program == "mtl":
        check_own(rest[0], *rest[1:])
    elif rest[0] in SCRIPTS:
        check_own(SCRIPTS[rest[0]], *rest[1:])
    elif rest[:2] == ["-m", "mtl"]:
        check_own(rest[2], *rest[3:])
    else:
        check_python(rest)


@cache  # several pages have the same one
def check_own(command: str, *arguments: str) -> None:
    """A command of this project, its arguments read as the command reads them."""
    assert command in COMMANDS
    given = [filled(text) for text in arguments if not re.fullmatch("<.*>", text)]
    if command == "compare":
        read_study(given)
    elif command in (files := {"train": "config", "execute": "execute", "predict": "execute", "improve": "improve"}):
        check_overrides(override_arguments(given), files[command])
    elif command == "analyse":
        read_options(given, analyse.OPTIONS)
    elif command == "retrain":
        read_options(given, retrain.OPTIONS)
    elif command == "runs":
        read_arguments(given)
    elif command == "tune" and given:
        read_search(given)


def check_install(arguments: list[str]) -> None:
    """What pip is to install is this project, with extras that there are."""
    for text in arguments:
        wanted = re.fullmatch(r"([\w-]+)\[([\w,]+)\]", text)
        if wanted:
            assert wanted[1] == DISTRIBUTION
            assert set(wanted[2].split(",")) <= set(EXTRAS)
    assert not arguments or arguments[0] != "install" or "mtl" not in arguments


def check_python(arguments: list[str]) -> None:
    """A program of the repository that knows these flags, or a line of code that compiles."""
    if arguments[0] == "-c":
        compile(arguments[1], "line", "exec")
        return
    if arguments[0] == "-m":
        spec = find_spec(arguments[1])
        assert spec
        file = Path(str(spec.origin))
    else:
        file = ROOT / arguments[0]
    if file.is_relative_to(ROOT):
        flags = {text for text in arguments if text.startswith("--")}
        source = file.read_text(encoding="utf-8")
        assert all(f'"{flag}"' in source for flag in flags), flags


@pytest.mark.parametrize("command", commands(), ids=str)
def test_command_can_be_typed(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    if "task=deliveries" in command.words:
        monkeypatch.setenv("MTL_CONF", str(OWN))
    check(list(command.words))


@pytest.mark.parametrize("group", ["weighting", "model", "encoder"])
def test_options_in_tables_exist(group: str) -> None:
    """A column that is headed by a group of options names options of it."""
    found = set()
    for path in PAGES:
        for heads, *rows in tables(path):
            if f"`{group}=`" in heads:
                column = heads.index(f"`{group}=`")
                found |= {word for row in rows for word in re.findall(r"`(\w+)`", row[column])}
    assert found
    assert found <= set(option_names(group))
