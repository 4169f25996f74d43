"""The list of runs: baselines of the right size and duration, one run per seed, the same plan every time."""

import json
from dataclasses import replace
from math import comb
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mtl.agent.environments.lending import Lending
from mtl.assembly import build
from mtl.cli.compare import choose_on_validation
from mtl.comparison.design import Design
from mtl.config.compose import configure
from mtl.config.run_config import RunConfig
from mtl.config.study_arguments import read_study
from mtl.errors import InputError
from mtl.nn.heads import ConditionalHead
from mtl.runs.identity import configuration_id, identity
from mtl.sweep.baselines import Baselines
from mtl.sweep.comparison_id import comparison_id
from mtl.sweep.counted import without_auxiliary
from mtl.sweep.entries import simplex, with_split_seed, with_values
from mtl.sweep.matched_baselines import epochs_within, same_parameters
from mtl.sweep.plan import Configuration
from mtl.sweep.planner import Planner
from mtl.sweep.queue import QueuedRun
from mtl.sweep.worker_pool import WorkerPool

TINY = ["task=synthetic", "task.rows=100", "task.features=8", "encoder.widths=[12,8]", "weightings=[equal]", "epochs=2"]


def planner(path: Path, *arguments: str) -> Planner:
    return Planner(read_study([*TINY, f"output={path}", *arguments]))


def test_every_model_and_weighting_and_seed_and_the_baseline(tmp_path: Path) -> None:
    found = planner(tmp_path, "models=[hard,'gated model.experts=2']", "weightings=[equal,gradnorm]")
    plan = found.plan([found.single_task(), *found.multi_task()], [3, 5])
    labels = [one.label for one in plan.configurations]
    assert labels == [
        "single_task",
        "hard-equal",
        "hard-gradnorm",
        "gated experts=2-equal",
        "gated experts=2-gradnorm",
    ]
    assert plan.configurations[-1].config.model["experts"] == 2
    assert [one.config.seed for one in plan.entries] == [3] * len(labels) + [5] * len(labels)
    assert len({one.key for one in plan.entries}) == len(plan.entries)
    assert all(plan.seconds(one) > 0 for one in plan.configurations)


def test_same_parameters_come_close_and_keep_the_shape(tmp_path: Path) -> None:
    found = planner(tmp_path, "encoder.widths=[64,32]")
    single = found.configs.of("single_task", "equal")
    smaller = found.configuration("x", same_parameters(single, 3000))
    assert smaller.parameters == pytest.approx(3000, rel=0.1)
    first, second = smaller.config.encoder["widths"]
    assert first / second == pytest.approx(2, rel=0.1)


