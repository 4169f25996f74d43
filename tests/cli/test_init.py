"""``mtl init`` writes a project that can be used as it is."""

import errno
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mtl.cli import init
from mtl.cli.init import PLACEHOLDER, TEMPLATE, main
from mtl.config.compose import configure
from mtl.errors import InputError

TARGET = re.compile(r"_target_: (\S+)")
TEMPLATES = sorted(path for path in TEMPLATE.rglob("*") if path.is_file() and path.suffix != ".pyc")
OPTIONS = ["task=deliveries", "weighting=largest_first", "model=own_layer", "encoder=products", "execution=warn"]


def parted(option: str) -> tuple[str, str, str]:
    """Group and option."""
    return option.partition("=")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "mine_of_init"]:
        del sys.modules[name]


def test_a_project_is_written_under_its_own_name(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mine_of_init"]) == 0
    said = capsys.readouterr().out
    written = [path for path in (here / "mine_of_init").rglob("*") if path.is_file()]
    assert len(written) == len(TEMPLATES)
    assert all(PLACEHOLDER not in path.read_text(encoding="utf-8") for path in written)
    monkeypatch.chdir(here / "mine_of_init")
    (command,) = [line.split()[4:] for line in said.splitlines() if "mtl train" in line]
    assert command == OPTIONS
    config = configure(*command)
    assert [f"{group}={getattr(config.choices, group)}" for group, _, _ in map(parted, OPTIONS)] == OPTIONS


def test_the_folder_is_entered_by_what_is_printed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["my project/mine_of_init"]) == 0
    assert "  cd 'my project/mine_of_init'\n" in capsys.readouterr().out


@pytest.mark.parametrize("path", [path for path in TEMPLATES if path.suffix == ".yaml"], ids=lambda path: path.stem)
def test_every_option_of_the_template_names_a_class_of_it(path: Path) -> None:
    (target,) = TARGET.findall(path.read_text(encoding="utf-8"))
    package, module, kind = target.split(".")
    assert package == PLACEHOLDER
    assert f"class {kind}(" in (TEMPLATE / package / f"{module}.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["My Project"], "expected the name of a package"),
        (["class"], "expected the name of a package"),
        (["torch"], "a package of this name is there already"),
        (["full"], "there is something in it already"),
        (["one", "two"], "init takes one name"),
    ],
)
def test_mistakes_are_said_and_nothing_is_written(words: list[str], message: str, here: Path) -> None:
    (here / "full").mkdir()
    (here / "full" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        main(words)
    assert sorted(path.name for path in here.rglob("*")) == ["full", "notes.txt"]


def test_what_cannot_be_written_leaves_no_half_of_a_project(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def until_the_disk_is_full(path: Path, text: str) -> None:
        if len(list(here.rglob("*.py"))) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        path.write_text(text, encoding="utf-8")

    monkeypatch.setattr(init, "write_text", until_the_disk_is_full)
    with pytest.raises(InputError, match="'mine_of_init' cannot be written: No space left on device"):
        main(["mine_of_init"])
    assert list(here.iterdir()) == []
