"""New rows are predicted by what a run wrote down of its training rows, in the words and units of its targets."""

import copy
import io
import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from mtl.agent.environments.new_rows import NewRows, PredictionReport
from mtl.assembly import load
from mtl.config.compose import configure
from mtl.config.console import Terminal
from mtl.errors import InputError
from mtl.lifecycle.execution import execute
from mtl.lifecycle.predictor import Predictor
from mtl.lifecycle.predictor import _frame_of as rows_as_frame
from mtl.lifecycle.train import train
from mtl.lifecycle.trained import TrainedNetwork
from mtl.nn.encoder import SINGLE, Inputs
from mtl.runs.directory import Run
from mtl.suites.base import MultiTaskDataModule
from mtl.suites.synthetic import SyntheticSuite
from mtl.suites.table import TableSuite
from mtl.suites.table.source import how_to_write
from tests.lifecycle.test_execution import untrained


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a table written with semicolons, in which a question mark is no value; and the folder of its table."""
    folder = tmp_path_factory.mktemp("new_rows")
    draw = np.random.default_rng(0)
    x, city = draw.normal(50, 10, 90), draw.choice(["Köln", "Oslo"], 90)
    frame = pd.DataFrame({"x": x, "city": city, "churn": np.where(x > 50, "yes", "no"), "spend": 1000 + x})
    frame["size"] = np.where(city == "Oslo", "s", np.where(x > 45, "m", "l"))
    frame["visits"], frame["cost"] = draw.poisson(x / 10), 10 * x
    frame["x"] = frame["x"].astype(object).where(frame.index % 9 > 0, "?")
    frame.to_csv(folder / "my.csv", index=False, sep=";")
    options = [
        "task=table",
        f"task.path={folder / 'my.csv'}",
        "task.separator=semicolon",
        "task.missing=['?']",
        "model=hard",
    ]
    ordinal = "grade: {column: size, kind: ordinal, order: [s, m, l]}"
    targets = f"churn: binary, spend: regression, size: classes, visits: count, cost: quantiles, {ordinal}"
    options += [f"task.targets={{{targets}}}", "encoder.widths=[8]", "epochs=2"]
    result = train(configure(*options, "batch_size=16", "progress=false", "threads=1", f"output={folder}"))
    return Path(result.directory)


def new(run: Path, frame: pd.DataFrame) -> str:
    """The rows as a file like the one that the run was trained on."""
    path = run.parents[3] / "new.csv"
    frame.to_csv(path, index=False, sep=";")
    return str(path)


ROWS = pd.DataFrame({"note": ["a", "b", "c"], "city": ["Oslo", "Rome", None], "x": ["40", "?", "61.5"]})


@pytest.mark.smoke
def test_new_rows_are_predicted_as_the_loaded_run_predicts_them(trained: Path) -> None:
    report, directory = execute({}, str(trained), records=new(trained, ROWS))
    found = pd.read_csv(directory / "predictions.csv")
    assert found["row"].tolist() == [1, 2, 3]
    run = load(trained)
    raw = run.module.predict(run.data.inputs(ROWS.replace("?", None)))
    values = {task.name: task.decode(raw[task.name]) for task in run.data.tasks}
    np.testing.assert_allclose(found["spend"], values["spend"], rtol=1e-5)
    np.testing.assert_allclose(found["churn.probability"], values["churn"], rtol=1e-5)
    assert found["churn"].tolist() == [["no", "yes"][int(p >= 0.5)] for p in values["churn"]]
    assert found["size"].tolist() == [["l", "m", "s"][i] for i in values["size"].argmax(-1)]
    np.testing.assert_allclose(found["size.probability"], values["size"].max(-1).values, rtol=1e-5)
    assert found["grade"].tolist() == [["s", "m", "l"][i] for i in values["grade"].argmax(-1)]
    np.testing.assert_allclose(found["visits"], values["visits"], rtol=1e-5)
    np.testing.assert_allclose(found[["cost.q0.1", "cost.q0.5", "cost.q0.9"]], values["cost"], rtol=1e-5)
    assert "cost" not in found
    assert json.loads((directory / "execution.json").read_text())["summary"] == report.summary()
    assert json.loads((directory / "settings.json").read_text())["environment"]["records"].endswith("new.csv")


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (ROWS.rename(columns={"city": "cty"}), "input column 'city' is not there: did you mean 'cty'"),
        (ROWS.assign(x=["1", "many", "2"]), "column 'x': row 2 holds 'many', which is no number"),
        (ROWS.head(0), "has no rows"),
    ],
)
def test_rows_that_cannot_be_predicted_are_told(trained: Path, frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        execute({}, str(trained), records=new(trained, frame))
    assert "\n" not in str(caught.value)


def test_advice_on_new_rows_is_not_to_say_what_the_run_has_said(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_bytes("a,b\né,1\n".encode("latin-1"))
    with pytest.raises(
        InputError, match=r"no utf-8 text.*reads text files with comma between values and in utf-8: write new rows like"
    ):
        NewRows(tmp_path / "new.csv", {})
    said = how_to_write("use task.separator=bar", {"separator": "tab"})
    assert "reads text files with tab between values and in utf-8" in said
    assert how_to_write("has no rows", {}) == "has no rows"


def test_new_rows_may_lack_every_value() -> None:
    """A column that is empty in the new file is read as one of numbers, whatever it was in training."""
    rows = {"when": ["2024-01-01", "2024-02-01"] * 20, "city": ["a", "b"] * 20, "on": [True, False] * 20}
    frame = pd.DataFrame({**rows, "x": np.arange(40.0), "y": np.arange(40.0)})
    suite = TableSuite(lambda: frame, {"y": "regression"})
    assert {column.kind for column in suite.encoding.columns} == {"time", "category", "number"}
    empty = suite.inputs(frame.head(2).assign(when=np.nan, city=np.nan, on=np.nan, x=np.nan))[SINGLE]
    assert empty.isfinite().all()
    assert torch.equal(empty[0], empty[1])
    some = suite.inputs(frame.head(2).assign(on=pd.Series([True, None], dtype=object)))[SINGLE]
    place = suite.encoding.features.index("on")
    whole = suite.inputs(frame.head(1))[SINGLE]
    assert some[:, place].tolist() == [float(whole[0, place]), 0.0]


def test_a_run_on_something_else_takes_no_records(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("a\n1\n")
    run = untrained(tmp_path, "task=synthetic", "task.missing=0.5")  # a share, and no texts that mean no value
    with pytest.raises(
        InputError, match="records are rows of a table, and SyntheticSuite is trained on something else"
    ):
        execute({}, str(run.path), records=str(tmp_path / "new.csv"))
    run = untrained(tmp_path, "task=scheduling", "execution=none", "improve=none")
    (tmp_path / "new.csv").write_text("a;b\n1;2\n")  # which nobody reads
    with pytest.raises(InputError, match=r"this run schedules job shops: expected instances=<your shops>"):
        execute({}, str(run.path), records=str(tmp_path / "new.csv"))


@pytest.mark.smoke
def test_a_file_of_new_rows_that_is_not_there_is_told(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="records: no file"):
        execute({}, str(trained), records=str(tmp_path / "no.csv"))


@pytest.mark.smoke
def test_what_is_doubtful_about_new_rows_is_said_and_kept(trained: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "new.csv").write_text("x;city\n50;Rome\n40;Rome")  # no such city, and no end of the last line
    _, directory = execute({}, str(trained), records=str(tmp_path / "new.csv"))
    notes = json.loads((directory / "execution.json").read_text())["notes"]
    assert [note.split(":")[0] for note in notes] == [f"'{tmp_path / 'new.csv'}'", "column 'city'"]
    assert capsys.readouterr().err.splitlines()[-2:] == notes


@pytest.mark.smoke
def test_a_run_on_a_table_that_cannot_act_says_what_it_can(trained: Path) -> None:
    environment = {"_target_": "mtl.agent.environments.lending.Lending"}
    with pytest.raises(InputError, match=r"takes task 'default', .*; to predict new rows: records=new\.csv"):
        execute(environment, str(trained))


def test_predictions_are_in_words_and_units() -> None:
    predictions = {
        "a": torch.tensor([0.25, 0.5]),
        "b": torch.tensor([[0.1, 0.7, 0.2], [0.6, 0.3, 0.1]]),
        "c": torch.tensor([123456.78, -1.0]),
    }
    units = partial(MultiTaskDataModule.own_units, SyntheticSuite())
    report = PredictionReport(predictions, {"a": ("good", "bad"), "b": ("s", "m", "l")}, units)
    first = {"row": 1, "a": "good", "a.probability": 0.25, "b": "m", "b.probability": 0.7, "c": 123457.0}
    second = {"row": 2, "a": "bad", "a.probability": 0.5, "b": "s", "b.probability": 0.6, "c": -1.0}
    assert report.records() == [first, second]
    means = {"a.probability_mean": 0.375, "b.probability_mean": 0.65, "c_mean": 61728.0}
    assert report.summary() == pytest.approx({"rows": 2, **means})
    assert not list(report.figures())
    assert report.table().row_count == 2
    named = PredictionReport({"row": torch.tensor([7.0])}, {}, units)
    assert named.records() == [{"row.number": 1, "row": 7.0}]


def test_whole_numbers_of_a_program_are_not_rounded_beside_a_missing_one() -> None:
    frame = rows_as_frame([{"id": 2**60 + 1, "x": 1.5}, {"id": None}, {"x": 2}])
    assert frame["id"].tolist()[:1] == [2**60 + 1]
    assert frame["id"].isna().tolist() == [False, True, True]
    assert frame["x"].tolist()[::2] == [1.5, 2]
    assert rows_as_frame([{"id": 2**70}, {"id": None}])["id"].iloc[0] == 2**70


def test_names_of_classes_are_shown_as_they_are_called_and_obeyed_by_no_terminal() -> None:
    report = PredictionReport({"a": torch.tensor([0.1, 0.9])}, {"a": ("\x1b[2Jx", "[/b]:x:")}, lambda _, v: v.tolist())
    shown = io.StringIO()
    Terminal(file=shown, width=80, force_terminal=True, color_system="standard").print(report.table())
    assert "\\x1b[2Jx" in shown.getvalue()
    assert "\x1b[2Jx" not in shown.getvalue()
    assert "[/b]:x:" in shown.getvalue()
    assert "\x1b[3m" in shown.getvalue(), "what rich says itself is obeyed"


@pytest.mark.smoke
def test_a_program_gets_the_same_predictions_without_files(trained: Path) -> None:
    _, directory = execute({}, str(trained), records=new(trained, ROWS))
    expected = pd.read_csv(directory / "predictions.csv").drop(columns="row")
    predictor = Predictor(Run.open(trained))
    assert predictor.tasks == ("churn", "spend", "size", "grade", "visits", "cost")
    frame = ROWS.replace("?", None).set_axis(["p", "q", "r"])
    found = predictor(frame)
    assert found.index.tolist() == ["p", "q", "r"]
    pd.testing.assert_frame_equal(predictor(frame.convert_dtypes(dtype_backend="pyarrow")), found)
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected, rtol=1e-5)
    # Each row by itself, with numbers as numbers: nothing depends on the rows beside it
    rows = [{"x": 40, "city": "Oslo"}, {"x": None, "city": "Rome"}, {"x": 61.5, "city": None}]
    alone = pd.concat([predictor([row]) for row in rows], ignore_index=True)
    pd.testing.assert_frame_equal(alone, expected, rtol=1e-4)
    assert predictor.unfamiliar(rows[:1]) == []
    assert "'Rome'" in " ".join(predictor.unfamiliar(rows[1:2]))


def test_truth_values_and_numbers_are_told_apart(tmp_path: Path) -> None:
    """A 2 in a column of true and false was a number far from both, and true in one of numbers a 1 without a word."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"flag": draw.choice(["TRUE", "FALSE"], 60), "x": draw.normal(50, 10, 60).round(1)})
    frame.assign(churn=np.where(frame["flag"] == "TRUE", "yes", "no")).to_csv(tmp_path / "my.csv", index=False)
    run = untrained(tmp_path, "task=table", f"task.path={tmp_path / 'my.csv'}", "task.targets={churn: binary}")
    predictor, rows = Predictor(run), pd.DataFrame({"flag": [True, False], "x": [40.5, 60.5]}, index=["a", "b"])
    expected = predictor(rows)
    assert list(expected.index) == ["a", "b"]
    for alike in ([1, 0], [1.0, 0.0], ["true", "False"], ["1", "0"]):
        pd.testing.assert_frame_equal(predictor(rows.assign(flag=alike)), expected)
    for other in ([True, 2], [1, 0.5], ["TRUE", "2"], ["1", "2"], [1, np.inf]):
        with pytest.raises(InputError, match=r"column 'flag': row 2 holds .*, expected true or false, as in training"):
            predictor(rows.assign(flag=other))
    for truth in ([True, False], ["true", "FALSE"], [None, True], pd.array([None, True], "boolean"), [1.5, True]):
        (line, *_) = predictor.unfamiliar(rows.assign(x=truth))
        assert line == "column 'x': true and false, where the training has numbers: they count as 1 and 0"
    assert not predictor.unfamiliar(rows)


