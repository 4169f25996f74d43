"""The report: complete, escaped, readable by programs, and without an error in a real browser."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from math import isnan, nan
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from mtl.cli.report import show_tuned
from mtl.comparison.comparison import compare
from mtl.comparison.design import CONFIRM, FULL, Design, Stopped
from mtl.comparison.records import Record
from mtl.comparison.report import number_format
from mtl.comparison.report.content import Report
from mtl.comparison.report.findings import screened_rows
from mtl.comparison.report.markdown import markdown
from mtl.comparison.report.names_in_pages import set_apart
from mtl.comparison.report.page import html
from mtl.comparison.report.publish import publish
from mtl.comparison.report.tables import row_summary
from mtl.comparison.statistics.estimate import Estimate, Part
from mtl.comparison.types import Evidence
from mtl.comparison.verdict import verdict
from mtl.comparison.wording import join_words
from tests.comparison.report.support import made, records
from tests.comparison.support import make_record

ROOT = Path(__file__).parents[3]
PAGES = sorted(path for folder in ("mtl", "experiments") for path in (ROOT / folder).rglob("*.html"))
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
EVIL = "</svg><script>document.title='broken'</script>"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_screen_reader_finds_its_way(page: Path) -> None:
    """The language is said, tables have names, heads are of columns or rows, no level of heading is left out."""
    text = page.read_text(encoding="utf-8")
    assert '<html lang="en">' in text
    assert [tag for tag in re.findall(r"<table[^>]*", text) if "aria-label=" not in tag] == []
    assert [tag for tag in re.findall(r"<th\b[^>]*", text) if "scope=" not in tag] == []
    assert re.findall(r"<h[13-6]", text) == ["<h1"]


def test_what_no_configuration_changes_stands_beside_the_table(tmp_path: Path) -> None:
    folder = made(tmp_path)
    for text in ((folder / "report.md").read_text(), (folder / "report.html").read_text()):
        assert "The same for all: spt_gap 0.3." in text
        assert "spt_seconds" not in text
    (head,) = [line for line in (folder / "report.md").read_text().splitlines() if "inference | " in line]
    assert head.endswith("inference | gap | front | unique |")


def test_page_markdown_and_summary_all_say_who_is_hurt_and_who_stands_out(tmp_path: Path) -> None:
    runs = records(tmp_path / "runs")
    worse = [
        replace(one, test={"a": one.test["a"], "b": 3 * base.test["b"] * (1 + one.seed / 1000)})
        for one, base in zip(runs[3:6], runs[:3], strict=True)
    ]
    found = compare([*runs[:3], *worse, *runs[6:]])
    publish(tmp_path / "report", Report("study", "", found, verdict(found), ()))
    page, text = ((tmp_path / "report" / name).read_text() for name in ("report.html", "report.md"))
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    (flagged,) = summary["verdict"]["negative_transfer"]
    assert (flagged["configuration"], flagged["task"]) == ("hard-gradnorm", "b")
    assert flagged["gain"]["mean"] == pytest.approx(-2, abs=0.01)
    assert flagged["gain"]["call"] == "hurts"
    for place in (page, text):
        heading = place.index("Negative transfer")
        assert "hard-gradnorm" in place[heading : heading + 900]
        assert (
            f"On validation no other configuration is better on every task: {join_words(summary['front']['tasks'])}."
            in place
        )
        cheap = join_words(summary["front"]["cost"])
        assert f"On validation none is both better by delta_m and trained in less time: {cheap}." in place
        assert re.search(r"mean(<br>| )rank", place)
        for row in summary["configurations"]:
            assert f"{row['validation']['mean_rank']:.2f}" in place
            assert f"{row['validation']['hypervolume_contribution'] * 100:.1f} %" in place


def test_where_nobody_is_hurt_for_sure_the_worst_is_named(tmp_path: Path) -> None:
    for name in ("report.html", "report.md"):
        text = (made(tmp_path / name) / name).read_text()
        assert "No task is shown to be hurt, which is no proof that none is." in text


def test_what_screening_stopped_is_named_and_is_not_ranked_among_the_others(tmp_path: Path) -> None:
    """Its gain is of another seed, so that it may be higher than that of the one that was chosen."""
    runs = [one for one in records(tmp_path / "runs") if one.model != "gated" or one.seed == 0]
    better = [replace(one, val={"a": 0.9, "b": 0.1}) if one.model == "gated" else one for one in runs]
    at_end = Stopped("gated-equal", "gated-equal", 0, 0, None, 0.5, 0.4, "outputs/run-of-gated")
    paused = replace(at_end, configuration="late", label="late-equal", epochs=2, run="outputs/run-of-late")
    failed = replace(at_end, configuration="bad", label="bad-equal", run="")
    design = Design(CONFIRM, (0, 1), (2,), (1,), chosen="hard-gradnorm", stopped=(at_end, paused, failed))
    found = compare(better, design=design)
    publish(tmp_path / "report", Report("study", "", found, verdict(found), ()))
    page, text = ((tmp_path / "report" / name).read_text() for name in ("report.html", "report.md"))
    assert [row.label for row in screened_rows(found)][-1] == "gated-equal"
    assert max(found.rows, key=lambda row: row.delta_validation).label == "gated-equal"
    assert "gated-equal" not in (*found.front_tasks, *found.front_cost)
    assert isnan(found.hypervolume["gated-equal"])
    assert all(row.rank <= 3 for row in found.all_rows if row.label != "gated-equal")  # of the three others
    for place in (page, text):
        assert "gated-equal: stopped in screening, so its mean is over the first seed alone" in place
        assert "bad-equal" not in place  # is among the problems
    assert "| gated-equal | all, seed 0 | 0.5 | 0.4 | outputs/run-of-gated |" in text
    assert "| late-equal | 2 | 0.5 | 0.4 | outputs/run-of-late |" in text


def test_values_that_validation_chose_stand_on_every_page(tmp_path: Path) -> None:
    """Of each configuration, and where nothing is shared of each task; none of trees, which have no such value."""

    def tuned(one: Record) -> Record:
        rate = 0.01 if one.model == "hard" else 0.001
        config = {**one.config, "optimizer": {"lr": rate}, "batch_size": 32}
        if one.model == "single_task":
            config["rates"] = {"a": 0.01, "b": 0.001}
        return replace(one, config=config, model="trees" if one.model == "gated" else one.model)

    runs = [tuned(one) for one in records(tmp_path / "runs")]
    tried: dict[str, tuple[float, ...]] = {"optimizer.lr": (0.001, 0.01), "batch_size": (16, 32)}
    design = replace(Design.unplanned((0, 1, 2)), kind=FULL, baseline="single_task-equal", grid=tried)
    assert Design.read(design.plain()) == design
    found = compare(runs, design=design)
    report = Report("study", "", found, verdict(found), ())
    text, page = markdown(report, []), html(report, [])
    terminal = Console(file=StringIO(), width=160)
    show_tuned(found, terminal)
    expected = {
        "single_task-equal": ("0.01 (a), 0.001 (b)", "32"),
        "hard-gradnorm": ("0.01", "32"),
        "soft-w": ("0.001", "32"),
        "trees-equal": ("-", "-"),
    }
    for label, values in expected.items():
        assert f"| {' | '.join((label, *values))} |" in text
        assert re.search(rf">{label}</th>" + "".join(rf"<td[^>]*>{re.escape(one)}</td>" for one in values), page)
    for place in (text, page):
        assert "Tried: optimizer.lr 0.001 and 0.01; batch_size 16 and 32." in place
    assert "0.01 (a), 0.001 (b)" in terminal.file.getvalue()  # type: ignore[attr-defined]
    assert row_summary(found.baseline, found)["tuned"] == {"optimizer.lr": {"a": 0.01, "b": 0.001}, "batch_size": 32}


def test_the_ends_of_a_small_interval_have_the_digits_of_its_mean() -> None:
    found = Evidence((0.0,), Estimate(0.0004, (Part(1e-8, 3),)), 0.05, (0.0001, 0.0123), "same")
    assert number_format.gain(found) == "+0.04\N{NO-BREAK SPACE}% ="
    assert number_format.interval(found) == "+0.01 to +1.2"


def test_where_a_task_was_not_measured_there_is_no_rank(tmp_path: Path) -> None:
    runs = [
        replace(one, val={**one.val, "a": nan}) if one.model == "soft" else one for one in records(tmp_path / "runs")
    ]
    found = compare(runs)
    publish(tmp_path / "report", Report("study", "", found, verdict(found), ()))
    for name in ("report.html", "report.md"):
        assert not re.search(r"\bnan\b", (tmp_path / "report" / name).read_text())


class Outline(HTMLParser):
    """Tags of a page that opens and closes them in order, and its identifiers."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for key, value in attrs if key == "id"]
        self.links += [value or "" for key, value in attrs if key in ("src", "href", "xlink:href")]
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in ("meta", "link", "br"):
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(tmp_path: Path) -> None:
    page = (made(tmp_path) / "report.html").read_text()
    outline = Outline()
    outline.feed(page)
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert all(link.startswith(("#", "data:")) for link in outline.links)
    assert "http" not in re.sub(r'xmlns(:xlink)?="[^"]*"', "", page)
    assert "#0102" not in page  # every marker colour became a variable
    for heading in ("Gains", "Learning curves", "Quality against cost", "Weights", "gradients agree", "Failed", "gap"):
        assert heading in page
    for run in (tmp_path / "runs").iterdir():
        assert str(run) in page


