"""What a comparison is asked to do, from the command line and from a study file."""

from pathlib import Path

import pytest

from mtl.config.compose import compose_config, configure, to_run_config
from mtl.config.study_arguments import read_study
from mtl.errors import InputError
from mtl.runs.identity import run_id
from mtl.sweep.planner import Planner


def test_settings_are_told_apart_from_overrides_of_the_runs() -> None:
    found = read_study(
        [
            "task=synthetic",
            "models=[hard]",
            "epochs=3",
            "seeds=[4,2]",
            "task.rows=100",
            "grid={optimizer.lr:[0.1]}",
            "tune=true",
        ]
    )
    assert found.overrides == ["task=synthetic", "epochs=3", "task.rows=100"]
    assert found.models == ["hard"]
    assert found.seeds == found.deciding_seeds == [4, 2]
    assert found.screening_seeds == [0, 1]
    assert found.grid == {"optimizer.lr": [0.1]}
    assert (found.name, found.subject) == (None, "synthetic")


def test_seeds_that_decide_are_none_of_those_of_screening() -> None:
    found = read_study(["task=synthetic"])
    assert found.screening_seeds == [0, 1]
    assert found.deciding_seeds == list(range(2, 14))
    assert found.planned_looks == [3, 5, 8, 12]
    fresh = read_study(["task=synthetic", "first_seed=14", "seeds=2", "screen=3"])
    assert (fresh.screening_seeds, fresh.deciding_seeds, fresh.planned_looks) == ([14, 15, 16], [17, 18], [2])
    listed = read_study(["task=synthetic", "seeds=[1,3]"])
    assert (listed.screening_seeds, listed.deciding_seeds, listed.planned_looks) == ([0, 2], [1, 3], [2])


def test_where_all_are_measured_all_seeds_decide() -> None:
    found = read_study(["task=synthetic", "design=full", "seeds=3"])
    assert found.screening_seeds == found.deciding_seeds == [0, 1, 2]
    assert found.planned_looks == [3]
    assert read_study(["task=synthetic", "looks=4"]).planned_looks == [4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["seeds=0"], "seeds=0: expected a number of seeds"),
        (["seeds=[1,1]"], "each seed once"),
        (["seeds=1,2"], "'seeds=1,2': a setting has one value; expected a list in brackets"),
        (["seeds=true"], "expected a number of seeds"),
        (["looks=[5,3]"], r"looks=\[5,3\]: expected growing numbers of seeds"),
        (["looks=[]"], "expected growing numbers of seeds"),
        (["looks=[3]", "seeds=3"], "looks and seeds both say when the result is looked at: expected one of them"),
        (["seeds=[1,2]", "first_seed=3"], r"first_seed=3: seeds=\[1,2\] lists the seeds: expected one of them"),
        (["alpha=1e-300"], "alpha=1e-300: expected a number between 1e-6 and 0.5"),
        (["screen=0"], "screen=0: expected a whole number, 1 or more"),
        (["design=ful"], "design=ful: expected confirm or full"),
        (["data=new"], "data=new: expected fixed or resplit"),
        (["front=1"], "front=1: expected a whole number, 2 to 100"),
        (["models=hard"], "models=hard: expected a list"),
        (["models=[]"], "at least one name"),
        (["models=[3]"], "models=.3.: expected a list of at least one name"),
        (["model=hard"], r"model=hard: a comparison has several: expected models=\[...\]"),
        (["seed=3"], r"seed=3: a comparison has several: expected seeds=\[...\]"),
        (["resume=x"], "resume is for single runs: the same command goes on with a comparison"),
        (["steps=3", "budget=3"], "steps and budget are the same: expected one of them"),
        (["baselines=[same_second]"], "did you mean 'same_seconds'"),
        (["alpha='${seed}'"], "Interpolation key 'seed' not found"),
        (["alpha=2"], "alpha=2: expected a number between"),
        (["workers=-1"], "workers=-1: expected a whole number"),
        (["leases=here.db"], "leases=here.db: expected an address such as sqlite:////x/leases.db"),
        (["budget=0"], "budget=0: expected a whole number, 1 or more"),
        (["budget=true"], "budget=true: expected a whole number"),
        (["models=[hard,hard]"], "each name once"),
        (["weightings=[equal,equal]"], "each name once"),
        (["models=[hard,single_task]"], "single_task, which is always there"),
        (["baselines=same_seconds"], "baselines=same_seconds: expected a list"),
        (["tune=2"], "tune=2: expected true or false"),
        (["dry_run=maybe"], "dry_run=maybe: expected true or false"),
        (["name=a/b"], "name=a/b: expected the name of a directory"),
        (["name=.."], "expected the name of a directory"),
        (["keep=''"], "keep=: expected a folder"),
        (["tune=true", "grid={}"], "a key to tune"),
        (
            ["models=['hard optimizer.lr=0.5']", "tune=true"],
            "'hard optimizer.lr=0.5' says optimizer.lr, and so does grid: expected it in one of them",
        ),
        (
            ["models=[soft,'hard optimizer.lr=0.5']", "weightings=['equal +optimizer.lr=0.1',gradnorm]"],
            r"'hard optimizer.lr=0.5' says optimizer.lr, and so does 'equal \+optimizer.lr=0.1': expected it in one",
        ),
        (["match=soft", "models=[hard]"], "unknown model in match 'soft'"),
        (["grid={optimizer.lr:3}"], "expected lists of values by key"),
        (["sedes=3"], "unknown key 'sedes'"),
        (["task.rows=1,2"], "Ambiguous value for argument 'task.rows=1,2'"),
        (["task=syntetic"], "did you mean 'synthetic'"),
        (["model=hrad"], "did you mean 'hard'"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_mistakes_are_named(arguments: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_study(["task=synthetic", *arguments] if "task=syntetic" not in arguments else arguments)


@pytest.fixture
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of study files in a config folder of one's own."""
    folder = tmp_path / "conf" / "experiment"
    folder.mkdir(parents=True)
    monkeypatch.setenv("MTL_CONF", str(folder.parent))
    return folder


def test_a_study_file_and_the_command_line_ask_the_same(tmp_path: Path, studies: Path) -> None:
    (studies / "mine.yaml").write_text(
        "# @package _global_\n"
        "# Is it so?\n"
        "# python experiments/compare.py experiment=mine\n"
        "defaults:\n  - override /task: synthetic\n"
        "epochs: 2\ntask: {rows: 100}\n"
        "compare: {models: [hard], weightings: [equal], seeds: 2, margin: 0.02}\n"
    )
    from_file = read_study(["experiment=mine", "name=x", f"output={tmp_path}"])
    runs = ["task=synthetic", "epochs=2", "task.rows=100", f"output={tmp_path}"]
    typed = read_study([*runs, "name=x", "models=[hard]", "weightings=[equal]", "seeds=2", "margin=0.02"])
    assert from_file.model_copy(update={"overrides": [], "question": "", "subject": ""}) == typed.model_copy(
        update={"overrides": [], "subject": ""}
    )
    assert from_file.question == "Is it so?"
    assert read_study(["experiment=mine", "seeds=5"]).planned_looks == [5]
    assert read_study(["experiment=mine"]).subject == "mine"

    keys = [
        [one.key for one in planner.plan(planner.multi_task(), [0, 1]).entries]
        for planner in map(Planner, (from_file, typed))
    ]
    assert keys[0] == keys[1]
    assert len(keys[0]) == 2

    # A run of train.py with the study is one of them
    alone = to_run_config(
        *compose_config(["experiment=mine", "model=hard", "weighting=equal", "seed=1", f"output={tmp_path}"])
    )
    assert run_id(alone) == keys[0][1].partition("-")[0]


def test_an_unknown_setting_in_a_study_file_is_named(studies: Path) -> None:
    (studies / "mine.yaml").write_text("# @package _global_\ncompare: {modles: [hard]}\n")
    with pytest.raises(InputError, match="unknown key in compare 'modles': did you mean 'models'"):
        read_study(["experiment=mine", "task=synthetic"])


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("# @package _global_\nmodels: [hard]\n", r"mine.yaml: 'models' is a setting of comparisons: .*'compare:'"),
        ("# @package _global_\nepohcs: 3\n", r"mine.yaml: unknown key 'epohcs': did you mean 'epochs'"),
        ("epochs: 3\n", r"mine.yaml: expected '# @package _global_' as the first line"),
    ],
    ids=["setting", "unknown", "package"],
)
def test_a_key_at_the_wrong_place_of_a_study_file_is_named_with_the_file(studies: Path, lines: str, said: str) -> None:
    (studies / "mine.yaml").write_text(lines)
    with pytest.raises(InputError, match=said):
        configure("experiment=mine", "task=synthetic")