def test_several_threads_may_ask(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of networks that put other parameters in the place of theirs while they predict, one answered with another's."""
    plain, inside = TrainedNetwork.predict, []

    def predict(network: TrainedNetwork, inputs: Inputs) -> dict[str, Tensor]:
        inside.append(None)
        found = plain(network, inputs)
        time.sleep(0.01)
        assert len(inside) == 1
        inside.pop()
        return found

    monkeypatch.setattr(TrainedNetwork, "predict", predict)
    predictor = copy.deepcopy(Predictor(trained))
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(predictor, [[{"x": 40, "city": "Oslo"}]] * 6))
    assert all(one.equals(found[0]) for one in found)


def test_a_predictor_of_another_process_is_opened_there_again(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    monkeypatch.chdir(tmp_path)
    predictor, rows, received = Predictor("run"), [{"x": 40, "city": "Oslo"}], ForkingPickler.loads
    sent = ForkingPickler.dumps(predictor)
    monkeypatch.chdir(trained)  # the other process may be anywhere
    pd.testing.assert_frame_equal(received(sent)(rows), predictor(rows))
    pd.testing.assert_frame_equal(received(ForkingPickler.dumps(copy.deepcopy(predictor)))(rows), predictor(rows))
    with (run / "best.ckpt").open("ab") as file:
        file.write(b"x")
    with pytest.raises(InputError, match=r"run '.*run' has changed since it was opened"):
        received(sent)
    shutil.rmtree(run)
    pd.testing.assert_frame_equal(copy.deepcopy(predictor)(rows), predictor(rows))
    with pytest.raises(InputError, match=r"no run at '.*run'"):
        received(sent)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "there is no row to predict"),
        ({"x": 40, "city": "Oslo"}, "expected a frame, or a list with a mapping.*found a dict"),
        (["x"], "expected a frame.*found a list of something else"),
        ([{"x": 40}], "input column 'city' is not there"),
        ([{"x": "many", "city": "Oslo"}], "column 'x': row 1 holds 'many', which is no number"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), "the frame has two columns 'x'"),
        (pd.DataFrame([[1, 2]]), "input column 'x' is not there: found: 0, 1"),
    ],
    ids=["none", "mapping", "texts", "column", "kind", "twice", "numbered"],
)
def test_rows_of_a_program_that_are_none_are_refused_in_one_line(trained: Path, rows: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Predictor(trained)(rows)


@pytest.mark.smoke
def test_a_run_on_something_else_predicts_no_rows(tmp_path: Path) -> None:
    run = untrained(tmp_path, "task=synthetic", "task.rows=200")
    with pytest.raises(
        InputError, match="records are rows of a table, and SyntheticSuite is trained on something else"
    ):
        Predictor(run)([{"x": 1}])


def test_several_numbers_of_a_suite_of_ones_own_are_columns() -> None:
    """Named as the suite says, or counted; what has more axes is no row of a table."""

    def plain(task: str, values: Tensor) -> list[float]:
        return values.tolist()  # type: ignore[no-any-return]

    several = {"topics": torch.tensor([[0.25, 0.5, 0.75]])}
    assert PredictionReport(several, {}, plain).records() == [
        {"row": 1, "topics.1": 0.25, "topics.2": 0.5, "topics.3": 0.75}
    ]
    assert list(PredictionReport(several, {}, plain, parts={"topics": "abc"}).columns)[-1] == "topics.c"
    with pytest.raises(InputError, match="task 'topics': a prediction is 3 numbers, and 'parts' of the suite names 2"):
        PredictionReport(several, {}, plain, parts={"topics": "ab"})
    with pytest.raises(InputError, match=r"task 'tags': a prediction is \(4, 2\) numbers, and a row of a table holds"):
        PredictionReport({"tags": torch.zeros(3, 4, 2)}, {}, plain)


def test_a_run_in_the_place_of_an_environment_is_named() -> None:
    with pytest.raises(InputError, match=r"environment: expected a config .*, and got a str; the run is the argument"):
        execute("outputs/runs/a", None)  # type: ignore[arg-type]
