"""What is made of sources is made once, whoever asks; a damaged file or another content is made again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep
from typing import Any

import pandas as pd
import pytest
import torch

from mtl.suites.flights import departures, joined
from mtl.suites.reviews import ReviewsSuite
from mtl.suites.sources import cached_values as module
from mtl.suites.sources.cached_values import FRAME, TENSORS, load_or_make
from mtl.suites.sources.catalogue import CREDIT, MNIST
from tests.suites import standins

VALUES = {"train": (torch.arange(6.0).reshape(2, 3), {"a": torch.tensor([1.0, torch.nan])}), "words": ("ß", "b")}


@pytest.fixture(autouse=True)
def cache(published: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MTL_CACHE", str(tmp_path))
    return tmp_path / "prepared"


def asker(calls: list[int], **given: Any) -> Callable[[], Any]:
    """Asks for VALUES, and counts how often they are made."""

    def make() -> Any:
        calls.append(1)
        sleep(0.02)
        return VALUES

    return lambda: load_or_make("values", make, TENSORS, **{"sources": (CREDIT,), "code": (__file__,), **given})


def same(one: Any, other: Any) -> None:
    torch.testing.assert_close(one["train"], other["train"], rtol=0, atol=0, equal_nan=True)
    assert one["words"] == other["words"]


def test_it_is_made_once(cache: Path) -> None:
    calls: list[int] = []
    for _ in range(3):
        same(asker(calls)(), VALUES)
    assert len(calls) == 1


def test_first_runs_at_once_make_it_once(cache: Path) -> None:
    calls: list[int] = []
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda ask: ask(), [asker(calls)] * 4):
            same(found, VALUES)
    assert len(calls) == 1


DAMAGES = {
    "cut off": lambda content: content[:-1],
    "one byte": lambda content: content[:40] + bytes([content[40] ^ 1]) + content[41:],
    "empty": lambda content: b"",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_made_again(cache: Path, damage: Callable[[bytes], bytes]) -> None:
    calls: list[int] = []
    asker(calls)()
    (file,) = (path for path in cache.glob("values-*") if path.suffix != ".lock")
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    same(asker(calls)(), VALUES)
    assert len(calls) == 2
    assert file.read_bytes() == whole


def test_other_content_options_or_code_is_another_thing(
    cache: Path, published: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    code = tmp_path / "code.py"
    code.write_text("a = 1")
    ask = asker(calls, code=(str(code),))
    ask()
    asker(calls, code=(str(code),), options=("bag", 3))()
    asker(calls, code=(str(code),), sources=(CREDIT, MNIST))()
    assert len(calls) == 3
    code.write_text("a = 2")
    ask()
    assert len(calls) == 4
    published[CREDIT.name] = b"other"
    ask()
    assert len(calls) == 5
    monkeypatch.setattr(module.pd, "__version__", "0")
    ask()
    assert len(calls) == 6
    ask()
    assert len(calls) == 6


def test_nothing_is_kept_of_what_fails(cache: Path) -> None:
    def fail() -> Any:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        load_or_make("values", fail, TENSORS, sources=(CREDIT,), code=(__file__,))
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


def test_a_cache_that_may_not_be_written_is_no_hindrance(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The administrator, who may run the tests, may write everywhere: so the refusal is played."""
    calls: list[int] = []
    monkeypatch.setattr("os.access", lambda path, mode: False)
    for _ in range(2):
        same(asker(calls)(), VALUES)
    assert len(calls) == 2
    assert not cache.exists()


def test_a_table_comes_back_as_it_was(cache: Path) -> None:
    frame = pd.DataFrame(
        {
            "time": pd.date_range("2013-01-01", periods=3, tz="UTC"),
            "text": ["a", None, "ß"],
            "truth": pd.Series([True, None, False], dtype=object),
            "number": [1.5, float("nan"), 3],
        }
    )
    for _ in range(2):
        found = load_or_make("frame", lambda: frame, FRAME, sources=(CREDIT,), code=(__file__,))
        pd.testing.assert_frame_equal(found, frame)


def test_suites_read_what_they_made_before(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, again = joined(), joined()
    pd.testing.assert_frame_equal(first, departures())
    pd.testing.assert_frame_equal(again, first)
    suites = [ReviewsSuite(vocabulary=30) for _ in range(2)]
    loaded = [suite.load() for suite in suites]
    assert suites[0].vocabulary == suites[1].vocabulary
    for name, split in loaded[0].items():
        torch.testing.assert_close(tuple(split), tuple(loaded[1][name]), rtol=0, atol=0)
    assert len(loaded[0]["train"]) == round(
        0.7 * len(standins.reviews().dropna(subset=["Review Text", "Department Name"]))
    )
    kept = sorted(path.name.partition("-")[0] for path in cache.iterdir() if path.suffix != ".lock")
    assert kept == ["flights", "reviews"]
