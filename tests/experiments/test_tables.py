"""The page that sets networks beside trees says what its runs say."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from experiments.tables.page import REFERENCE, html, markdown, page_of
from experiments.tables.public import cell
from experiments.tables.run import NETWORKS, check_data, check_splits, config_of, measured, train_one, work_of
from mtl.errors import InputError
from mtl.lifecycle.trained import suite_of_columns
from tests.suites.table.customers import customers


def rows(name: str, values: list[float], higher: bool) -> list[dict[str, object]]:
    same = {"configuration": name, "task": "spend", "metric": "m", "higher_is_better": higher}
    return [{**same, "split": i, "test": v, "test_share": 0.2, "seconds": 3.0} for i, v in enumerate(values)]


@pytest.mark.parametrize(("higher", "sign"), [(True, "+"), (False, "-")])
def test_gains_are_in_the_direction_of_the_metric(higher: bool, sign: str) -> None:
    table = pd.DataFrame(rows(REFERENCE, [0.5, 0.7], higher) + rows("tabm", [0.6, 0.8], higher))
    page = page_of(table, [REFERENCE, "tabm"], "<command>")
    text = markdown(page)
    assert "| 0.6000 (0.5000 to 0.7000) | 0.7000 (0.6000 to 0.8000) |" in text
    assert f"| | {' '}| {sign}0.1000 (" in text
    assert "| seconds | 3 | 3 |" in text
    assert page.sentences == ["tabm: of 1 targets ahead of trees on 0, behind on 0"]
    part = page_of(table[(table.configuration == REFERENCE) | (table.split == 0)], [REFERENCE, "tabm"], "")
    assert "| 0.6000 (0.6000 to 0.6000, of 1 only) |" in markdown(part)
    assert f"{sign}0.1000 (no interval), {sign}0.7 deviations" in markdown(part)
    shown = html(page)
    assert f"{sign}0.7 deviations" in shown
    assert "<command>" not in shown


def test_small_metrics_keep_their_digits() -> None:
    table = pd.DataFrame(rows(REFERENCE, [1e-7, 3e-7], True) + rows("hard", [2e-7, 5e-7], True))
    page = page_of(table, [REFERENCE, "hard"], "")
    assert "| 2e-07 (1e-07 to 3e-07) | 3.5e-07 (2e-07 to 5e-07) |" in markdown(page)
    assert "| |  | +1.5e-07 (" in markdown(page)
    assert "3.5e-07<small>2e-07 to 5e-07</small>" in html(page)


def test_trees_that_do_not_vary_are_no_unit() -> None:
    table = pd.DataFrame(rows(REFERENCE, [1.0, 1.0], True) + rows("hard", [0.9, 1.0], True))
    page = page_of(table, [REFERENCE, "hard"], "")
    assert page.sentences == [
        "hard: of 1 targets ahead of trees on 0, behind on 0; trees do not vary on 1, where this is not known"
    ]
    assert "-0.0500 (" in markdown(page)
    assert "trees do not vary" in html(page)


def test_words_of_the_task_are_for_all_and_others_for_networks() -> None:
    work = work_of(["my.csv", "{churn: binary}", "--splits", "3", "batch_size=64", "task.separator=tab"])
    assert work.data == ("task=table", "task.path=my.csv", "task.targets={churn: binary}", "task.separator=tab")
    assert work.networks == ("batch_size=64",)
    assert work.output == Path("outputs/tables/my")
    assert work.names == (REFERENCE, *NETWORKS)
    assert work_of(["my.csv", "{churn: binary}", "--networks", "hard,tabm8"]).names == (REFERENCE, "hard", "tabm8")
    with pytest.raises(InputError, match="unknown network in --networks 'tabm': did you mean 'tabm8'"):
        work_of(["my.csv", "{churn: binary}", "--networks=tabm"])
    with pytest.raises(InputError, match="expected 2 or more"):
        work_of(["my.csv", "{churn: binary}", "--splits=1"])


def test_runs_of_something_else_are_not_mixed(tmp_path: Path) -> None:
    work = work_of(["my.csv", "{churn: binary}", f"--output={tmp_path}"])
    pd.DataFrame([{"configuration": "trees", "split": 0, "words": "task=table task.path=other.csv"}]).to_csv(work.table)
    with pytest.raises(
        InputError, match=r"holds runs of something else, task=table task\.path=other\.csv: name another"
    ):
        measured(work)


def test_runs_of_rows_that_have_changed_are_not_mixed(tmp_path: Path) -> None:
    file = tmp_path / "my.csv"
    customers().to_csv(file, index=False)
    work = work_of([str(file), "{churn: binary}", f"--output={tmp_path}", "--networks=hard"])
    config = config_of(work, REFERENCE, 1)
    made = suite_of_columns(config)
    run = {"configuration": REFERENCE, "split": 1, "words": work.words, "data": made.fingerprint}
    check_data(work, pd.DataFrame([run]))
    customers(199).to_csv(file, index=False)
    with pytest.raises(InputError, match="holds runs of other rows than its file has now"):
        check_data(work, pd.DataFrame([run]))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["task.split.by=time", "task.split.column=since"], "rows that are divided by time can be divided in one way"),
        (["task.path_test=test.csv"], "the test rows are those of task.path_test"),
        (["task.split.seed=3"], "--splits says how many"),
    ],
)
def test_a_split_that_is_always_the_same_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_splits(work_of(["my.csv", "{churn: binary}", *words]))


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe\x00"])
def test_a_damaged_result_is_refused(tmp_path: Path, content: bytes) -> None:
    work = work_of(["my.csv", "{churn: binary}", f"--output={tmp_path}"])
    work.table.write_bytes(content)
    with pytest.raises(InputError, match=r"result\.csv' is damaged or no result of this program: remove it"):
        measured(work)


def test_a_mistake_in_the_words_of_networks_is_said_before_trees_are_trained(tmp_path: Path) -> None:
    work = work_of(["my.csv", "{churn: binary}", "epochs=abc", f"--output={tmp_path}"])
    with pytest.raises(InputError, match="epochs=abc: expected a whole number"):
        measured(work)


def test_gains_over_all_tables_are_in_deviations_of_the_trees_on_the_same_splits() -> None:
    values = pd.DataFrame({REFERENCE: [0.5, 0.7, 0.6], "tabm": [0.7, 0.9, None]})
    assert cell(values, REFERENCE, 1) == "0.6000 ± 0.1000"
    assert cell(values, "tabm", 1) == "0.8000 (+2.0)"
    assert cell(values, "tabm", -1) == "0.8000 (-2.0)"
    assert cell(values, "hard", 1) == "-"


def test_a_metric_that_the_rows_do_not_define_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As R2 of labels that are all the same: the result leaves it out, and the other tasks have their rows."""
    file = tmp_path / "my.csv"
    file.write_text("x,spend,income\n1,2,3\n")
    facts = SimpleNamespace(primary="r2", higher_is_better=True)
    metrics = {
        split: SimpleNamespace(tasks={"spend": {"mae": 1.0}, "income": {"r2": 0.5}}) for split in ("val", "test")
    }
    data = SimpleNamespace(rows={"train": 10, "test": 2}, fingerprint="rows")
    found = SimpleNamespace(tasks={"spend": facts, "income": facts}, metrics=metrics, data=data, directory="run")
    monkeypatch.setattr("experiments.tables.run.train", lambda config: found)
    work = work_of([str(file), "{spend: regression, income: regression}", f"--output={tmp_path}"])
    assert [(row["task"], row["test"]) for row in train_one(work, "hard", 0)] == [("spend", None), ("income", 0.5)]