def test_the_nearest_size_of_an_encoder_is_found_in_the_steps_that_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand, where parameters are the squares of the widths, and a width is a multiple of the heads."""
    monkeypatch.setattr("mtl.sweep.matched_baselines.build", lambda config, _: SimpleNamespace(module=config.encoder))
    monkeypatch.setattr(
        "mtl.sweep.matched_baselines.count_parameters",
        lambda encoder: {"total": encoder["width"] ** 2 + sum(encoder["widths"]) ** 2},
    )
    single = configure("task=synthetic", "model=single_task")

    def found(wanted: int, width: int, widths: list[int], **more: int) -> tuple[int, list[int]]:
        encoder = {"_target_": "some.Encoder", "width": width, "widths": widths, **more}
        sized = same_parameters(single.changed(encoder=encoder), wanted).encoder
        assert sized == {**encoder, "width": sized["width"], "widths": sized["widths"]}
        return sized["width"], sized["widths"]

    sizes = [found(wanted, 32, [], heads=4)[0] for wanted in (24**2, 25**2, 27**2, 30**2 - 1, 0, 9**9)]
    assert sizes == [24, 24, 28, 28, 4, 16 * 32]  # 899 is 115 from the square of 28, and 125 from that of 32
    assert found(48**2 + 1, 0, [64, 32]) == (1, [32, 16])


@pytest.mark.parametrize("chosen", [["encoder=timm"], ["encoder=transformer", "encoder.pretrained=some/model"]])
def test_an_encoder_of_one_size_is_told_before_anything_is_trained(tmp_path: Path, chosen: list[str]) -> None:
    """What changes nothing would else be called a network of the same parameters."""
    given = ["task=reviews", "task.form=sequence", "weightings=[equal]", f"output={tmp_path}", *chosen]
    with pytest.raises(InputError, match=r"has none of width, .* expected .* such as baselines=\[same_seconds\]$"):
        Planner(read_study(given))


def test_the_baseline_of_the_same_size_is_matched_with_what_was_chosen(tmp_path: Path) -> None:
    found = planner(tmp_path, "models=[hard,gated]")
    single, (hard, gated) = found.single_task(), found.multi_task()
    baselines = Baselines(found)
    small, large = (baselines.same_parameters(single, baselines.matched([hard, gated], one)) for one in (hard, gated))
    assert small is not None
    assert large is not None
    assert small.parameters < single.parameters < large.parameters
    always_hard = planner(tmp_path, "models=[hard,gated]", "match=hard")
    assert Baselines(always_hard).matched([hard, gated], gated) is hard


def test_same_seconds_are_those_of_finished_runs_and_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = planner(tmp_path, "epochs=10", "models=[hard]")
    single = Configuration("single_task", found.configs.of("single_task", "equal"), 1, step_seconds=1.0, rows=80)
    multi = Configuration("hard-equal", found.configs.of("hard", "equal"), 1, step_seconds=1.0, rows=80)
    with_runs = found.plan([single, multi], [0, 1, 2]).configurations
    assert Baselines(found).same_seconds(*with_runs) is None  # nothing has run
    steps: dict[str, int] = {}
    replicas = 1
    took = {("single_task", 0): 2.0, ("single_task", 1): 2.2, ("single_task", 2): 90.0, ("hard", 1): 3.3}

    def done(entry: QueuedRun) -> SimpleNamespace | None:
        seconds = took.get((entry.config.choices.model, entry.config.seed))
        if seconds is None:
            return None
        measured = SimpleNamespace(fit=seconds)
        of = entry.config.choices.model
        return SimpleNamespace(
            result=SimpleNamespace(seconds=measured, epochs=10, replicas=replicas, steps=steps.get(of))
        )

    monkeypatch.setattr(found.queue, "done", done)
    timed = Baselines(found).same_seconds(*with_runs)
    assert timed is not None
    assert timed.config.epochs == 15  # 3.3 s, by the median of 2.2 s for 10
    assert (timed.config.steps, timed.config.patience) == (None, None)
    assert timed.label == "single_task, same seconds"
    took["hard", 1] = 100.0
    again = Baselines(found).same_seconds(*with_runs)
    assert again is not None
    assert again.config.epochs == 15
    longer = replace(multi, config=planner(tmp_path, "epochs=20").configs.of("hard", "equal"))
    other = Baselines(found).same_seconds(*found.plan([single, longer], [0, 1, 2]).configurations)
    assert other is not None
    assert other.config.epochs == 455  # another question
    steps, replicas = {"single_task": 40, "hard": 60}, 2
    both = found.plan([single, replace(longer, step_seconds=3.0, config=longer.config.changed(batch_size=8))], [0, 1])
    shared = Baselines(found).same_seconds(*both.configurations)
    assert shared is not None
    assert shared.config.epochs == 45  # 60 steps of 3 s, beside 40 of 1 s: shares of seconds say nothing


def test_same_seconds_that_are_those_of_single_task_are_no_baseline_of_their_own() -> None:
    assert epochs_within(10, seconds=2.0, wanted=2.09) == 10
    assert epochs_within(10, seconds=2.0, wanted=0.01) == 1


@pytest.mark.parametrize("setting", ["budget", "steps"])
def test_the_budget_is_one_of_optimizer_steps(setting: str, tmp_path: Path) -> None:
    config = Planner(read_study([*TINY, f"output={tmp_path}", f"{setting}=7"])).configs.of("hard", "equal")
    assert config.steps == 7


def test_an_epoch_is_as_long_as_the_batches_and_the_held_out_rows_of_its_configuration_make_it(tmp_path: Path) -> None:
    found = planner(tmp_path, "models=[hard,'hard batch_size=10']", "weightings=[equal,auto_lambda]", "batch_size=40")
    single, usual, held, smaller, both = [found.single_task(), *found.multi_task()]
    rows = len(found.data.splits["train"])
    assert set(found.data.splits) == {"train", "val", "test"}
    assert [one.rows for one in (single, usual, smaller)] == [rows] * 3
    assert held.rows == both.rows == rows - round(0.1 * rows)
    for one in (single, usual, held, smaller, both):
        data = build(one.config).data
        data.setup("fit")
        assert one.steps == data.train_dataloader().steps
    assert found.plan([smaller], [0]).seconds(replace(smaller, step_seconds=9.0)) >= 2 * smaller.steps * 9.0
    found.study = found.study.model_copy(update={"grid": {"batch_size": [5, 20]}})
    assert [one.steps for one in found.grid_plan([usual]).configurations] == [-(-rows // 5), -(-rows // 20)]


def test_of_a_front_one_point_is_composed_and_measured_and_all_are_what_hydra_makes_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed = []

    def compose(*overrides: str) -> RunConfig:
        composed.append(overrides)
        return configure(*overrides)

    monkeypatch.setattr("mtl.sweep.entry_configs.configure", compose)
    weightings = "weightings=['front weighting.normalise=loss_scale']"
    found = planner(tmp_path, "models=[hard]", weightings, "front=4", "task.num_tasks=2")
    front = found.multi_task()
    assert len([found.single_task(), *front]) == 4
    assert len(composed) == len(set(composed))
    assert sum("model=hard" in overrides for overrides in composed) == 1
    assert len({one.step_seconds for one in front}) == 1
    (overrides,) = (each for each in composed if "model=hard" in each)
    others = [text for text in overrides if not text.startswith("weighting.weights")]
    for one, weights in zip(front, ["task0:0.5,task1:1.5", "task0:1,task1:1", "task0:1.5,task1:0.5"], strict=True):
        hydra = configure(*others, f"weighting.weights={{{weights}}}").changed(output=one.config.output, progress=False)
        assert one.config == hydra
        assert identity(one.config) == identity(hydra)
    with pytest.raises(InputError, match="a front has weights of its own"):
        planner(tmp_path, "weightings=['front weighting.weights={task0:1}']")


def test_tuning_gives_everyone_the_same_grid(tmp_path: Path) -> None:
    found = planner(
        tmp_path, "models=[hard]", "tune=true", "grid={optimizer.lr:[0.1,0.2],batch_size:[10,20]}", "baselines=[]"
    )
    tuning = found.grid_plan([found.single_task(), *found.multi_task()])
    points = [(one.label, one.config.optimizer["lr"], one.config.batch_size) for one in tuning.configurations]
    grid = [(0.1, 10), (0.1, 20), (0.2, 10), (0.2, 20)]
    assert points == [(label, *point) for label in ("single_task", "hard-equal") for point in grid]
    assert {len(one.entries) for one in tuning.configurations} == {1}


def test_a_key_of_the_grid_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no key 'optimizer\.rate'"):
        with_values(planner(tmp_path).configs.of("hard", "equal"), {"optimizer.rate": 1})


def test_a_seed_that_also_makes_the_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="seeds are not comparable"):
        planner(tmp_path, "task.seed=${seed}")


@pytest.mark.parametrize("where", ["models=[hard,'soft task.features=6']", "weightings=['equal task.features=6']"])
def test_an_entry_that_changes_the_data_is_refused(tmp_path: Path, where: str) -> None:
    """Its runs would be of other data, and so never those that the comparison waits for."""
    with pytest.raises(InputError, match=r"changes task\.features: what is compared has to learn from the same data"):
        planner(tmp_path, where)
    unlike = (("task.features", "[4,6]"), ("tasks", "[[task0,task1],null]"), ("auxiliary", "[[task0],null]"))
    for key, values in unlike:
        with pytest.raises(InputError, match=rf"grid=\{{{key}: \.\.\.\}}: what is compared has to learn"):
            planner(tmp_path, "tune=true", f"grid={{{key}:{values}}}")


def clicks(folder: Path, *arguments: str) -> Planner:
    """A comparison with an entry whose suite composes one prediction of two."""
    path = folder / "clicks.csv"
    path.write_text("x,click,bought\n" + "1,1,0\n2,1,1\n3,0,0\n4,0,0\n" * 25, encoding="utf-8")
    given = ["task=table", f"task.path={path}", "task.targets={click: binary, bought: {kind: binary}}"]
    entries = "models=[hard,'hard +task.targets.bought.given=click relations.detach=false']"
    own = ["encoder.widths=[4]", "weightings=[equal]", "batch_size=10", f"output={folder}"]
    return Planner(read_study([*given, entries, *own, *arguments]))


def test_an_entry_may_change_how_its_suite_predicts_the_same_labels(tmp_path: Path) -> None:
    """ESMM beside other networks: its runs are of the same data, and each keeps what its entry says, on any split."""
    found = clicks(tmp_path, "data=resplit")
    single, plain, composed = found.single_task(), *found.multi_task()
    assert composed.parameters == plain.parameters
    plan = found.plan([single, plain, composed], [0, 1])
    by_seed = [{entry.fingerprint for entry in plan.entries if entry.config.seed == seed} for seed in (0, 1)]
    assert [len(fingerprints) for fingerprints in by_seed] == [1, 1]
    said = [entry.config.task["targets"]["bought"].get("given") for entry in plan.entries]
    assert said == [None, None, "click"] * 2
    network = build(composed.config, found.suites.of(composed.config).statistics).module.network
    assert isinstance(network.heads["bought"], ConditionalHead)


def test_an_entry_that_changes_the_tasks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'hard tasks=\[task0\] equal' changes tasks: what is compared"):
        planner(tmp_path, "models=['hard tasks=[task0]']")


def test_tasks_can_be_chosen(tmp_path: Path) -> None:
    config = planner(tmp_path, "tasks=[task0,task2]").configs.of("hard", "equal")
    assert config.tasks == ["task0", "task2"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epochs=0", "epochs=0: expected a whole number"),
        ("batch_size=x", "batch_size=x: expected a whole number"),
        ("output=/dev/null/x", "output=/dev/null/x: cannot be written"),
        ("hardware.accelerator=abacus", "cannot train with hardware"),
    ],
)
def test_a_wrong_option_of_the_runs_is_named_before_any_is_trained(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        planner(tmp_path, override)


def table(folder: Path, name: str, rows: str) -> list[str]:
    """What is typed to compare on a person's own table."""
    path = folder / name
    path.write_text("x,y,z\n" + rows * 40, encoding="utf-8")
    return ["task=table", f"task.path={path}", "task.targets={y: regression, z: regression}", "encoder.widths=[4]"]


