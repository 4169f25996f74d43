"""Libraries whose import waits until something of them is used."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mtl.config.deferred_imports import imports_deferred

PACKAGE = "slow_package_of_this_test"
PARTS = {
    "__init__.py": "class Shape: ...\nclass Square(Shape):\n    sides = 4\ndef double(x): return 2 * x\n",
    "inner.py": "NAME = 'inner'\nclass Part: ...\n",
    "user.py": "",
}


@pytest.fixture(autouse=True)
def _package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / PACKAGE
    folder.mkdir()
    for name, text in PARTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in [name for name in sys.modules if name.startswith(PACKAGE)]:
        del sys.modules[name]


def test_names_do_what_the_library_does() -> None:
    with imports_deferred(PACKAGE):
        from slow_package_of_this_test import Shape, Square, double
        from slow_package_of_this_test.inner import Part
    assert PACKAGE not in sys.modules
    assert double(3) == 6
    assert PACKAGE in sys.modules
    assert Square.sides == 4
    assert isinstance(Square(), Shape)
    assert not isinstance(Square(), Part)
    assert issubclass(sys.modules[PACKAGE].Square, Shape)


def test_a_module_that_was_deferred_is_the_library_afterwards() -> None:
    with imports_deferred(PACKAGE):
        import slow_package_of_this_test.inner as held
    import slow_package_of_this_test.inner as imported

    assert held.NAME == imported.NAME == "inner"
    assert held is not imported
    assert sys.modules[PACKAGE].inner is imported
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        _ = held.nothing_of_this_name


def test_a_use_within_imports_at_once() -> None:
    with imports_deferred(PACKAGE):
        from slow_package_of_this_test import Square

        class Own(Square):
            pass

        import slow_package_of_this_test

        assert Own().sides == 4
        assert issubclass(Own, slow_package_of_this_test.Shape)


def test_what_is_imported_already_stays() -> None:
    import slow_package_of_this_test

    with imports_deferred(PACKAGE):
        import slow_package_of_this_test as again
    assert again is slow_package_of_this_test


def test_what_is_not_installed_stays_so() -> None:
    with imports_deferred("no_package_of_this_name"), pytest.raises(ModuleNotFoundError):
        import no_package_of_this_name  # type: ignore[import-not-found]  # noqa: F401
    with imports_deferred(PACKAGE), pytest.raises(ModuleNotFoundError):
        import slow_package_of_this_test.no_module_of_this_name  # noqa: F401


@pytest.mark.smoke
def test_lightning_comes_without_them_and_its_metrics_find_them() -> None:
    program = """
import sys
from mtl.config.process import program_imports
with program_imports():
    import pytorch_lightning
assert "torchmetrics" in sys.modules
for name in ("transformers", "scipy.signal"):
    assert not any(module == name or module.startswith(name + ".") for module in sys.modules), name
from torchmetrics.functional.text import bert
assert bert.AutoModel.__name__ == "AutoModel"
assert "transformers" in sys.modules
import scipy.signal
assert scipy.signal.find_peaks([0, 1, 0])[0].tolist() == [1]
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)
