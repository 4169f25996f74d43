"""What a run directory says of a database is not run, whatever was taken out of it or put into it."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from mtl.assembly import load
from mtl.config.compose import configure
from mtl.errors import InputError
from mtl.lifecycle.retrained import retrain
from mtl.lifecycle.train import train
from mtl.lifecycle.trained import load_trained
from mtl.runs.directory import Run
from tests.trained import resume

QUERY = "SELECT * FROM rows ORDER BY a"
Change = Callable[[dict[str, Any]], None]


def made_elsewhere(config: dict[str, Any]) -> None:
    config["encoder"]["activation"] = dict(config["task"])


def by_position(config: dict[str, Any]) -> None:
    task = config["task"]
    config["callbacks"]["mine"] = {"_target_": task["_target_"], "_args_": [task["path"], task["targets"], None, QUERY]}


def of_several_tables(config: dict[str, Any]) -> None:
    task = {name: config["task"][name] for name in ("path", "query", "targets")}
    config["callbacks"]["mine"] = {"_target_": "mtl.suites.tables.tables", "tables": {"a": task, "b": task}}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A finished run on rows of a database; from now on a query that is run is an error of its own."""
    frame = pd.DataFrame({"a": range(80), "b": [i % 7 for i in range(80)], "y": [i % 5 for i in range(80)]})
    with sqlite3.connect(tmp_path / "my.db") as database:
        frame.to_sql("rows", database, index=False)
    database.close()
    table = ["task=table", f"task.path=sqlite:///{tmp_path / 'my.db'}", f'task.query="{QUERY}"']
    short = ["task.targets={y: regression}", "encoder=tabular", "encoder.widths=[8]", "epochs=1", "batch_size=16"]
    result = train(configure(*table, *short, "progress=false", "threads=1", f"output={tmp_path / 'outputs'}"))
    assert result is not None
    frame.assign(a=frame["a"] + 100).to_csv(tmp_path / "later.csv", index=False)
    monkeypatch.setattr("mtl.suites.table.source.read_query", lambda *_: pytest.fail("a query was run"))
    monkeypatch.delenv("MTL_TRUST_QUERY", raising=False)
    return Run.open(result.directory)


def assert_all_refuse(run: Run, said: str) -> None:
    later = run.path.parents[4] / "later.csv"
    for look in (load, resume, lambda path: load_trained(Run.open(path))):
        (run.path / "state").write_text("interrupted\n" if look is resume else "done\n")
        with pytest.raises(InputError, match=said):
            look(run.path)
    with pytest.raises(InputError, match=said):
        retrain(run, later, progress=False)


def test_without_what_was_fitted_no_query_is_run(run: Run) -> None:
    """Also where the checksums, which somebody else may have written, say nothing of the file."""
    assert load(run.path).data.tasks  # which needs no rows
    (run.path / "statistics.json").unlink()
    assert_all_refuse(run, "has no statistics.json")
    (run.path / "checksums.json").unlink()
    assert_all_refuse(run, "has no statistics.json")


@pytest.mark.parametrize("change", [made_elsewhere, by_position, of_several_tables])
def test_a_part_that_is_no_suite_queries_nothing(change: Change, run: Run) -> None:
    config = yaml.safe_load((run.path / "config.yaml").read_text())
    change(config)
    (run.path / "config.yaml").write_text(yaml.safe_dump(config))
    (run.path / "checksums.json").unlink()
    assert_all_refuse(run, "may query a database")