def directory(path: Path, *arguments: str) -> Path:
    """Where the comparison goes."""
    given = ["weightings=[equal]", "models=[hard]", "batch_size=10", f"output={path}"]
    return Planner(read_study([*given, *arguments])).directory


def test_a_comparison_is_named_by_what_it_compares(tmp_path: Path) -> None:
    """Two own tables, other models, tasks or settings of runs are other comparisons; other looks are not."""
    first = table(tmp_path, "first.csv", "1,2,3\n4,5,7\n2,2,1\n")
    second = table(tmp_path, "second.csv", "1,2,3\n4,9,7\n2,2,1\n")
    base = directory(tmp_path, *first)
    assert base.name.startswith("table-")
    for same in (
        ["seeds=[9,5]", "workers=0", "dry_run=true", "keep=folder", "threads=1"],
        ["replicas=1"],  # which screens by halves, where there is anything to screen
    ):
        assert directory(tmp_path, *first, *same) == base, same
    others = [
        [*second],
        [*first, "models=[hard,soft]"],
        [*first, "weightings=[uncertainty]"],
        [*first, "grouping=auto"],
        [*first, "tasks=[y,z]"],
        [*first, "budget=2", "+hardware.limit_train_batches=1"],
    ]
    found = [directory(tmp_path, *other) for other in others]
    assert len({base, *found}) == len(others) + 1