def test_typed_looks_count_and_not_the_seeds_of_a_study(studies: Path) -> None:
    (studies / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /task: synthetic\ncompare: {seeds: 5}\n"
    )
    assert read_study(["experiment=mine", "first_seed=7", "looks=[10]"]).planned_looks == [10]


def test_typed_steps_count_and_not_the_budget_of_a_study(studies: Path) -> None:
    (studies / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /task: synthetic\ncompare: {budget: 50}\n"
    )
    assert read_study(["experiment=mine"]).budget == 50
    assert read_study(["experiment=mine", "steps=3"]).budget is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["grid={optimizer.lr: [0.1]}"], r"grid=\{optimizer.lr: \[0.1\]\} has no effect: expected it with tune=true"),
        (["design=full", "screen=3"], "screen=3 has no effect: expected it with design=confirm"),
        (["design=full", "halving=true"], "halving=true has no effect: expected it with design=confirm"),
        (["front=4"], r"front=4 has no effect: expected it with weightings=\[front\]"),
        (["merges=[ties]"], r"merges=\[ties\] has no effect: expected it with baselines=\[merged\]"),
        (["match=hard", "baselines=[]"], "match=hard has no effect: expected it with baselines="),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_a_setting_without_effect_is_refused(arguments: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_study(["task=synthetic", *arguments])


def test_settings_that_have_an_effect_are_taken() -> None:
    grid = read_study(
        ["task=synthetic", "tune=true", "grid={optimizer.lr: [0.1]}", "weightings=[equal,front]", "front=3"]
    )
    assert (grid.grid, grid.front) == ({"optimizer.lr": [0.1]}, 3)
    merged = ["baselines=[merged,same_seconds]", "merges=[ties]", "match=hard", "screen=3"]
    found = read_study(["task=synthetic", *merged])
    assert (found.merges, found.match, found.screen) == (["ties"], "hard", 3)
