"""A run of a person's table on later rows: drift is told where it is, and training again is kept where it helps."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mtl import assembly
from mtl.cli.retrain import main
from mtl.config.run_result import RunResult
from mtl.errors import InputError
from mtl.lifecycle import retrained
from mtl.lifecycle.agent import Agent
from mtl.lifecycle.drift import Watched
from mtl.lifecycle.later_rows import ALL, READS
from mtl.lifecycle.predictor import Predictor
from mtl.lifecycle.retrained import better, retrain
from mtl.runs.directory import Run
from mtl.suites.sources.archive import Archive
from tests.results import run_result
from tests.suites import standins
from tests.support import TINY

pytestmark = pytest.mark.smoke

QUICK = [
    "model=hard",
    "weighting=equal",
    "encoder=mlp",
    "encoder.widths=[16]",
    "task.form=flat",
    "epochs=4",
    "optimizer.lr=0.03",
]


def rows(count: int, seed: int, *, turned: bool = False) -> pd.DataFrame:
    """Two targets, of which the first means the opposite when it is turned."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 3))
    churn = (x[:, 0] * (-1 if turned else 1) + 0.3 * random.normal(size=count)) > 0
    spend = 10 + 3 * x[:, 1] + random.normal(size=count)
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "churn": churn.astype(int), "spend": spend})


def trained(folder: Path, *given: str) -> Agent:
    rows(400, 0).to_csv(folder / "old.csv", index=False)
    rows(360, 1, turned=True).to_csv(folder / "turned.csv", index=False)
    rows(240, 2).to_csv(folder / "same.csv", index=False)
    agent = Agent(
        "task=table",
        f"task.path={folder / 'old.csv'}",
        "task.targets={churn: binary, spend: regression}",
        "batch_size=32",
        f"output={folder / 'out'}",
        "progress=false",
        "threads=1",
        *given,
    )
    agent.train()
    return agent