def test_how_a_comparison_is_judged_is_part_of_its_name() -> None:
    """What could be chosen by its result is; how often and how fast one looks is not, since the ledger keeps that."""
    study = read_study(["task=synthetic", "models=[hard]", "weightings=[equal]"])
    single = configure("task=synthetic", "model=hard")
    configs = [single, *(single.changed(batch_size=size) for size in (10, 20, 30))]

    def name(halving: bool = False, few: bool = False, fingerprint: str = "f", **changes: object) -> str:
        changed = study.model_copy(update=changes)
        return comparison_id(changed, configs[:2] if few else configs, fingerprint, halving=halving)

    tuned = {"tune": True, "grid": {"batch_size": [1, 2]}}
    same = [
        {"seeds": 7},
        {"seeds": [9, 5]},
        {"looks": [4]},
        {"workers": 0},
        {"replicas": 1},
        {"keep": "folder"},
        {"fail_fast": True},
        {"question": "another"},
        {"grid": {"batch_size": [1, 2]}},  # nothing is tuned
        {"merges": ["ties"]},  # nothing is merged
    ]
    assert {name(), *(name(**each) for each in same)} == {name()}
    others = [
        {"fingerprint": "g"},
        {"few": True},
        {"halving": True},
        {"alpha": 0.1},
        {"margin": 0.2},
        {"design": "full"},
        {"data": "resplit"},
        {"screen": 3},
        {"first_seed": 20},
        {"seeds": [0, 1]},  # what was screened on these seeds was chosen by them
        {"seeds": [0, 2]},
        {"baselines": []},
        {"match": "hard"},
        {"baselines": ["merged"]},
        {"baselines": ["merged"], "merges": ["ties"]},
        tuned,
        {"tune": True, "grid": {"batch_size": [1, 3]}},
    ]
    assert len({name(), *(name(**each) for each in others)}) == len(others) + 1
    assert len(name()) == 8
    assert name(design="full", seeds=7) == name(design="full")  # where all are tested, more seeds are more of the same
    assert name(few=True, halving=True) == name(few=True)  # one configuration is not screened
    assert name(tune=True, grid={"batch_size": [1.0, 2.0]}) == name(**tuned)
    assert comparison_id(study, [one.changed(seed=5) for one in configs], "f", halving=False) == name()