def test_texts_of_runs_are_escaped(tmp_path: Path) -> None:
    report = made(tmp_path, EVIL)
    page = (report / "report.html").read_text()
    assert EVIL not in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<script" not in (report / "report.md").read_text()
    for figure in (report / "figures").iterdir():
        ElementTree.parse(figure)


def test_names_from_right_to_left_leave_the_numbers_behind_them_in_order(tmp_path: Path) -> None:
    report = made(tmp_path, "מכירות")
    for file in ("report.html", "report.md"):
        assert "<bdi>aמכירות</bdi> (" in (report / file).read_text(encoding="utf-8")
    apart = "<bdi>שם</bdi> 1 <bdi>ושם הלקוח</bdi>, x &lt;<bdi>مُدير_1</bdi>, y"
    assert set_apart(re.sub("</?bdi>", "", apart)) == apart


def test_a_long_name_takes_several_lines_of_a_table(tmp_path: Path) -> None:
    page = (made(tmp_path, "任务一：客户在未来十二个月内流失") / "report.html").read_text(encoding="utf-8")
    assert '<th scope="col" class="long">a任务一' in page
    assert '<th scope="row">hard-gradnorm' in page


def test_tables_and_summary_say_the_same(tmp_path: Path) -> None:
    report = made(tmp_path)
    table = pd.read_parquet(report / "results.parquet")
    assert len(table) == 4 * 3 * 2
    pd.testing.assert_frame_equal(table, pd.read_csv(report / "results.csv"), check_dtype=False)
    summary = json.loads((report / "summary.json").read_text())
    for row in summary["configurations"]:
        mine = table[table.configuration == row["label"]]
        assert row["test"]["tasks"]["a"]["mean"] == pytest.approx(mine[mine.task == "a"].test.mean())
        assert row["test"]["delta_m"]["mean"] == pytest.approx(mine.gain.mean(), abs=1e-12)
    assert summary["problems"] == [{"path": "outputs/run", "reason": "failed: disk full"}]
    assert {path.parents[1].name for path in (report / "tensorboard").glob("hard-gradnorm/*/*/events*")} == {
        "seed0",
        "seed1",
        "seed2",
    }


