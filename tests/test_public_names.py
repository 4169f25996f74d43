"""``import mtl`` gives the public names, and imports nothing for it."""

import ast
import re
import runpy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

import mtl
from mtl.cli.compare import console_of_caller
from mtl.config.compose import target_of
from mtl.config.folders import CONF

INSTALL = Path(__file__).parents[1] / "docs" / "install.md"


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys; before = set(sys.modules); import mtl; names = dir(mtl)\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["mtl"]


def test_configuring_needs_no_torch() -> None:
    code = "import sys, mtl; mtl.configure('task=synthetic'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", mtl.__all__)
def test_every_public_name_is_there(name: str) -> None:
    found = getattr(mtl, name)
    assert found is getattr(mtl, name)
    assert name in dir(mtl)
    assert found.__doc__


def test_what_a_type_checker_sees_is_what_is_there() -> None:
    """The imports for type checkers name the same modules as those at the first use."""
    tree = ast.parse(Path(mtl.__file__).read_text(encoding="utf-8"))
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.name: node.module for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert set(seen) == set(mtl.__all__)
    for name, module in seen.items():
        assert getattr(mtl, name) is getattr(sys.modules[str(module)], name)  # imported now, where nobody has before


@pytest.mark.parametrize(("package", "group"), [("weighting", "weighting"), ("sharing", "model"), ("nn", "encoder")])
def test_methods_are_there_by_the_names_of_their_classes(package: str, group: str) -> None:
    """Those that the package's options name, and no other; a module of the package is still one."""
    place = getattr(mtl, package)
    targets = [str(target_of(path, group)) for path in sorted((CONF / group).glob("*.yaml"))]
    of_package = [target.rpartition(".") for target in targets if target.startswith(f"mtl.{package}.")]
    assert len(of_package) > 5
    for module, _, name in of_package:
        assert getattr(place, name) is getattr(sys.modules[module], name)
        assert name in dir(place)
    with pytest.raises(AttributeError, match=f"module 'mtl.{package}' has no attribute 'Nothing'"):
        place.Nothing  # noqa: B018


def test_importing_a_package_of_methods_imports_no_method() -> None:
    code = "import sys, mtl; dir(mtl.weighting), dir(mtl.sharing), dir(mtl.nn); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'mtl' has no attribute 'trian'"):
        mtl.trian  # noqa: B018


@pytest.mark.smoke
def test_the_example_in_the_documents_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a configuration to a verdict."""
    (example,) = re.findall(r"^```python\n(.*?)^```", INSTALL.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / "example.py").write_text(example, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names = runpy.run_path("example.py")
    assert names["predictions"].keys() == names["result"].tasks.keys()
    assert names["found"].verdict.headline
    assert not names["found"].problems
    result, found = str(names["result"]), repr(names["found"])  # as a notebook shows them
    assert result == repr(names["result"])
    assert len(result.splitlines()) == 1 + len(names["result"].tasks)
    assert found.startswith(f"Report of {names['found'].name}: {names['found'].verdict.outcome}\n")
    assert max(len(result), len(found)) < 1500


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda config: mtl.Agent(config), "expected overrides as texts, such as 'task=credit'; found a RunConfig"),
        (lambda _: mtl.configure(cast(Any, ["task=credit"])), "expected overrides as texts.*found a list"),
        (lambda _: mtl.compare(cast(Any, {"task": "credit"})), "expected overrides as texts.*found a dict"),
        (lambda _: mtl.train(cast(Any, "task=credit")), r"train: expected a config, as configure.*found a str"),
        (lambda _: mtl.load(cast(Any, None)), "no run: expected the path of a run directory, found a NoneType"),
    ],
    ids=["agent", "configure", "compare", "train", "load"],
)
def test_what_python_gives_in_the_wrong_form_is_said_in_one_line(call: Any, message: str) -> None:
    with pytest.raises(mtl.InputError, match=f"^{message}"):
        call(mtl.configure("task=synthetic"))


def test_objects_show_themselves_in_a_line(tmp_path: Path) -> None:
    tasks = mtl.TaskGraph((mtl.binary("a"), replace(mtl.regression("b"), depends_on=("a",))))
    assert repr(tasks) == "TaskGraph(a, b: b after a)"
    assert repr(mtl.Agent("task=credit", "model=hard")) == (
        "Agent(credit, model=hard weighting=uncertainty, not trained yet)"
    )
    run = mtl.Run(tmp_path)
    assert repr(run) == f"Run({str(tmp_path)!r})"
    assert Path(run) == tmp_path


def test_in_a_notebook_a_comparison_writes_as_to_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    console = console_of_caller()
    assert not console.is_jupyter
    assert not console.is_terminal
    assert console.color_system is None
