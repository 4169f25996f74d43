"""Rules about the source itself: who imports whom, what is documented, and what must not be written anywhere."""

import ast
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "mtl").rglob("*.py"))
TEMPLATE = ROOT / "mtl" / "cli" / "template"  # a project called acme
CONFIGS = sorted((ROOT / "conf").rglob("*.yaml"))
TEXTS = [
    path
    for place in ("mtl", "conf", "docs", "experiments", "benchmarks", "*.py", "*.md", "*.toml", "*.txt", "Makefile")
    for top in sorted(ROOT.glob(place))
    for path in (sorted(top.rglob("*")) if top.is_dir() else [top])
    if path.suffix in {".py", ".yaml", ".md", ".toml", ".txt", ".json", ".csv", ".svg", ""} and path.is_file()
]
DOCUMENTS = [path for path in TEXTS if path.suffix == ".md" and path.name != "CHANGELOG.md"]  # which tells of the past
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
PROJECT_PATH = re.compile(r"(?<![\w./~-])(?:mtl|conf|docs|tests|experiments|benchmarks|hydra_plugins)/[\w./-]*")
MACHINE_PATH = re.compile(r"(?<![\w.~])/(?:work|home|root|Users|mnt|tmp|scratch)/\w")


def name(path: Path) -> str:
    """The path as test id."""
    return path.relative_to(ROOT).as_posix()


def syntax(path: Path) -> ast.Module:
    """The parsed file."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(path: Path) -> set[str]:
    """Top-level names of all absolute imports, also of those inside functions."""
    found = set()
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_one_file_asks_a_system_by_name() -> None:
    """What one system has and another has not is in mtl/config/system.py, whose tests take it away."""
    of_one_system = {"ctypes", "fcntl", "grp", "msvcrt", "posix", "pwd", "resource", "termios", "winreg"}
    words = re.compile(r"/proc\b|sched_[gs]etaffinity|sys\.platform|os\.name\b|cpu_affinity")
    asking = {
        name(path)
        for path in MODULES
        if imported(path) & of_one_system or words.search(path.read_text(encoding="utf-8"))
    }
    assert asking == {"mtl/config/system.py"}


def test_import_contracts() -> None:
    """The layers and contracts of pyproject.toml hold."""
    lint = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True, no_logo=True))"
    result = subprocess.run([sys.executable, "-c", lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_only_the_configuration_and_the_command_line_know_hydra() -> None:
    """Everything else gets plain values: whoever uses it from Python needs no Hydra."""
    knowing = [name(path) for path in MODULES if imported(path) & {"hydra", "omegaconf"}]
    assert knowing
    assert [path for path in knowing if not path.startswith(("mtl/config/", "mtl/cli/"))] == []


def test_every_import_is_declared() -> None:
    """What mtl/ imports is the standard library or stands in pyproject.toml, as base dependency or in an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = chain(project["dependencies"], *project["optional-dependencies"].values())
    declared = {re.split(r"[\[<>=!~; ]", line)[0].lower().replace("_", "-") for line in requirements}
    installed = packages_distributions()
    for path in MODULES:
        for package in imported(path) - set(sys.stdlib_module_names) - {"mtl", "acme"}:
            providers = {provider.lower().replace("_", "-") for provider in installed.get(package, [package])}
            assert providers & declared, f"{name(path)} imports {package}, which pyproject.toml does not declare"


def test_files_are_never_unpickled() -> None:
    """A checkpoint or data file from a stranger cannot run code."""
    required = {"torch.load": ("weights_only", True), "np.load": ("allow_pickle", False)}
    seen = set()
    for path in MODULES:
        if not any(call in path.read_text(encoding="utf-8") for call in required):
            continue
        for node in ast.walk(syntax(path)):
            if isinstance(node, ast.Call) and (call := ast.unparse(node.func)) in required:
                keyword, value = required[call]
                given = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert given.get(keyword) == str(value), f"{name(path)}:{node.lineno} {call} without {keyword}={value}"
                seen.add(call)
    assert seen == set(required)


@pytest.mark.parametrize("path", CONFIGS, ids=name)
def test_configs_say_what_they_are(path: Path) -> None:
    """A config opens with a comment; only Hydra's package line, which it reads nowhere else, may stand before it."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("# @package ")]
    assert re.match(r"#+ \w", lines[0])


def test_no_path_of_one_machine() -> None:
    """What is written here means the same on every machine."""
    found = {name(path): MACHINE_PATH.findall(path.read_text(encoding="utf-8")) for path in TEXTS}
    assert {path: paths for path, paths in found.items() if paths} == {}


def anchors(path: Path) -> set[str]:
    """The names by which a page's headings are linked to, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    """To a file of the project and, where they name one, to a heading in it."""
    for target, anchor in LINK.findall(path.read_text(encoding="utf-8")):
        page = (path.parent / target).resolve() if target else path
        assert page.exists(), target
        assert not anchor or anchor in anchors(page), f"{target}#{anchor}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_paths_in_documents_exist(path: Path) -> None:
    """Files and folders of the project that a text names, also those outside of links."""
    named = {found.rstrip("./-") for found in PROJECT_PATH.findall(path.read_text(encoding="utf-8"))}
    root = TEMPLATE if path.is_relative_to(TEMPLATE) else ROOT
    assert sorted(found for found in named if not (root / found).exists()) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_python_names_in_documents_exist(path: Path) -> None:
    """What a text or an example of a config calls ``mtl.<module>.<name>``."""
    for dotted in set(re.findall(r"\bmtl(?:\.\w+)+", path.read_text(encoding="utf-8"))) - {"mtl.conf"}:  # entry points
        place, parts = ROOT / "mtl", dotted.split(".")[1:]
        while parts and (place / parts[0]).is_dir():
            place /= parts.pop(0)
        file = place / f"{parts[0]}.py" if parts and (place / f"{parts[0]}.py").is_file() else place / "__init__.py"
        rest = parts[1:] if file.name != "__init__.py" else parts
        assert not rest or re.search(rf"\b{rest[0]}\b", file.read_text(encoding="utf-8")), dotted


def test_pictures_are_of_the_run_that_the_readme_shows() -> None:
    """Taken together by docs/take_pictures.py, and of the schedule whose makespan stands in the table."""
    images = ROOT / "docs" / "images"
    shown = json.loads((images / "pictures.json").read_text(encoding="utf-8"))
    for picture, digest in shown["sha256"].items():
        assert hashlib.sha256((images / picture).read_bytes()).hexdigest() == digest, picture
    (row,) = re.findall(rf"^ {shown['instance']} +\d+ +(\d+) ", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    assert int(row) == shown["makespan"]


def test_the_picture_of_layers_shows_every_package() -> None:
    """Those of the import contract, which has to name all of them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (layers,) = [contract["layers"] for contract in settings["contracts"] if contract["id"] == "layers"]
    packages = {package.strip() for row in layers for package in row.split("|")} - {"__main__"}  # a call of cli
    picture = (ROOT / "docs" / "images" / "layers.svg").read_text(encoding="utf-8")
    assert packages <= set(re.findall(r">(\w+)</text>", picture))
