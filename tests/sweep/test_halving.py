"""Screening by halves: what each configuration is given, and what becomes of those that are stopped."""

import json
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from math import inf, nan
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from mtl.cli.compare import run
from mtl.config.compose import configure
from mtl.config.process import set_process_defaults
from mtl.config.run_config import RunConfig
from mtl.config.study_arguments import read_study
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.runs.directory import Run
from mtl.runs.identity import configuration_id
from mtl.sweep.halving import Rung, rungs
from mtl.sweep.ledger import Ledger
from mtl.sweep.plan import Configuration
from mtl.sweep.queue import FAILED, PENDING
from mtl.sweep.screening import Screening
from mtl.training.budget import Budget

MODELS = "models=[hard,gated,soft,cross_stitch,film]"
TINY = [
    "task=synthetic",
    "task.rows=60",
    "task.features=6",
    "encoder.widths=[6]",
    "batch_size=12",
    "epochs=3",
    "patience=null",
    "validate_every=1",
    MODELS,
    "weightings=[equal]",
    "looks=[1]",
    "baselines=[]",
    "workers=0",
    "replicas=1",
    "logger=csv",  # drawing takes most of the time of such a run
]


@pytest.fixture(autouse=True)
def _quiet(no_figures: None) -> None:
    set_process_defaults()


@pytest.mark.parametrize(
    ("configurations", "kept"), [(1, [1]), (2, [1]), (3, [2, 1]), (4, [2, 1]), (5, [3, 2, 1]), (9, [5, 3, 1])]
)
def test_half_of_them_go_on_twice_and_never_fewer_than_two(configurations: int, kept: list[int]) -> None:
    """After half of the first training, after the whole of it, and after that of every seed."""
    found = rungs([4, 7], configurations, halving=True)
    assert [one.keep for one in found] == kept
    assert [one.part for one in found] == {1: [1], 2: [2, 1], 3: [2, 1, 1]}[len(kept)]
    assert found[-1] == Rung((4, 7), 1, 1)
    assert all(one.seeds == (4,) for one in found[:-1])
    assert rungs([4, 7], configurations, halving=False) == [Rung((4, 7), 1, 1)]


@pytest.mark.parametrize(
    ("budget", "until"),
    [
        (Budget(12, 1, "steps"), 6),
        (Budget(12, 4, "steps"), 8),
        (Budget(2, 1, "epochs"), 1),
        (Budget(1, 1, "epochs"), None),
    ],
)
def test_a_run_is_paused_at_a_validation_after_half(budget: Budget, until: int | None) -> None:
    assert Rung((0,), 2, 2).until(budget) == until
    assert Rung((0,), 1, 2).until(budget) is None


class Asked:
    """What a screening on the seeds 4 and 7 asks its planner, of runs that were never trained."""

    halves = True
    study = SimpleNamespace(screening_seeds=[4, 7], deciding_seeds=[8, 9, 10], planned_looks=[2, 3])

    def __init__(self, runs: Path) -> None:
        self.runs, self.failed = runs, set[str]()
        self.queue = self
        self.asked: list[tuple[str, int, int | None]] = []  # model, seed, and when it is paused

    def entry(self, config: RunConfig, seed: int, until: int | None = None) -> str:
        self.asked.append((str(config.choices.model), seed, until))
        return str(config.choices.model)

    def planned(self, configurations: Iterable[Configuration]) -> Any:
        return configurations

    def plan(self, configurations: list[Configuration], seeds: Sequence[int]) -> Any:
        return SimpleNamespace(entries=[(one.label, *seeds) for one in configurations])

    def directory(self, entry: str) -> Path | None:
        return self.runs / entry if (self.runs / entry).is_dir() else None

    def state(self, entry: str) -> str:
        return FAILED if entry in self.failed else PENDING


