"""A few cases of the campaign at every change, and more of each kind where they are asked for."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from unittest.mock import patch

import pytest

from mtl.errors import EXIT_USER_ERROR
from tests.campaign.checks import CANARY, Failed, check_nothing_written, check_said, check_whole, files_of
from tests.campaign.child import start
from tests.campaign.kinds import clusters, regressions
from tests.campaign.plan import KINDS, Case, Kind, PlannedCase, plan
from tests.campaign.record import Outcome, append, by_kind, read
from tests.campaign.regressions import command_line, files, processes
from tests.campaign.templates import Templates

SEED = 20  # of no campaign whose table is kept
SHORT = {"overrides": 3, "tables": 2, "run directories": 3, "checkpoints": 3}
LONG = 3  # of each kind


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Made once; the process that they are made in is not this one."""
    return Templates(tmp_path_factory.mktemp("templates"))


@pytest.mark.smoke
@pytest.mark.parametrize("kind", SHORT)
def test_cheap_cases_hold(kind: str, templates: Templates, tmp_path: Path) -> None:
    run_first(SHORT[kind], SEED, kind, templates, tmp_path)


@pytest.mark.campaign
@pytest.mark.parametrize("kind", KINDS)
def test_cases_of_every_kind_hold(kind: str, templates: Templates, tmp_path: Path) -> None:
    run_first(LONG, SEED + 1, kind, templates, tmp_path)


@pytest.mark.campaign
@pytest.mark.parametrize("situation", clusters.SITUATIONS, ids=lambda situation: situation.__name__)
def test_every_situation_of_a_cluster(situation: Case, templates: Templates, tmp_path: Path) -> None:
    situation(Random(SEED), tmp_path, templates)


def run_first(cases: int, seed: int, kind: str, templates: Templates, path: Path) -> None:
    """Run so many cases, each in a directory of its own; Failed if one does not hold."""
    for number in range(cases):
        place = path / str(number)
        place.mkdir()
        PlannedCase(seed, kind, number).run(place, templates)


def mistake(text: str) -> None:
    """Say something and leave as programs do after a user's mistake."""
    sys.stderr.write(text)
    raise SystemExit(EXIT_USER_ERROR)


WRONG: dict[str, Callable[[], object]] = {
    "traceback": lambda: 1 / 0,
    "hang": lambda: time.sleep(60),
    "foreign": lambda: Path(CANARY).touch(),
    "code": lambda: sys.exit(1),
    "lines": lambda: mistake("error: one\nerror: two\n"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_program_is_seen(what: str, tmp_path: Path) -> None:
    ended = start(WRONG[what], tmp_path).wait(0.5 if what == "hang" else 30)
    with pytest.raises(Failed, match=f"^{what}: "):
        check_said(ended, tmp_path, (0, EXIT_USER_ERROR))


def test_what_a_refused_command_wrote_is_seen(tmp_path: Path) -> None:
    before = files_of(tmp_path)
    (tmp_path / ".12.34.result.json").touch()
    with pytest.raises(Failed, match="files: "):
        check_nothing_written(before, tmp_path)
    with pytest.raises(Failed, match="half: "):
        check_whole(tmp_path)
    check_said(start(lambda: mistake("error: one\n"), tmp_path).wait(30), tmp_path, (EXIT_USER_ERROR,))


def test_a_case_depends_on_its_name_alone(tmp_path: Path) -> None:
    """So it can be run again without the others."""
    drawn = []
    kind = Kind([lambda draw, place, templates: drawn.append(draw.random())], 1)
    with patch.dict(KINDS, {"overrides": kind}):
        for case in plan(3, 2000, ["overrides"]):
            case.run(tmp_path, Templates(tmp_path))
            PlannedCase.parse(case.name).run(tmp_path, Templates(tmp_path))
    assert drawn[::2] == drawn[1::2]
    assert len(set(drawn)) == len(drawn) // 2 > 1


def test_each_regression_is_there_once_whatever_is_asked_for() -> None:
    """No two have one name, and those that are drawn are as many as were asked for."""
    parts = (command_line.CASES, files.CASES, processes.CASES)
    assert len(regressions.FOUND) == sum(len(part) for part in parts) == len(KINDS["regressions"].cases)
    page = Path(__file__).parents[2] / "docs" / "reliability.md"
    assert f" {len(regressions.FOUND)} regressions " in page.read_text(encoding="utf-8")
    for cases in (200, 2000):
        planned = list(plan(1, cases))
        numbers = [case.number for case in planned if case.kind == "regressions"]
        assert sorted(numbers) == list(range(len(regressions.FOUND)))
        assert len(planned) - len(numbers) == pytest.approx(cases, rel=0.03)


def test_a_campaign_goes_on_from_what_was_written(tmp_path: Path) -> None:
    """A line that was cut off is not counted."""
    log = tmp_path / "cases.jsonl"
    outcomes = [Outcome("0/kills/0", "kills", "", 1.0), Outcome("0/kills/1", "kills", "lost: a run", 2.0, 0.5)]
    for one in outcomes:
        append(log, one)
    with log.open("a") as file:
        file.write('{"case": "0/kil')
    assert read(log) == outcomes
    assert by_kind(outcomes)["all"] == {"tried": 2, "held": 1, "failed": 1, "seconds": 3.0, "ending": 0.5}
