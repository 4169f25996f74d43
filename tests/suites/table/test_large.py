"""A table read piece by piece gives what the whole table gives."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from mtl.errors import InputError
from mtl.nn.encoder import SINGLE
from mtl.suites.table import LargeTable, Splitting, table
from mtl.suites.table import large as module

TARGETS = {"churn": "binary", "spend": "regression", "segment": "classes"}
ROWS = 1000


@pytest.fixture(autouse=True)
def small_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE", 64)
    monkeypatch.setenv("MTL_CACHE", str(tmp_path / "cache"))


def written(path: Path, **changes: Any) -> str:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "row": np.arange(ROWS) / 4,  # no whole numbers, which would number the rows
            "x": draw.normal(size=ROWS),
            "city": draw.choice(["a", "b"], ROWS),
            "churn": draw.random(ROWS) < 0.5,
            "spend": np.arange(ROWS) * 2.0,
            "segment": draw.choice(["s", "m", "l"], ROWS),
        }
    ).assign(**changes)
    frame.loc[::7, "segment"] = None
    frame.to_parquet(path / "my.parquet", row_group_size=150)
    return str(path / "my.parquet")


def made(path: str, batch_size: int = 16, **options: Any) -> LargeTable:
    suite = table(path, TARGETS, stream=True, **options)
    assert isinstance(suite, LargeTable)
    suite.configure_batches(batch_size, seed=0)
    suite.setup("fit")
    return suite


def test_every_row_is_served_once_with_its_labels(tmp_path: Path) -> None:
    path = written(tmp_path)
    suite, frame = made(path), pd.read_parquet(path)
    found = []
    for split in suite.splits.values():
        rows = (split.targets["spend"] / 2).long()
        found += rows.tolist()
        torch.testing.assert_close(split.inputs, suite.inputs(frame.iloc[rows.numpy()]))
        assert split.targets["churn"].tolist() == frame["churn"].iloc[rows.numpy()].astype(float).tolist()
        assert torch.equal(split.targets["segment"] == -100, rows % 7 == 0)
    assert sorted(found) == list(range(ROWS))
    assert [len(split) / ROWS for split in suite.splits.values()] == pytest.approx([0.7, 0.15, 0.15], abs=0.05)
    assert "rows" in suite.preview()


def test_a_task_may_be_called_as_the_inputs_are_or_differ_in_capitals(tmp_path: Path) -> None:
    """Its labels are its own."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({name: draw.normal(size=ROWS) for name in ("x", "inputs", "y", "Y")})
    frame.to_parquet(tmp_path / "my.parquet")
    suite = LargeTable(tmp_path / "my.parquet", dict.fromkeys(("inputs", "y", "Y"), "regression"))
    suite.configure_batches(8, seed=0)
    suite.setup("fit")
    (test,) = (split for name, split in suite.splits.items() if name == "test")
    places = [int((frame["y"] - label).abs().argmin()) for label in test.targets["y"].tolist()]
    for name in ("inputs", "Y"):
        np.testing.assert_allclose(test.targets[name], frame[name].iloc[places], rtol=1e-6)
    torch.testing.assert_close(test.inputs, suite.inputs(frame.iloc[places]))
    names = [path.name.lower() for path in (tmp_path / "cache" / "tables").glob("*/*")]
    assert len(set(names)) == len(names)


def test_statistics_are_of_the_training_rows(tmp_path: Path) -> None:
    suite = made(written(tmp_path))
    train = suite.splits["train"].targets["spend"].double() / 8
    (row,) = [entry for entry in suite.fitted.encoding.plain() if entry["name"] == "row"]
    assert row["mean"] == pytest.approx(float(train.mean()))
    assert row["std"] == pytest.approx(float(train.std(correction=0)))


def test_a_sample_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 300)
    suite = made(written(tmp_path))
    assert 200 < len(suite.fitted.frame) < 400
    assert sum(len(split) for split in suite.splits.values()) == ROWS