def screening(path: Path, scores: Mapping[str, Mapping[int, float]]) -> Screening:
    """Of configurations of ten epochs of three steps, with these validation scores by step."""
    for model, logged in scores.items():
        (path / model / "csv").mkdir(parents=True)
        rows = "".join(f"{step},{score}\n" for step, score in logged.items())
        (path / model / "csv" / "metrics.csv").write_text(f"step,val/score\n{rows}")
    one = configure("task=synthetic", "epochs=10", "steps=null", "patience=null", "batch_size=10", "validate_every=3")
    models = ("single_task", "hard", "gated", "soft", "film", "cross_stitch")
    single, *multi = (
        Configuration(model, one.changed(choices={**one.choices.plain(), "model": model}), 1, 1.0, rows=30)
        for model in models
    )
    return Screening(Asked(path), single, multi, Ledger(path))  # type: ignore[arg-type]


def stop_two(screened: Screening, path: Path) -> list[str]:
    """The first part is over; the ids of the configurations, in order."""
    screened.let_go(0, screened.multi, lambda: pytest.fail("nothing was trained to its end"))
    screened.ledger = Ledger(path)  # as it is written
    return [configuration_id(one.config) for one in screened.multi]


def test_those_stop_whose_best_score_in_the_first_half_is_highest(tmp_path: Path) -> None:
    """By hand: what a run that was found has reached later, and how low it was at last, say nothing."""
    half = {
        "hard": {3: 0.9, 15: 0.5},
        "gated": {3: 0.6, 15: 0.8, 18: 0.1},  # lower after the half
        "soft": {3: 0.4, 15: 0.9},  # lower before
        "film": {3: 0.5, 15: 0.7},  # as low as the first one
        "cross_stitch": {15: 0.45},
    }
    screened = screening(tmp_path, half)
    stop_two(screened, tmp_path)
    stopped = screened.ledger.stopped
    assert [(one.label, one.rung, one.seed, one.epochs) for one in stopped] == [("film", 0, 4, 5), ("gated", 0, 4, 5)]
    assert [(one.score, one.last_score) for one in stopped] == [(0.5, 0.5), (0.6, 0.5)]
    assert [one.run for one in stopped] == [str(tmp_path / one.label) for one in stopped]
    assert [one.label for one in screened.left(0)] == list(half)
    assert [one.label for one in screened.left(1)] == ["hard", "soft", "cross_stitch"]


def test_what_failed_stops_first_and_a_run_without_a_score_too(tmp_path: Path) -> None:
    screened = screening(tmp_path, {"hard": {3: 0.9}, "gated": {3: 0.8}, "soft": {3: 0.7}, "film": {}})
    screened.planner.failed.add("cross_stitch")  # type: ignore[attr-defined]
    stop_two(screened, tmp_path)
    found = [(one.label, one.epochs, one.score, one.last_score, one.run) for one in screened.ledger.stopped]
    assert found == [("film", 5, None, 0.9, str(tmp_path / "film")), ("cross_stitch", None, None, 0.9, "")]


def test_after_the_first_training_gains_decide_and_what_has_none_stops_first(tmp_path: Path) -> None:
    screened = screening(tmp_path, {"hard": {3: 0.9}, "gated": {3: 0.8}, "soft": {3: 0.7}})
    keys = stop_two(screened, tmp_path)
    gains = {keys[0]: {"a": 0.1, "b": 0.4}, keys[1]: {"a": 0.3, "b": 0.3}, keys[2]: {"a": 0.9, "b": nan}}

    def judged(*known: str) -> Any:
        return lambda: SimpleNamespace(multi=known, validation=gains.__getitem__)

    left = screened.left(1)
    assert [one.label for one in left] == ["hard", "gated", "soft"]
    assert list(screened.gains(left, judged(*keys[:3])()).values()) == [0.25, 0.3, -inf]
    assert list(screened.gains(left, judged(keys[1], keys[2])()).values()) == [-inf, 0.3, -inf]
    screened.let_go(1, left, judged(*keys[:3]))
    (last,) = screened.ledger.stopped[2:]
    assert (last.label, last.rung, last.epochs, last.score, last.last_score) == ("soft", 1, None, None, None)
    assert [one.label for one in screened.left(2)] == ["hard", "gated"]