def test_markdown_links_to_figures_that_are_there(tmp_path: Path) -> None:
    report = made(tmp_path)
    links = re.findall(r"!\[[^]]*\]\(([^)]*)\)", (report / "report.md").read_text())
    assert len(links) >= 5
    assert all((report / link).is_file() for link in links)


def test_markdown_names_the_run_of_every_number_and_the_environment(tmp_path: Path) -> None:
    text = (made(tmp_path) / "report.md").read_text()
    for run in (tmp_path / "runs").iterdir():
        assert f"| {run} |" in text
    assert "| python | 3 |" in text


def test_one_seed_is_enough_for_a_report(tmp_path: Path) -> None:
    report = made(tmp_path, seeds=1)
    assert json.loads((report / "summary.json").read_text())["verdict"]["outcome"] == "not enough evidence"


def test_without_logs_there_are_no_curves(tmp_path: Path) -> None:
    found = compare([replace(one, path=tmp_path / "gone") for one in records(tmp_path / "runs")])
    publish(tmp_path / "report", Report("study", "", found, verdict(found), ()))
    assert "Learning curves" not in (tmp_path / "report" / "report.html").read_text()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_a_browser_shows_it_without_complaint(tmp_path: Path) -> None:
    assert CHROMIUM is not None
    report = made(tmp_path)
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    more = "--disable-component-update --disable-sync --enable-logging=stderr --v=0 --window-size=400,900"
    for query in ("", "--force-dark-mode"):
        found = subprocess.run(
            [
                CHROMIUM,
                *flags.split(),
                *more.split(),
                *query.split(),
                f"--user-data-dir={tmp_path / ('profile' + query)}",
                "--dump-dom",
                (report / "report.html").as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert "CONSOLE" not in found.stderr
        assert found.stdout.count("<svg") >= 5
        assert "does learning together pay?</title>" in found.stdout


AWKWARD = ("seed", "model", "delta_m", "loss", "score")


def test_tasks_may_be_called_like_columns_and_keys(tmp_path: Path) -> None:
    """Every number of a task is found under its name, whatever it is called."""
    runs, (first, *others) = records(tmp_path / "runs"), AWKWARD
    named = []
    for one in runs:
        test = {first: one.test["a"], **{task: one.test["b"] + i for i, task in enumerate(others)}}
        primary = {first: "r2", **dict.fromkeys(others, "mae")}
        named.append(make_record(one.model, one.weighting, one.seed, primary=primary, test=test))
    found = compare(named)
    folder = tmp_path / "report"
    publish(folder, Report("study", "", found, verdict(found), ()))
    table = pd.read_csv(folder / "results.csv")
    summary = json.loads((folder / "summary.json").read_text())
    assert set(table.task) == set(AWKWARD)
    for row, shown in zip(found.all_rows, summary["configurations"], strict=True):
        board = EventAccumulator(str(folder / "tensorboard" / row.label / "seed0" / "summary")).Reload()
        tags = board.Tags()["scalars"]
        assert len(tags) == len(set(tags))
        for task in AWKWARD:
            assert row.tested is not None
            values = list(row.tested.cells[task].values)
            mine = table[(table.configuration == row.label) & (table.task == task)]
            assert mine.test.tolist() == pytest.approx(values)
            assert shown["test"]["tasks"][task]["values"] == pytest.approx(values)
            (point,) = board.Scalars(f"summary/test/{task}/{found.primary[task]}")
            assert point.value == pytest.approx(values[0])
    for line in (folder / "report.md").read_text().splitlines():
        if line.startswith("| configuration |"):
            columns = line.strip("| ").split(" | ")
            assert len(columns) == len(set(columns))


def test_configurations_of_one_name_are_shown_apart(tmp_path: Path) -> None:
    runs = [
        replace(one, config={**one.config, "epochs": 3 if one.model == "hard" else 9})
        for one in records(tmp_path / "runs")
    ]
    found = compare(runs, names={"hard-gradnorm": "mine", "soft-w": "mine"})
    labels = [row.label for row in found.all_rows]
    assert sorted(labels)[1:3] == [
        "mine model=hard weighting=gradnorm epochs=3",
        "mine model=soft weighting=w epochs=9",
    ]
    assert set(found.hypervolume) == set(labels)
    publish(tmp_path / "report", Report("study", "", found, verdict(found), ()))
    assert len(list((tmp_path / "report" / "tensorboard").glob("mine*"))) == 2