def test_a_split_of_its_own_for_every_seed_is_other_data_for_the_same_configuration(tmp_path: Path) -> None:
    first = table(tmp_path, "first.csv", "1,2,3\n4,5,7\n2,2,1\n")
    given = ["weightings=[equal]", "models=[hard]", "batch_size=10", f"output={tmp_path}", *first, "data=resplit"]
    found = Planner(read_study(given))
    plan = found.plan([found.single_task(), *found.multi_task()], [0, 1])
    by_seed = {seed: {e.fingerprint for e in plan.entries if e.config.seed == seed} for seed in (0, 1)}
    assert all(len(fingerprints) == 1 for fingerprints in by_seed.values())
    assert by_seed[0] != by_seed[1]
    assert [entry.config.task["split"]["seed"] for entry in plan.entries] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "halves", "at_once"),
    [
        ([], False, 16),
        (["replicas=1"], True, 1),
        (["halving=true"], True, 16),
        (["encoder.widths=[700,700]"], True, 1),
        (["encoder.widths=[700,700]", "halving=false"], False, 1),
        (["encoder.widths=[700,700]", "batch_size=8"], False, 16),
        (["encoder.widths=[700,700]", "batch_size=64"], False, 16),  # of one network, not of one for each task
        (["encoder.widths=[700,700]", "replicas=4"], False, 4),
        (["encoder.widths=[700,700]", "design=full"], False, 1),
    ],
)
def test_large_networks_are_trained_one_after_another_and_screened_by_halves(
    tmp_path: Path, arguments: list[str], halves: bool, at_once: int
) -> None:
    """Many small ones are trained in little more time than few."""
    found = planner(tmp_path, "models=[hard,gated]", *arguments)
    assert (found.halves, found.study.at_once) == (halves, at_once)


@pytest.mark.parametrize(
    "arguments", [["models=[hard]", "hardware=ddp_cpu"], ["models=['hard hardware.devices=2']"]], ids=str
)
def test_a_run_of_a_comparison_is_trained_in_one_process(tmp_path: Path, arguments: list[str]) -> None:
    """What Lightning starts again is the program, which is the comparison."""
    with pytest.raises(InputError, match=r"^a comparison starts runs of one process each"):
        planner(tmp_path, *arguments)


def test_a_value_of_a_grid_may_change_no_more_than_an_entry(tmp_path: Path) -> None:
    """Validation would choose, for each configuration by itself, on which terms its outcome is measured."""
    found = planner(tmp_path, "models=[hard]", "tune=true")
    lending = configure("task=credit", "execution=lending").execution
    acting = found.configs.of("hard", "equal").changed(execution=lending)
    one, found._environment = Configuration("hard", acting, 1, 1.0, rows=80), Lending()

    def points(key: str, *values: object) -> list[Configuration]:
        found.study = found.study.model_copy(update={"grid": {key: list(values)}})
        return list(found.grid_plan([one]).configurations)

    with pytest.raises(InputError, match="one process each"):
        points("hardware.devices", 1, 2)
    with pytest.raises(InputError, match=r"hardware\.max_time is for single runs"):
        points("hardware.max_time", "00:00:01:00")
    with pytest.raises(InputError, match=r"'grid' changes execution\.margin: what is compared has to act on the same"):
        points("execution.margin", 0.1, 0.9)
    assert [point.config.execution["odds"] for point in points("execution.odds", 1.0, 2.0)] == [1.0, 2.0]


def test_the_seed_whose_rows_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = planner(tmp_path, "models=[hard]", "data=resplit")

    def refuse(config: RunConfig) -> None:
        raise InputError("target 'rare' has only 'no' in the val split")

    monkeypatch.setattr("mtl.sweep.split_seeds.build_suite", refuse)
    with pytest.raises(InputError, match="data=resplit, the split of seed 7: target 'rare' has only 'no' in the val"):
        found.entry(found.configs.of("hard", "equal"), 7)


