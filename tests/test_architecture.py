"""Rules about the source itself: who imports whom, what is documented, and what must not be written anywhere."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "mtl").rglob("*.py"))
CONFIGS = sorted((ROOT / "conf").rglob("*.yaml"))
TEXTS = [
    path
    for place in ("mtl", "conf", "docs", "experiments", "benchmarks", "*.py", "*.md", "*.toml", "*.txt", "Makefile")
    for top in sorted(ROOT.glob(place))
    for path in (sorted(top.rglob("*")) if top.is_dir() else [top])
    if path.suffix in {".py", ".yaml", ".md", ".toml", ".txt", ".json", ".csv", ".svg", ""} and path.is_file()
]
MACHINE_PATH = re.compile(r"(?<![\w.~])/(?:work|home|root|Users|mnt|tmp|scratch)/\w")


def name(path: Path) -> str:
    """The path as test id."""
    return path.relative_to(ROOT).as_posix()


def syntax(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    """Top-level names of all absolute imports, also of those inside functions."""
    found = set()
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_import_contracts() -> None:
    """The layers and contracts of pyproject.toml hold."""
    lint = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True, no_logo=True))"
    result = subprocess.run([sys.executable, "-c", lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_the_assembly_and_the_command_line_read_configuration(path: Path) -> None:
    """Everything else gets plain values: whoever uses it from Python needs no Hydra."""
    place = path.relative_to(ROOT / "mtl")
    if place.parts[0] not in {"assembly.py", "config", "cli"}:
        assert not imported(path) & {"hydra", "omegaconf"}


def test_every_import_is_declared() -> None:
    """What mtl/ imports is the standard library or stands in pyproject.toml, as base dependency or in an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = chain(project["dependencies"], *project["optional-dependencies"].values())
    declared = {re.split(r"[\[<>=!~; ]", line)[0].lower() for line in requirements}
    installed = packages_distributions()
    for path in MODULES:
        for package in imported(path) - set(sys.stdlib_module_names) - {"mtl"}:
            providers = {provider.lower().replace("_", "-") for provider in installed.get(package, [package])}
            assert providers & declared, f"{name(path)} imports {package}, which pyproject.toml does not declare"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_public_names_are_documented(path: Path) -> None:
    """Every module, public class and public function says what it is."""
    module = syntax(path)
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    public = [node for node in module.body if isinstance(node, kinds) and not node.name.startswith("_")]
    assert [node.name for node in public if not ast.get_docstring(node)] == []
    assert ast.get_docstring(module)


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_files_are_never_unpickled(path: Path) -> None:
    """A checkpoint or data file from a stranger cannot run code."""
    required = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Call) and (call := ast.unparse(node.func)) in required:
            keyword, value = required[call]
            given = {word.arg: ast.unparse(word.value) for word in node.keywords}
            assert given.get(keyword) == str(value), f"{name(path)}:{node.lineno} {call} without {keyword}={value}"


@pytest.mark.parametrize("path", CONFIGS, ids=name)
def test_configs_say_what_they_are(path: Path) -> None:
    """A config opens with a comment; only Hydra's package line, which it reads nowhere else, may stand before it."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("# @package ")]
    assert re.match(r"#+ \w", lines[0])


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_no_path_of_one_machine(path: Path) -> None:
    """What is written here means the same on every machine."""
    found = MACHINE_PATH.findall(path.read_text(encoding="utf-8"))
    assert found == []