def test_parts_are_trained_one_after_the_other_and_the_best_of_the_last_is_chosen(tmp_path: Path) -> None:
    """By hand; what was decided before is not trained again, and nothing is decided where a failure stopped a part."""
    logged = {"hard": {3: 0.9}, "gated": {3: 0.8}, "soft": {3: 0.7}, "film": {3: 1.0}, "cross_stitch": {3: 1.1}}
    screened = screening(tmp_path, logged)
    hard, gated, soft, *_ = (configuration_id(one.config) for one in screened.multi)
    gains = {hard: {"a": 0.3}, gated: {"a": 0.2}, soft: {"a": 0.1}}
    judge: Any = SimpleNamespace(multi=(hard, gated, soft), validation=gains.__getitem__, best=lambda: gated, runs={})
    said: list[tuple[str, Any]] = []

    def choose(stops: int) -> Configuration | None:
        said.clear()

        def train(plan: Any, heading: str, later: Any) -> bool:
            said.append((heading, later))
            return len(said) != stops

        return screened.choose(train, lambda: judge)

    half = "screening on validation, 1 of 3: 5 configurations, half of the training, seed 4"
    whole = "screening on validation, 2 of 3: 3 configurations, the whole training, seed 4"
    last = "screening on validation, 3 of 3: 2 configurations, the whole training, 2 seeds"
    baseline, first_look = [("single_task", 4, 7)], [("single_task", 8, 9)]
    assert choose(stops=1) is None
    assert said == [(half, baseline)]
    assert screened.ledger.stopped == []
    assert choose(stops=2) is None
    assert said == [(half, baseline), (whole, baseline)]
    assert [one.label for one in screened.ledger.stopped] == ["film", "cross_stitch"]
    chosen = choose(stops=0)
    assert chosen is not None
    assert chosen.label == "gated"
    assert said == [(whole, baseline), (last, first_look)]
    assert [one.label for one in screened.ledger.stopped] == ["film", "cross_stitch", "soft"]
    judge.best = lambda: None
    with pytest.raises(InputError, match="no configuration could be screened"):
        choose(stops=0)
    assert said == [(last, first_look)]


def test_of_a_part_the_baseline_is_trained_to_its_end_and_the_others_until_they_are_looked_at(tmp_path: Path) -> None:
    screened = screening(tmp_path, {})
    asked = screened.planner.asked  # type: ignore[attr-defined]
    labels = ("single_task", "hard", "gated")
    for number in range(3):
        plan: Any = screened.plan(number, screened.multi[:2])
        assert tuple(one.label for one in plan) == labels
    assert asked[:3] == [("single_task", 4, None), ("hard", 4, 5), ("gated", 4, 5)]
    assert asked[3:6] == [(label, 4, None) for label in labels]
    assert asked[6:] == [(label, seed, None) for label in labels for seed in (4, 7)]


def test_seeds_of_a_configuration_are_those_of_the_parts_that_it_came_to(tmp_path: Path) -> None:
    """The plan holds those on which a run is trained to its end, and so no run that was stopped on its way."""
    screened = screening(tmp_path, {"hard": {3: 0.9}, "gated": {3: 0.8}, "soft": {3: 0.7}, "film": {3: 1.0}})
    screened.planner.failed.add("cross_stitch")  # type: ignore[attr-defined]
    hard, gated, soft, film, cross = (configuration_id(one.config) for one in screened.multi)

    def seeds() -> list[list[int]]:
        return [screened.seeds_of(key) for key in (hard, gated, soft, film, cross)]

    baseline = configuration_id(screened.single.config)
    assert screened.seeds_of(baseline) == [4, 7]
    assert seeds() == [[4]] * 5
    stop_two(screened, tmp_path)
    assert seeds() == [[4], [4], [4], [], [4]]  # of the failed one the report says why
    by_key = {hard: {"a": 0.1}, gated: {"a": 0.2}, soft: {"a": 0.3}}
    judge: Any = SimpleNamespace(multi=(hard, gated, soft), validation=by_key.__getitem__)
    screened.let_go(1, screened.left(1), lambda: judge)
    assert seeds() == [[4], [4, 7], [4, 7], [], [4]]
    assert screened.seeds_of(baseline) == [4, 7]