def test_rows_that_can_be_divided_in_one_way_only_are_not_divided_again() -> None:
    with pytest.raises(InputError, match="data=resplit: rows that are divided by time"):
        with_split_seed({"split": {"by": "time", "seed": 0}}, 3)
    with pytest.raises(InputError, match="data=resplit: this suite has no seed of its split"):
        with_split_seed({"path": "x"}, 3)
    with pytest.raises(InputError, match=r"data=resplit: the test rows are those of task\.path_test"):
        with_split_seed({"split": {"by": "random", "seed": 0}, "path_test": "test.csv"}, 3)
    for later in ("later.csv", ["a.csv", "b.csv"]):
        with pytest.raises(InputError, match=r"data=resplit: the test is a part of the rows of task\.path_later"):
            with_split_seed({"split": {"by": "random", "seed": 0}, "path_test": None, "path_later": later}, 3)
    with pytest.raises(InputError, match=r"data=resplit: the test rows are those of task\.test, whatever the seed"):
        with_split_seed({"seed": 0, "test": ["ft06", "la01..la20"]}, 3)
    assert with_split_seed({"seed": 0, "test": 0.2}, 3) == {"seed": 3, "test": 0.2}  # a share, of a suite of one's own
    for none in (None, "", []):
        assert with_split_seed({"split": {"seed": 0}, "path_later": none}, 3)["split"] == {"seed": 3}
    assert with_split_seed({"split": {"by": "group", "seed": 0}}, 3) == {"split": {"by": "group", "seed": 3}}
    assert with_split_seed({"seed": 0, "rows": 5}, 3) == {"seed": 3, "rows": 5}


@given(st.integers(1, 4), st.integers(0, 5))
def test_the_front_divides_the_weight_among_all_tasks_in_every_way(tasks: int, more: int) -> None:
    names, parts = [f"t{i}" for i in range(tasks)], tasks + more
    found = simplex(names, parts)
    assert len(set(found)) == len(found) == comb(parts - 1, tasks - 1)
    for text in found:
        pairs = [pair.split(":") for pair in text.removeprefix("weighting.weights={").removesuffix("}").split(",")]
        assert [name for name, _ in pairs] == names
        weights = [float(weight) for _, weight in pairs]
        assert sum(weights) == pytest.approx(tasks, abs=1e-4)
        assert min(weights) > 0


def test_the_front_is_a_configuration_for_each_point(tmp_path: Path) -> None:
    found = planner(tmp_path, "models=[hard]", "weightings=[equal,front]", "tasks=[task0,task1]", "front=4")
    labels = [one.label for one in found.multi_task()]
    assert labels == ["hard-equal", "hard-front 1:3", "hard-front 2:2", "hard-front 3:1"]
    assert found.multi_task()[1].config.weighting["weights"] == {"task0": 0.5, "task1": 1.5}
    with pytest.raises(InputError, match="front=2: expected 3 or more"):
        planner(tmp_path, "weightings=[front]", "front=2")


def test_a_plan_that_is_only_looked_at_leaves_nothing(tmp_path: Path) -> None:
    first = table(tmp_path, "first.csv", "1,2,3\n4,5,7\n2,2,1\n")
    directory(tmp_path, *first)
    assert not (tmp_path / "comparisons").exists()


def test_a_name_that_holds_another_comparison_is_refused(tmp_path: Path) -> None:
    mine = planner(tmp_path, "models=[hard]", "name=mine")
    mine.plan(mine.multi_task(), [0]).save("the command", Design("confirm", (0,), (1,), (1,)))
    again = planner(tmp_path, "models=[hard]", "name=mine", "seeds=9")
    assert again.directory == mine.directory
    with pytest.raises(InputError, match=r"name=mine: '.*mine' holds another comparison"):
        planner(tmp_path, "models=[soft]", "name=mine")


def test_two_comparisons_that_begin_together_do_not_share_a_name(tmp_path: Path) -> None:
    mine, other = planner(tmp_path, "models=[hard]", "name=mine"), planner(tmp_path, "models=[soft]", "name=mine")
    design = Design("confirm", (0,), (1,), (1,))
    mine.plan(mine.multi_task(), [0]).save("the command", design)
    with pytest.raises(InputError, match="mine' holds another comparison, begun at the same time"):
        other.plan(other.multi_task(), [0]).save("the command", design)


def test_a_command_that_has_come_less_far_takes_nothing_out_of_a_plan(tmp_path: Path) -> None:
    found = planner(tmp_path, "models=[hard,soft]")
    every, first = found.multi_task(), Design("confirm", (0,), (1, 2), (2,))
    found.plan(every, [0, 1, 2]).save("the command", replace(first, further=("of a baseline",)))
    file = found.directory / "plan.json"
    before = file.read_text()
    found.plan(every[:1], [0, 1]).save("again", first)
    assert file.read_text() == before
    found.plan(every[:1], [0, 1]).save("other looks", replace(first, looks=(1,)))  # no longer of what is asked
    assert len(json.loads(file.read_text())["runs"]) == 2


