"""``import mtl`` gives the public names, and imports nothing for it."""

import ast
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import mtl
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
        assert getattr(sys.modules[str(module)], name) is getattr(mtl, name)


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