def compare(path: Path, *arguments: str) -> str:
    out = StringIO()
    assert run(read_study([*TINY, f"output={path}", *arguments]), "the command", Console(file=out, width=160)) == 0
    return out.getvalue()


def content(path: Path, name: str) -> dict[str, Any]:
    (folder,) = (path / "comparisons").iterdir()
    found: dict[str, Any] = json.loads((folder / name).read_text())
    return found


def results(path: Path) -> dict[str, Any]:
    """What came of each finished run but for how long it took."""
    found = {}
    for file in path.rglob("result.json"):
        one = json.loads(file.read_text())
        found[one["run_id"]] = one["metrics"], one["selection"], one["steps"]
    return found


@pytest.mark.smoke
def test_the_worse_half_is_stopped_and_the_others_have_the_numbers_of_an_undisturbed_training(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said = compare(tmp_path / "halves")
    assert "available" not in capfd.readouterr().err  # what Lightning says of the machine
    plan, ledger, summary = (content(tmp_path / "halves", name) for name in ("plan.json", "looks.json", "summary.json"))
    early, late = ([one for one in ledger["stopped"] if one["rung"] == rung] for rung in (0, 1))
    assert len(early) == 2
    assert len(late) == 1
    assert all(one["epochs"] == 2 and one["score"] >= one["last_score"] for one in early)
    for one in early:  # every number in a table traces to a run directory
        assert (Path(one["run"]) / "state").read_text().strip() == "pruned"
        assert not (Path(one["run"]) / "result.json").exists()
    seeds: dict[str, list[int]] = {}
    for one in plan["runs"]:
        seeds.setdefault(one["label"], []).append(one["seed"])
    assert not {one["label"] for one in early} & set(seeds)
    assert seeds[late[0]["label"]] == [0]
    assert seeds["single_task"] == seeds[summary["verdict"]["best"]] == [0, 1, 2]
    assert not summary["problems"]
    assert "5 configurations, half of the training, seed 0" in said
    (folder,) = (tmp_path / "halves/comparisons").iterdir()
    page, text = ((folder / name).read_text() for name in ("report.html", "report.md"))
    for one in early:
        assert one["run"] in page
        assert f"| {one['label']} | 2 |" in text

    assert f"for {len(plan['runs']) + 2} of {len(plan['runs']) + 2} runs" in plan["took"]
    finished = results(tmp_path / "halves")
    assert len(finished) == 2 + 2 + 3 + 2
    (paused,) = [one for one in plan["runs"] if one["label"] == summary["verdict"]["best"] and one["seed"] == 0]
    train(Run.open(paused["path"]).config.changed(output=str(tmp_path / "whole"), resume=None))
    assert results(tmp_path / "whole").items() <= finished.items()

    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("last.ckpt")}
    compare(tmp_path / "halves")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("last.ckpt")} == before
    assert content(tmp_path / "halves", "looks.json") == ledger


@pytest.mark.smoke
def test_a_run_that_failed_is_no_worse_run_that_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report names it among the problems."""
    import mtl.lifecycle.train as training

    def broken(config: RunConfig, **more: Any) -> Any:
        if config.choices.model == "gated":
            raise RuntimeError("the disk is full")
        return train(config, **more)

    monkeypatch.setattr(training, "train", broken)
    study = read_study([*TINY, "models=[hard,gated,soft]", f"output={tmp_path}"])
    assert run(study, "the command", Console(file=StringIO(), width=160)) == 1
    summary, ledger = content(tmp_path, "summary.json"), content(tmp_path, "looks.json")
    assert [one["label"] for one in ledger["stopped"]] == ["gated-equal"]
    assert ledger["stopped"][0]["epochs"] is None
    (problem,) = summary["problems"]
    assert problem["path"] == "gated-equal, seed 0"
    assert "the disk is full" in problem["reason"]