def test_two_configurations_are_never_called_the_same(tmp_path: Path) -> None:
    """Entries that differ in a key whose last word is the same keep the whole of it."""
    models = "models=[hard,'hard encoder.dropout=0.1','hard +model.dropout=0.1']"
    found = planner(tmp_path, models)
    labels = [found.configs.label(model, weighting) for model, weighting in found.configs.pairs]
    assert labels == ["hard-equal", "hard encoder.dropout=0.1-equal", "hard +model.dropout=0.1-equal"]


def test_a_value_keeps_all_its_digits_in_a_label(tmp_path: Path) -> None:
    found = planner(tmp_path, "models=['hard encoder.dropout=0.5']", "weightings=[front]", "front=3")
    assert [found.configs.label(*pair) for pair in found.configs.pairs] == ["hard dropout=0.5-front 1:1:1"]


def test_seeds_are_not_tuned(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"grid={seed: ...}: seed cannot be tuned: expected seeds=\[...\]"):
        planner(tmp_path, "tune=true", "grid={seed:[0,1]}")


@pytest.mark.parametrize(
    ("arguments", "both"),
    [
        (["models=[hard,'hard encoder.activation=relu']"], "'hard with equal' and 'hard encoder.activation=relu with"),
        (["models=[grouped,'hard grouping=auto']"], "'grouped with equal' and 'hard grouping=auto with equal'"),
    ],
    ids=["default", "shorthand"],
)
def test_one_configuration_in_two_spellings_is_refused(tmp_path: Path, arguments: list[str], both: str) -> None:
    with pytest.raises(InputError, match=both):
        planner(tmp_path, *arguments)


