"""The library that grows the trees may be missing."""

import builtins
from typing import Any

import pytest

from mtl.errors import InputError
from mtl.trees.lightgbm import lightgbm


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ModuleNotFoundError("No module named 'lightgbm'"), r"needs LightGBM: pip install 'mtl-verdict\[trees\]'"),
        (
            OSError("libgomp.so.1: cannot open\nshared object"),
            "cannot be loaded: libgomp.so.1: cannot open shared object",
        ),
    ],
    ids=["missing", "broken"],
)
def test_a_missing_library_is_one_line(monkeypatch: pytest.MonkeyPatch, error: Exception, says: str) -> None:
    real = builtins.__import__

    def fail(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "lightgbm":
            raise error
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", fail)
    with pytest.raises(InputError, match=says) as caught:
        lightgbm()
    assert "\n" not in str(caught.value)