@pytest.mark.parametrize(
    ("given", "candidates"),
    [
        ([*QUICK, "tasks=[churn]"], 2),
        (["model=trees", "model.num_iterations=20", "tasks=[churn]", "task.split.groups=group"], 2),
        (
            [*QUICK, "batch_size=200", "task.split.by=given", "task.split.column=part", "task.split.groups=group"],
            1,
        ),
    ],
    ids=["network of one task", "trees and groups", "a split that is given"],
)
def test_drift_is_found_and_training_again_is_kept(
    given: list[str], candidates: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = rows

    def more(count: int, seed: int, **options: Any) -> pd.DataFrame:
        parts = ["train", "test", "train", "val"] * (count // 4)
        return plain(count, seed, **options).assign(group=[f"g{i // 2}" for i in range(count)], part=parts)

    if any("split" in text for text in given):
        monkeypatch.setitem(trained.__globals__, "rows", more)
    agent = trained(tmp_path, *given)
    before = agent.run
    assert before is not None
    found = agent.retrain(tmp_path / "turned.csv")
    assert found.worse == ["churn"]
    assert [one.rows for one in found.candidates] == ["all", "later"][:candidates]
    assert len(found.notes) == 2 - candidates
    if candidates == 2:  # of rows that say the opposite, those of before are no help
        assert found.chosen == found.candidates[1].run
        assert (found.kept, agent.run.path if agent.run else None) == (True, Path(found.candidates[1].run))
        assert [one.reading for one in found.candidates[1].gains if one.task == "churn"] == ["better"]
    new = Run.open(found.candidates[0].run)
    assert new.result.data.rows == {"train": 580, "val": 90, "test": 90}
    if "task.split.by=given" in given:  # so that no group of the later rows is trained on and tested
        assert (new.config.task["split"]["by"], new.config.task["split"]["column"]) == ("group", "group")
    written = json.loads(next(before.path.glob("drift/*/drift.json")).read_text())
    assert written == json.loads(json.dumps(found.plain()))
    again = retrain(before, tmp_path / "turned.csv")
    assert again.candidates == found.candidates  # the runs that there are, and no further ones
    for learned in ("turned.csv", "old.csv"):
        with pytest.raises(InputError, match=rf"{learned}: run '.*' has learned from rows of this file: expected rows"):
            retrain(new, tmp_path / learned)
    files = [str(tmp_path / name) for name in ("turned.csv", "same.csv")]
    assert Watched.open(new, tmp_path / "same.csv").retrained_config(ALL).task[READS] == files


def test_an_auxiliary_task_is_learned_again_and_decides_nothing(tmp_path: Path) -> None:
    """It is measured nowhere as worse or better, and the runs that are trained again learn it as such."""
    agent = trained(tmp_path, *QUICK, "auxiliary=[spend]")
    assert agent.run is not None
    first = agent.run.path
    found = agent.retrain(tmp_path / "turned.csv")
    assert found.worse == ["churn"]
    assert {one.task for one in found.drift} == {"churn"}
    assert {gain.task for one in found.candidates for gain in one.gains} == {"churn"}
    again = [Run.open(one.run).result for one in found.candidates]
    assert [[name for name, task in one.tasks.items() if task.auxiliary] for one in again] == [["spend"]] * 2
    new = rows(5, 3).drop(columns=["churn", "spend"])
    assert {"churn", "spend"} <= set(Predictor(found.used)(new).columns)
    without = rows(360, 1, turned=True).drop(columns=["spend"])
    without.to_csv(tmp_path / "without.csv", index=False)
    asked = retrain(Run.open(first), tmp_path / "without.csv")
    assert (asked.worse, asked.unlabelled, asked.candidates) == (["churn"], ("spend",), ())


def test_nothing_is_trained_where_nothing_has_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent = trained(tmp_path, *QUICK)
    assert agent.run is not None
    config = agent.run.path / "config.yaml"
    config.write_text(config.read_text().replace("  path_later: null\n", ""))  # as runs of before have it
    capsys.readouterr()
    assert main([f"run={agent.run.path}", f"records={tmp_path / 'same.csv'}"]) == 0
    assert "No task is told to be worse, so nothing is trained again" in capsys.readouterr().out
    assert len(list(agent.run.path.parent.iterdir())) == 1


@pytest.mark.parametrize("primary", ["accuracy", "f1"])
def test_a_class_that_came_later_is_no_missing_label(
    primary: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No network predicts what it has not learned; one that was trained again does."""
    draw = np.random.default_rng(0)
    x, z = draw.normal(size=(2, 600))
    kind = np.where(x > 0, "high", "low")
    city = [f"{'a' if i < 240 else 'A'}{i % 2}" for i in range(600)]
    frame = pd.DataFrame({"x": x, "z": z, "kind": kind, "city": city})
    frame.head(240).to_csv(tmp_path / "old.csv", index=False)
    later = frame.tail(360).assign(kind=np.where(z[240:] > 0.5, "new", kind[240:]))
    later.to_csv(tmp_path / "later.csv", index=False)
    targets = f"task.targets={{kind: {{kind: classes, primary: {primary}}}}}"
    given = ["batch_size=32", f"output={tmp_path / 'out'}", "progress=false", "threads=1"]
    agent = Agent("task=table", f"task.path={tmp_path / 'old.csv'}", targets, *given, *QUICK)
    agent.train()
    assert agent.run is not None
    capsys.readouterr()
    main([f"run={agent.run.path}", f"records={tmp_path / 'later.csv'}", "progress=false"])
    said, new = capsys.readouterr().out, int((later["kind"] == "new").sum())
    found = json.loads(next(agent.run.path.glob("drift/*/drift.json")).read_text())
    counted = "count as predicted wrongly" if primary == "accuracy" else "are left out where the run is measured"
    unlike, line = found["remarks"]
    assert unlike.startswith("column 'city': 360 of 360 values, such as 'A")
    assert line == f"kind: {new} of 360 later rows are of 'new', which the run has not learned; they {counted}"
    assert said.count(line) == 1
    (change,) = found["drift"]
    if primary == "f1":
        assert change["after"] > 0.8
        return
    module, data = (load := assembly.load(agent.run.path)).module, load.data
    predicted = data.tasks[0].decode(module.predict(data.inputs(later))["kind"]).argmax(1)
    right = np.array(data.values["kind"])[predicted.numpy()] == later["kind"].to_numpy()
    assert change["after"] == pytest.approx(right.mean())
    assert change["reading"] == "worse"
    assert found["kept"]
    assert [one["gains"][0]["reading"] for one in found["candidates"]] == ["better"] * len(found["candidates"])


def test_what_was_interrupted_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = trained(tmp_path, *QUICK)
    assert agent.run is not None
    begun: list[Any] = []
    original = retrained.train

    def interrupted(config: Any) -> Any:
        begun.append(config)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return original(config)

    given = [f"run={agent.run.path}", f"records={tmp_path / 'turned.csv'}", "progress=false", "always=true"]
    monkeypatch.setattr(retrained, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        main(given)
    capsys.readouterr()
    assert main(given) == 0
    assert len(begun) == 3  # the first one was there
    said = capsys.readouterr().out
    found = json.loads(sorted(agent.run.path.glob("drift/*/drift.json"))[-1].read_text())
    used = found["chosen"] if found["kept"] else None
    assert f"run={used or agent.run.path} records=new.csv" in said.replace("'", "")


def test_a_candidate_that_was_moved_is_found_where_it_is(tmp_path: Path) -> None:
    """As after all runs were copied to another machine, beside a place of the old name where another run is."""
    agent = trained(tmp_path, "model=trees", "model.num_iterations=2")
    config, was = agent.config, agent.run
    assert was is not None
    (tmp_path / "out").rename(tmp_path / "moved")
    found = retrained.trained(config.changed(output=str(tmp_path / "moved")))
    assert Path(found.directory) == tmp_path / "moved" / was.path.relative_to(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_better_candidate_is_that_of_the_higher_mean_gain() -> None:
    """On the validation rows; what is not measured there says nothing, and of equal ones the first is taken."""
    plain, higher = run_result().plain(), {"r2": True, "mae": False}

    def validated(**tasks: dict[str, float | None]) -> RunResult:
        facts = {
            name: {"primary": metric, "higher_is_better": higher[metric]}
            for name, found in tasks.items()
            for metric in found
        }
        metrics = {"val": {"score": 1.0, "tasks": tasks}, "test": {"score": 1.0, "tasks": {}}}
        return RunResult.read(plain | {"tasks": facts, "metrics": metrics})

    first = validated(a={"r2": 0.5}, b={"mae": 10.0})
    for r2, mae, chosen in ((0.4, 7.0, "later"), (0.4, 9.5, "all"), (0.5, 10.0, "all"), (None, 9.0, "later")):
        assert better({"all": first, "later": validated(a={"r2": r2}, b={"mae": mae})}) == chosen
    assert better({"all": validated(a={"r2": None}), "later": validated(a={"r2": 0.4})}) == "all"
    worse = validated(a={"r2": 0.4}, b={"mae": 1.0})  # but for a task that does not count
    helping = {name: facts.model_copy(update={"auxiliary": name == "b"}) for name, facts in first.tasks.items()}
    assert better({"all": first, "later": worse}) == "later"
    assert better({"all": first.model_copy(update={"tasks": helping}), "later": worse}) == "all"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["run=x"], "retrain: expected a file of later rows with labels, such as records=later.csv"),
        (["record=x"], "unknown option 'record': did you mean 'records'"),
        (["records=x", "always=perhaps"], "always=perhaps: expected true or false"),
        (["records=x", "run=nowhere"], "no run at 'nowhere'"),
    ],
)
def test_mistakes_are_one_line(given: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        main(given)


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    agent = trained(tmp_path, *QUICK)
    assert agent.run is not None
    for text, message in (
        ("a,b,churn,spend\n1,2,1,3\n", "bad.csv: column 'c' is not there: found: a, b, churn, spend"),
        ("a,b,c,churn\n1,2,3,1\n", "column 'spend' is not there: found: a, b, c, churn"),
        ("a,b,c,churn,spend\n" + "1,2,3,1,4\n" * 20, "target 'churn' has only '1' in the later rows"),
        ("a,b,c,churn,spend\n" + "1,2,3,1,4\n2,1,3,0,5\n" * 12, "of no task can it be said whether it has changed"),
        ("a,b,c,churn,spend\n1,2,3,,4\n", "target 'churn' has no label in the later rows"),
        (
            "a,b,c,churn,spend\n" + "1,2,3,1,4\n2,1,3,0,5\n" * 20 + "1,2,3,maybe,4\n",
            "bad.csv: target 'churn': row 41 holds 'maybe', which is neither '0' nor '1'",
        ),
    ):
        (tmp_path / "bad.csv").write_text(text)
        with pytest.raises(InputError, match=message):
            agent.retrain(tmp_path / "bad.csv")
        assert not (agent.run.path / "drift").exists()
    both = pd.concat([rows(400, 0), rows(360, 1, turned=True)])
    both.to_csv(tmp_path / "all.csv", index=False)
    with pytest.raises(InputError, match=r"all.csv: 400 of 760 rows are copies of rows that run .* has learned from"):
        agent.retrain(tmp_path / "all.csv")


def test_tasks_with_labels_are_watched_also_beside_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the others are named. Without their labels no run is trained again, which would not learn them."""
    agent = trained(tmp_path, *QUICK)
    assert agent.run is not None
    turned = rows(360, 1, turned=True)
    whole = agent.retrain(tmp_path / "same.csv")
    for later, why in (
        (turned.drop(columns="spend"), "column 'spend' is not there: found: a, b, c, churn"),
        (turned.assign(spend=None), "target 'spend' has 0 labels in the later rows"),
    ):
        later.to_csv(tmp_path / "later.csv", index=False)
        capsys.readouterr()
        assert main([f"run={agent.run.path}", f"records={tmp_path / 'later.csv'}", "always=true"]) == 0
        said = capsys.readouterr().out
        assert f"spend is not measured: {why}\nWorse on later rows: churn. The run is not trained again, which" in said
    found = agent.retrain(tmp_path / "later.csv")
    assert [one.reading for one in found.drift] == ["worse", "not measured"]
    assert (found.unlabelled, found.candidates, whole.unlabelled) == (("spend",), (), ())
    assert len(list(agent.run.path.parent.iterdir())) == 1


def test_a_table_for_each_task(tmp_path: Path) -> None:
    """Later rows say which table they are like; what is measured is what the run's own predictions come to."""
    columns = {"a": ["a", "b", "churn"], "b": ["a", "b", "spend"]}
    later = []
    for name, wanted in columns.items():
        rows(240, 0 if name == "a" else 5)[wanted].to_csv(tmp_path / f"{name}.csv", index=False)
        later.append(rows(200, 1, turned=True)[wanted].assign(table=name))
    frame = pd.concat(later).sample(frac=1, random_state=0).reset_index(drop=True)
    frame.to_csv(tmp_path / "later.csv", index=False)
    agent = Agent(
        "task=tables",
        f"task.tables={{a: {{path: {tmp_path / 'a.csv'}, targets: {{churn: binary}}}}, "
        f"b: {{path: {tmp_path / 'b.csv'}, targets: {{spend: regression}}}}}}",
        "batch_size=32",
        f"output={tmp_path / 'out'}",
        "progress=false",
        "threads=1",
        *[text for text in QUICK if not text.startswith("epochs")],
        "epochs=6",
    )
    agent.train()
    before = agent.run
    assert before is not None
    found = agent.retrain(tmp_path / "later.csv")
    churn, spend = found.drift
    assert (churn.reading, [one.rows for one in found.candidates]) == ("worse", ["all", "later"])
    predicted = Predictor(before.path)(frame)
    own = (frame["table"] == "a").to_numpy()
    yes, label = predicted["churn.probability"][own].to_numpy(), frame["churn"][own].to_numpy() == 1
    assert churn.after == pytest.approx((yes[label][:, None] > yes[~label]).mean(), abs=1e-3)
    error = (predicted["spend"] - frame["spend"])[~own].to_numpy()
    assert spend.after == pytest.approx(1 - (error**2).mean() / frame["spend"][~own].var(ddof=0), abs=1e-3)
    assert (found.kept, found.chosen) == (True, found.candidates[1].run)
    new = Run.open(found.candidates[0].run)
    assert new.result.data.rows == {"train": 480 + 200, "val": 100, "test": 100}
    assert Run.open(found.candidates[1].run).result.data.rows == {"train": 200, "val": 100, "test": 100}
    for learned in ("later.csv", "b.csv"):
        with pytest.raises(InputError, match=rf"{learned}: run '.*' has learned from rows of this file"):
            retrain(Run.open(found.candidates[1].run), tmp_path / learned)


def test_a_suite_that_has_rows_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = standins.credit(300)
    monkeypatch.setattr("mtl.suites.credit.read_frame", lambda data: own)
    monkeypatch.setattr(Archive, "read", lambda self, name: b"")
    later = standins.credit(280)
    later["Income"] += np.random.default_rng(3).normal(0, 5, len(later))
    later["Status"] = np.where(later["Income"].fillna(0) > 120, "bad", "good")  # the opposite
    frame = later.assign(log_amount=np.log(later["Amount"])).drop(columns=["rownames", "Amount"])
    frame.to_csv(tmp_path / "later.csv", index=False)
    given = [*QUICK, "batch_size=32", "execution=none", f"output={tmp_path / 'out'}", "progress=false", "threads=1"]
    agent = Agent("task=credit", *given)
    agent.train()
    found = agent.retrain(tmp_path / "later.csv")
    assert found.worse == ["default"]
    assert [Run.open(one.run).config.task["later"]["use"] for one in found.candidates] == ["after", "alone"]
    assert [Run.open(one.run).result.data.rows["train"] for one in found.candidates] == [300 + 140, 140]
    assert agent.run is not None
    assert agent.run.path == Path(found.used)
    (tmp_path / "bad.csv").write_text("Status,Age\nbad,3\n")
    with pytest.raises(InputError, match=r"bad\.csv: column 'Seniority' is not there"):
        agent.retrain(tmp_path / "bad.csv")


def test_runs_that_cannot_be_trained_again(tmp_path: Path) -> None:
    agent = Agent(*TINY, "epochs=1", "threads=1", f"output={tmp_path}")
    agent.train()
    with pytest.raises(InputError, match=r"is of task=synthetic, which takes no rows from a file: expected a run of"):
        agent.retrain("later.csv")
    agent = trained(tmp_path, *QUICK)
    rows(300, 3).to_csv(tmp_path / "old.csv", index=False)
    with pytest.raises(InputError, match=r"has changed since the training .*: later rows belong into a file"):
        agent.retrain(tmp_path / "same.csv")