@pytest.mark.parametrize(
    ("kind", "usual", "wrong", "message"),
    [
        ("binary", [0, 1], 2, "row 1000 holds '2', which is neither '0' nor '1'"),
        ("count", [3, 4], -1, "row 1000 holds -1, and a count is a whole number, 0 or more"),
        ({"kind": "regression", "transform": "log"}, [3, 4], -2, "transform=log, and row 1000 holds -2, below 0"),
        ({"kind": "regression", "primary": "mape"}, [3, 4], 0, "row 1000 holds 0, of which no error is a share"),
    ],
)
def test_a_label_outside_the_sample_is_none_that_would_be_refused_in_it(
    kind: Any, usual: list[int], wrong: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAMPLE", 300)
    monkeypatch.setattr(module, "PIECE", 1000)
    monkeypatch.setattr(LargeTable, "_sample", lambda self: (frame.head(300), np.arange(300) % 3))
    frame = pd.DataFrame({"x": np.arange(ROWS) % 7, "y": [*(usual * (ROWS // 2))[:-1], wrong]})
    frame.to_parquet(tmp_path / "my.parquet")
    monkeypatch.setenv("MTL_CACHE", str(tmp_path / "cache"))
    suite = LargeTable(tmp_path / "my.parquet", {"y": kind})
    suite.configure_batches(8, seed=0)
    with pytest.raises(InputError, match=message):
        suite.setup("fit")


def test_the_rows_are_encoded_once_and_again_when_a_file_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path)
    expected = made(path).splits["val"].inputs[SINGLE].clone()
    calls = []
    encode = LargeTable._encode
    monkeypatch.setattr(LargeTable, "_encode", lambda self, folder: calls.append(folder) or encode(self, folder))
    made(path)
    assert not calls
    (file,) = (tmp_path / "cache" / "tables").glob("*/val.inputs")
    whole = file.read_bytes()
    for number, damaged in enumerate((whole[:-1], whole[:8] + b"\xff" + whole[9:]), start=1):
        file.write_bytes(damaged)
        assert torch.equal(made(path).splits["val"].inputs[SINGLE], expected)
        assert len(calls) == number
    made(written(tmp_path, x=0.5 + np.arange(ROWS)))
    assert len(calls) == 3, "another content"


def test_first_runs_at_once_encode_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path)
    calls = []
    encode = LargeTable._encode
    monkeypatch.setattr(LargeTable, "_encode", lambda self, folder: calls.append(folder) or encode(self, folder))
    with ThreadPoolExecutor(4) as pool:
        suites = list(pool.map(lambda _: made(path), range(4)))
    assert len(calls) == 1
    for suite in suites[1:]:
        assert torch.equal(suite.splits["train"].inputs[SINGLE], suites[0].splits["train"].inputs[SINGLE])


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"x": [0.0] * 500 + [np.inf] + [1.0] * 499}, {}, "column 'x': row 501 is infinite"),
        ({"spend": 1.0}, {}, "target 'spend' is the same in every row"),
        ({}, {"split": {"by": "time", "column": "x"}}, "at random only, not by time"),
        ({}, {"form": "columns"}, "task.form=flat only"),
        ({}, {"batch_size": 800}, "training rows, fewer than batch_size=800"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, changes: dict[str, Any], options: dict[str, Any], message: str) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(InputError, match=message):
        made(path, **options)
    if "batch_size" in options:
        suite, asks = made(path), table(path, TARGETS, stream=True)
        asks.configure_batches(options["batch_size"], seed=0)
        with pytest.raises(InputError, match=message):
            suite.served_as(asks)


def test_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "my.csv").write_text("a,b\n")
    for name in ("my.csv", "no.parquet"):
        with pytest.raises(InputError, match="cannot be read as Parquet"):
            made(str(tmp_path / name))


def test_the_split_is_a_function_of_its_seed(tmp_path: Path) -> None:
    path = written(tmp_path)
    first, again, other = (
        module.LargeTable(Path(path), TARGETS, splitting=Splitting(seed=seed)).fingerprint for seed in (0, 0, 1)
    )
    assert first == again != other


def test_the_fingerprint_is_not_of_how_a_prediction_is_composed(tmp_path: Path) -> None:
    path = Path(written(tmp_path))
    found = [
        module.LargeTable(path, {"churn": "binary", "again": {"column": "churn", "kind": "binary"} | own}).fingerprint
        for own in ({}, {"given": "churn"})
    ]
    assert found[0] == found[1]


def test_the_training_rows_are_measured_by_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = table(written(tmp_path), TARGETS, stream=True)
    made.configure_batches(32, seed=0)
    made.setup("fit")
    rows = {split: sum(len(batch.targets["spend"]) for batch in made.measured(split)) for split in made.splits}
    assert rows == {split: len(part) for split, part in made.splits.items()}
    monkeypatch.setattr(module, "SAMPLE", 100)
    spent = torch.cat([batch.targets["spend"] for batch in made.measured("train")])
    assert len(spent.unique()) == 100
    assert spent.std() > 400  # from everywhere in the file
    assert sum(len(batch.targets["spend"]) for batch in made.measured("test")) == rows["test"]
