"""The package as people get it: built as a source distribution, from that a wheel, installed, used in an empty folder.

Libraries are those of the environment that runs the tests: what is proven is what the wheel holds and how it is found.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
SMALL = ["task.rows=100", "epochs=2", "encoder.width=8", "progress=false", "threads=1"]
OWN = ["task=deliveries", "encoder=products", *SMALL]


def run(words: Sequence[str | Path], cwd: Path, **variables: str) -> str:
    """Standard output and error of a program that succeeds; it sees no other package of this repository."""
    ignored = ("PYTHONPATH", "MTL_CONF")
    environment = {key: value for key, value in os.environ.items() if key not in ignored} | variables
    done = subprocess.run(
        list(map(str, words)), cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the unpacked source distribution."""
    folder = tmp_path_factory.mktemp("built")
    build = [sys.executable, "-m", "hatchling", "build", "-d", folder, "-t"]
    path = os.environ.get("PYTHONPATH", "")
    run([*build, "sdist"], ROOT, PYTHONPATH=path)
    (source,) = folder.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(folder, filter="data")
    run([*build, "wheel"], folder / source.name.removesuffix(".tar.gz"), PYTHONPATH=path)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def commands(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``bin/`` of an environment in which the wheel is installed, beside the libraries of this one."""
    environment = tmp_path_factory.mktemp("environment")
    run([sys.executable, "-m", "venv", "--without-pip", environment], ROOT)
    commands = environment / "bin"
    (packages,) = environment.glob("lib/python*/site-packages")
    # Only the folder: what is installed from this repository is not, since .pth files in it are not read again
    (packages / "libraries.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n", encoding="utf-8")
    options = ["--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check", "--quiet"]
    run([sys.executable, "-m", "pip", "--python", commands / "python", "install", *options, wheel], ROOT)
    return commands


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package_and_every_config(wheel: Path) -> None:
    """Through the source distribution, which holds the tests and the tools as well."""
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    code = {path for place in ("mtl", "hydra_plugins") for path in (ROOT / place).rglob("*") if path.is_file()}
    expected = {path.relative_to(ROOT).as_posix() for path in code if "__pycache__" not in path.parts}
    expected |= {f"mtl/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert held == expected
    source = wheel.parent / wheel.name.partition("-py3")[0]
    for name in ("Makefile", ".ci/setup", "constraints.txt", "train.py", "tests/conftest.py", "docs/architecture.md"):
        assert (source / name).is_file()


@pytest.mark.slow
def test_what_the_image_copies_is_enough_to_build_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """The paths that Dockerfile copies, out of what .dockerignore lets through."""
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[0] == "!"}
    copied = [words[1:-1] for words in instructions() if words[0] == "COPY"]
    assert {name for names in copied for name in names} == kept
    for name in kept:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, tmp_path / name)
    build = [sys.executable, "-m", "hatchling", "build", "-d", tmp_path / "built", "-t", "wheel"]
    run(build, tmp_path, PYTHONPATH=os.environ.get("PYTHONPATH", ""))
    (other,) = (tmp_path / "built").glob("*.whl")
    held = [sorted(name for name in zipfile.ZipFile(file).namelist() if name[-4:] != ".pyc") for file in (wheel, other)]
    assert held[0] == held[1]


def instructions() -> list[list[str]]:
    """The instructions of Dockerfile, word by word."""
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


def test_the_image_installs_extras_that_there_are_on_a_python_that_is_supported() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (extras,) = re.findall(r"'\.\[(.+)\]'", text)
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    (python,) = re.findall(r"^ARG PYTHON=(.+)$", text, re.MULTILINE)
    assert SpecifierSet(project["requires-python"]).contains(f"{python}.0")
    assert re.search(
        "^torch==", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE
    )  # what grep finds


@pytest.mark.slow
def test_a_run_in_an_empty_folder(commands: Path, tmp_path: Path) -> None:
    """Configs are found in the wheel, the run goes to ./outputs, and what comes next is typed as it was."""
    said = run(
        [commands / "mtl", "train", "task=synthetic", "task.rows=100", "epochs=1", "encoder.widths=[8]", *SMALL[3:]],
        tmp_path,
    )
    (run_directory,) = tmp_path.glob("outputs/runs/synthetic/gated-uncertainty/*")
    assert (run_directory / "result.json").is_file()
    assert "mtl compare task=synthetic" in said
    assert "train.py" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]


# What the command does, several times in one process, since most of each second is spent on importing torch
SEVERAL = """
import sys
from mtl.cli.program import main

for words in {commands!r}:
    sys.argv = [{mtl!r}, *words]
    try:
        main()
    except SystemExit as stop:
        assert not stop.code, (words, stop.code)
import pytest
raise SystemExit(pytest.main(["-q", "-p", "no:cacheprovider"]))
"""


@pytest.mark.slow
def test_a_project_of_ones_own(commands: Path, tmp_path: Path) -> None:
    """``mtl init``, its weighting trained and compared, a run that acts once its code is trusted, and its tests."""
    mtl, project = commands / "mtl", tmp_path / "mine"
    run([mtl, "init", "mine"], tmp_path)
    settings = [
        "models=[own_layer]",
        "weightings=[largest_first]",
        "seeds=2",
        "baselines=[]",
        "workers=0",
        "name=first",
    ]
    steps = [
        ["train", *OWN, "model=own_layer", "weighting=largest_first", "execution=warn"],
        ["execute", "trust=[mine]"],
        ["compare", *OWN, *settings],
    ]
    said = run([commands / "python", "-P", "-c", SEVERAL.format(commands=steps, mtl=str(mtl))], project)
    assert "mtl execute run=outputs/runs/deliveries/own_layer-largest_first/" in said
    assert "trust=[mine]" in said
    assert said.count("Warnings: ") == 2
    assert " passed" in said  # the tests of the project
    page = (project / "outputs" / "comparisons" / "first" / "report.html").read_text(encoding="utf-8")
    assert "own_layer-largest_first" in page
    assert "mtl compare task=deliveries" in page