@pytest.mark.parametrize("one", [["tasks=[task1]"], ["task.num_tasks=1"]])
def test_a_single_task_is_nothing_to_compare(one: list[str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is one task, 'task[01]', and nothing that could be learned together"):
        planner(tmp_path, *one)


@pytest.mark.parametrize(
    ("done", "lacking"),
    [(["hard-equal"], "single_task"), (["single_task"], "hard-equal"), (["single_task", "soft-equal"], "hard-equal")],
    ids=["no baseline", "nothing to compare", "nothing to match"],
)
def test_a_grid_without_a_finished_run_of_what_is_needed_ends_in_one_line(
    done: list[str], lacking: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else another configuration would take the place of the baseline."""
    found = planner(tmp_path, "models=[hard,soft]", "match=hard", "tune=true", "grid={optimizer.lr:[0.1,0.2]}")
    configurations = [found.single_task(), *found.multi_task()]
    for entry in found.grid_plan(configurations).entries:
        found.queue.fail(entry, "out of memory")
    monkeypatch.setattr("mtl.cli.compare.train", lambda *_, **__: True)
    chosen = [one for one in configurations if one.label in done]
    monkeypatch.setattr(found, "best_of_grid", lambda _: chosen)
    with WorkerPool(tmp_path) as pool, pytest.raises(InputError) as error:
        choose_on_validation(found, configurations, 0, Console(quiet=True), pool)
    assert str(error.value) == f"no run of the grid of {lacking} has finished: out of memory"


def test_points_of_the_grid_that_failed_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a configuration none of whose points has finished, which was missing in the report without a word."""
    found = planner(tmp_path, "models=[hard,soft]", "tune=true", "grid={optimizer.lr:[0.1,0.2]}")
    single, hard, soft = configurations = [found.single_task(), *found.multi_task()]
    for entry in found.grid_plan([hard]).entries[:1]:
        found.queue.fail(entry, "out of memory")
    monkeypatch.setattr("mtl.cli.compare.train", lambda *_, **__: True)
    monkeypatch.setattr(found, "best_of_grid", lambda _: [single, hard])
    with WorkerPool(tmp_path) as pool:
        chosen, untuned = choose_on_validation(found, configurations, 0, Console(quiet=True), pool)
    assert chosen == [single, hard]
    assert untuned[soft.label] == "failed: no run of the grid has finished"
    assert untuned["hard-equal, optimizer.lr=0.1, seed 0"] == "no candidate for tuning: out of memory"


def test_a_baseline_of_the_same_seconds_keeps_its_epochs_where_epochs_are_tuned(tmp_path: Path) -> None:
    found = planner(tmp_path, "models=[hard]", "tune=true", "grid={epochs:[2,4],optimizer.lr:[0.1,0.2]}")
    single = found.single_task()
    tuned = replace(single, config=with_values(single.config, {"epochs": 2, "optimizer.lr": 0.2}))
    made = Baselines(found).single_task_with_epochs(tuned, epochs=7, used=2)
    assert made is not None
    assert (made.config.epochs, made.config.optimizer["lr"]) == (7, 0.2)


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        (["callbacks=ema"], r"callbacks\.ema: with scheduler=cooldown"),
        (["logger=aim"], "logger=aim needs the package aim"),
        (
            ["finish_heads=true", "models=[conditioned]", "weightings=[cosmos]"],
            "finish_heads=true trains for one choice",
        ),
        (["tune=true", "grid={optimizer.lr:[a]}"], r"grid: optimizer\.lr=a: expected a number, such as 0\.001"),
        (["tune=true", "grid={optimizer.fused:[0.5]}"], r"grid: optimizer\.fused=0\.5: expected true or false"),
    ],
)
def test_what_every_run_would_refuse_is_said_before_the_first(typed: list[str], complaint: str, tmp_path: Path) -> None:
    found = planner(tmp_path, "models=[hard]", "weightings=[equal]", *typed)
    with pytest.raises(InputError, match=complaint):
        found.grid_plan(found.multi_task())


def of_tasks(config: RunConfig) -> tuple[object, ...]:
    return config.tasks, config.auxiliary, config.relations.depends_on


def test_what_is_learned_apart_are_the_tasks_that_count(tmp_path: Path) -> None:
    given = ("models=[hard,'hard tasks=[task0,task1] auxiliary=[task1]']", "auxiliary=[task1,task2]")
    found = planner(tmp_path, *given, "baselines=[trees]")
    single, (multi, fewer) = found.single_task(), found.multi_task()
    assert of_tasks(single.config) == (["task0"], None, None)
    assert of_tasks(found.configs.of("trees", "equal")) == (["task0"], None, None)
    assert of_tasks(multi.config) == (None, ["task1", "task2"], None)
    assert of_tasks(fewer.config) == (["task0", "task1"], ["task1"], None)
    assert single.parameters < fewer.parameters < multi.parameters
    # A run of the task that counts, as it would be without the others
    alone = configure(*found.study.overrides, "model=single_task", "weighting=equal", "improve=none", "tasks=[task0]")
    assert configuration_id(alone.changed(auxiliary=None)) == configuration_id(single.config)


@pytest.mark.parametrize(
    ("depends_on", "expected"),
    [
        ("{task0: [task1]}", (["task0", "task1"], ["task1"], {"task0": ["task1"]})),
        ("{task1: [task0]}", (["task0"], None, None)),
        ("{task0: [task1], task1: [task2]}", (None, ["task1", "task2"], {"task0": ["task1"], "task1": ["task2"]})),
    ],
)
def test_apart_stay_the_auxiliary_tasks_that_those_that_count_depend_on(
    depends_on: str, expected: tuple[object, ...]
) -> None:
    given = ("model=single_task", "auxiliary=[task1,task2]", f"relations.depends_on={depends_on}")
    assert of_tasks(without_auxiliary(configure("task=synthetic", *given))) == expected


def test_trees_depend_on_no_task_so_that_they_need_no_auxiliary_one() -> None:
    given = ("task=claims", "task.conditional=true", "auxiliary=[care]")
    network, trees = (without_auxiliary(configure(f"model={model}", *given)) for model in ("single_task", "trees"))
    assert of_tasks(network)[1] == ["care"]
    assert of_tasks(trees)[1] is None
    assert "care" not in (trees.tasks or [])


def test_without_auxiliary_tasks_everything_is_learned_apart() -> None:
    config = configure("task=synthetic", "model=single_task")
    assert without_auxiliary(config) is config


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("models=[hard,'hard auxiliary=[task1]']", "auxiliary=[task1,task2]"), "changes auxiliary: what is compared"),
        (("models=[hard,'hard auxiliary=null']", "auxiliary=[task2]"), "changes auxiliary: what is compared"),
        (("models=[hard]", "auxiliary=[task1,task2]", "baselines=[merged]"), "one task counts, 'task0'"),
        (("models=[hard]", "auxiliary=[task4]"), "unknown task in auxiliary 'task4'"),
        (("models=[hard]", "auxiliary=[task0,task1,task2]"), "these are all tasks that are learned"),
        (("models=[hard]", "auxiliary=[task0]", "tasks=[task1,task2]"), "task 'task0' is left out by tasks"),
    ],
)
def test_auxiliary_tasks_that_cannot_be_compared_so(tmp_path: Path, given: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        planner(tmp_path, *given)
