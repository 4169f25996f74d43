"""Affinity finds the blocks of tasks that were planted, and ``grouping=auto`` trains them."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer

from mtl.assembly import build, load
from mtl.cli.affinity import main as measure
from mtl.config.compose import configure
from mtl.config.folders import CONF
from mtl.config.run_config import AUTO
from mtl.config.run_result import AffinityResult
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.module.lightning import silent_lightning
from mtl.runs.directory import Run
from mtl.runs.identity import run_id
from mtl.sharing.grouped import Grouped
from mtl.training.grouping import counted, epochs, measured, pairwise
from tests.support import tiny
from tests.trained import resume, train_with

# Tasks of a block are one task with labels on unlike rows, blocks have nothing in common: by construction learning in
# the two blocks is best. On eight seeds of data and training each measure found them every time.
PLANTED = (
    "task.num_tasks=4",
    "task.blocks=2",
    "task.relatedness=1",
    "task.rows=400",
    "task.missing=0.6",
    "encoder.widths=[16]",
    "optimizer.lr=0.02",
    "model=hard",
    "weighting=equal",
    "affinity.every=2",
)
# A trunk of one feature serves a block, and not two
NARROW = ("task.missing=0", "task.rows=300", "batch_size=20", "encoder.widths=[1]", "encoder.activation=tanh")
MANY = ("task.missing=0", "task.rows=800", "affinity.every=1", "affinity.epochs=4")  # gradients of single batches
LONG = {
    "features": ("affinity.epochs=6",),
    "lookahead": MANY,
    "cosine": MANY,
    "pairwise": (*NARROW, "affinity.epochs=10", "optimizer.lr=0.05"),
}
BLOCKS = [["task0", "task2"], ["task1", "task3"]]


def found(output: Path, *overrides: str) -> AffinityResult:
    """What is measured under these overrides."""
    assembly = build(tiny(output, *PLANTED, "grouping=auto", *overrides))
    assembly.data.setup("fit")
    with silent_lightning():
        return measured(assembly)


@pytest.mark.parametrize("measure", sorted(LONG))
def test_every_measure_finds_the_planted_blocks(measure: str, tmp_path: Path) -> None:
    seen = found(tmp_path, f"affinity.measure={measure}", *LONG[measure])
    assert seen.groups == BLOCKS
    matrix = torch.tensor(seen.matrices[measure])
    related = torch.stack([matrix[0, 2], matrix[2, 0], matrix[1, 3], matrix[3, 1]])
    unrelated = torch.stack([matrix[i, j] for i in range(4) for j in range(4) if (i + j) % 2])
    assert related.mean() > unrelated.mean() + unrelated.abs().mean()


@pytest.mark.parametrize(
    ("world", "groups"),
    [
        (("task.blocks=1",), [[0, 1, 2, 3]]),
        (("task.blocks=1", "task.relatedness=0"), [[0], [1], [2], [3]]),
        (("task.scale_ratio=100",), [[0, 2], [1, 3]]),
        (("task.scale_ratio=0.01",), [[0, 2], [1, 3]]),
        (("task.num_tasks=6", "task.relatedness=0.9", "task.kinds=mixed"), [[0, 2, 4], [1, 3, 5]]),
        (("task.num_tasks=6", "task.blocks=3", "task.relatedness=0.9"), [[0, 3], [1, 4], [2, 5]]),
        (("task.missing=0.8", "task.rows=2000"), [[0, 2], [1, 3]]),
    ],
    ids=["together", "apart", "large scales", "small scales", "mixed kinds", "three blocks", "few labels"],
)
def test_the_number_of_groups_is_found(world: tuple[str, ...], groups: list[list[int]], tmp_path: Path) -> None:
    settings = ("task.rows=800", "task.missing=0", "task.features=12", "affinity.every=1", "affinity.epochs=4")
    seen = found(tmp_path, *settings, *world)
    assert seen.groups == [[f"task{i}" for i in group] for group in groups]
    assert seen.networks is None


def test_auxiliary_tasks_in_no_group_with_one_that_counts_are_noted(tmp_path: Path) -> None:
    given = ("task.num_tasks=4", "task.rows=60", "auxiliary=[task1,task2,task3]", "model=hard")

    def notes(*overrides: str) -> list[str]:
        return build(tiny(tmp_path, *given, *overrides)).data.notes

    assert notes("grouping=[[task0,task3],[task1,task2]]") == [
        "auxiliary=[task1,task2] helps no task here, since they are in no group with a task that counts"
    ]
    assert notes("grouping=[[task0,task3],[task1,task2]]", "relations.depends_on={task0: [task1]}") == [
        "auxiliary=[task2] helps no task here, since it is in no group with a task that counts"
    ]
    assert notes("grouping=[[task0,task1,task2,task3]]") == notes() == []


def test_a_larger_budget_is_not_used_where_it_gains_nothing(tmp_path: Path) -> None:
    assert found(tmp_path, "affinity.networks=3", "affinity.epochs=6").groups == BLOCKS
    assert found(tmp_path, "affinity.networks=1", "affinity.epochs=1").groups == [[f"task{i}" for i in range(4)]]


def test_pairs_are_trained_as_such_runs_would_be(tmp_path: Path) -> None:
    """Gains equal those of the validation losses of plain runs of both tasks, and of each alone."""
    plain = ("task.rows=200", "scheduler=none", "relations.depends_on={task2: [task0, task1]}")
    assembly = build(tiny(tmp_path, *PLANTED, *plain, "grouping=auto", "affinity.epochs=2"))
    assembly.data.setup("fit")
    with silent_lightning():
        gains = pairwise(assembly)

    def losses(*names: str) -> dict[str, float]:
        upstream = "{task2: [task0]}" if set(names) == {"task0", "task2"} else "null"
        part = (f"tasks=[{','.join(names)}]", f"relations.depends_on={upstream}")
        best: dict[str, float] = {}

        class Watch(Callback):
            def on_validation_end(self, trainer: Trainer, module: Any) -> None:
                for name in names:
                    loss = float(trainer.callback_metrics[f"val/{name}/loss"])
                    best[name] = min(best.get(name, loss), loss)

        train_with(tiny(tmp_path, *PLANTED, "task.rows=200", "scheduler=none", *part, "epochs=2"), Watch())
        return best

    both, first, third = losses("task0", "task2"), losses("task0"), losses("task2")
    assert gains[0, 2].item() == pytest.approx(1 - both["task2"] / third["task2"], rel=1e-4)
    assert gains[2, 0].item() == pytest.approx(1 - both["task0"] / first["task0"], rel=1e-4)
    assert gains.diagonal().tolist() == [0, 0, 0, 0]


def test_auto_trains_what_it_finds_and_says_so(tmp_path: Path) -> None:
    """The same numbers as with these groups written out; recorded, drawn, and loaded again."""
    auto = train(
        tiny(tmp_path, *PLANTED, "grouping=auto", "logger=tensorboard", "affinity.epochs=6", "encoder.dropout=0.2")
    )
    assert auto.affinity.groups == BLOCKS
    written = "grouping=[[task0,task2],[task1,task3]]"
    given = train(tiny(tmp_path, *PLANTED, written, "affinity.epochs=6", "encoder.dropout=0.2"))
    assert auto.metrics == given.metrics
    assert auto.parameters == given.parameters
    assert auto.run_id == run_id(given.config.changed(grouping=AUTO)) != given.run_id
    assert given.affinity is None
    run = Run.open(auto.directory)
    assert run.affinity == auto.affinity == run.result.affinity
    assert auto.seconds.fit > auto.affinity.seconds > 0
    assert (run.path / "affinity.png").stat().st_size > 10_000
    sharing = load(run.path).module.network.sharing
    assert isinstance(sharing, Grouped)
    assert [list(group) for group in sharing.groups] == BLOCKS


def test_few_looks_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found(tmp_path, "affinity.epochs=1", "affinity.every=4")
    assert "only 2 looks at the gradients, which leave tasks apart" in capsys.readouterr().err
    found(tmp_path, "affinity.epochs=2", "affinity.every=1")
    assert not capsys.readouterr().err


def test_the_seed_decides(tmp_path: Path) -> None:
    options = ("affinity.epochs=1", "affinity.every=1")
    first, again, other = (found(tmp_path, *options, f"seed={seed}") for seed in (0, 0, 1))
    assert first.matrices == again.matrices != other.matrices


class CtrlC(Callback):
    """Interrupts the run's own training in its second epoch."""

    def on_train_epoch_start(self, trainer: Trainer, module: Any) -> None:
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt


def test_a_resumed_run_keeps_its_groups(tmp_path: Path) -> None:
    """They are those it found, not measured anew: also where they have been changed since."""
    options = (*PLANTED, "grouping=auto", "affinity.epochs=1", "epochs=3")
    whole = train(tiny(tmp_path / "whole", *options))
    with pytest.raises(SystemExit):
        train_with(tiny(tmp_path / "parts", *options), CtrlC())
    (stopped,) = (path.parent for path in (tmp_path / "parts").rglob("config.yaml"))
    file = stopped / "affinity.json"
    marked = {**json.loads(file.read_text(encoding="utf-8")), "seconds": 1234.5}
    Run.open(stopped).affinity = AffinityResult.read(marked)
    resumed = resume(stopped)
    assert resumed.metrics == whole.metrics
    assert resumed.affinity == AffinityResult.read(marked)
    assert resumed.seconds.fit > 1234.5
    file.unlink()
    with pytest.raises(InputError, match=r"has no affinity\.json"):
        load(stopped)


APART = ("task.num_tasks=3", "task.blocks=3", "task.rows=400", "affinity.epochs=4", "affinity.every=1", "epochs=3")


@pytest.mark.parametrize("weighting", ["weighting=pcgrad", "weighting=gradnorm", "weighting.normalise=gradient_norm"])
def test_tasks_that_are_all_found_apart_are_trained_although_the_weighting_compares_gradients(
    weighting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with equal weights, and the result says so; the measurement is not lost, and the run can be loaded."""
    auto = train(tiny(tmp_path, *PLANTED, *APART, weighting, "grouping=auto"))
    assert auto.affinity.groups == [["task0"], ["task1"], ["task2"]]
    given = train(tiny(tmp_path, *PLANTED, *APART, "grouping=[[task0],[task1],[task2]]"))
    assert auto.metrics == given.metrics
    (note,) = auto.notes
    assert note.startswith("grouping=auto found no tasks that belong together, so nothing is shared and each is")
    assert capsys.readouterr().err.count(note) == 1
    assert not given.notes
    module = load(auto.directory).module
    assert not module.partition.shared
    with pytest.raises(InputError, match="compares the tasks' gradients on shared parameters"):
        train(tiny(tmp_path / "none", *PLANTED, *APART, weighting, "grouping=[[task0],[task1],[task2]]"))


def test_what_was_measured_is_kept_where_a_run_is_interrupted_before_its_first_epoch(tmp_path: Path) -> None:
    options = (*PLANTED, "grouping=auto", "affinity.epochs=1", "epochs=2")
    whole = train(tiny(tmp_path / "whole", *options))

    class AtOnce(Callback):
        def on_train_start(self, *_: Any) -> None:
            raise KeyboardInterrupt

    for damaged in (False, True):
        place = tmp_path / f"parts {damaged}"
        with pytest.raises(SystemExit):
            train_with(tiny(place, *options), AtOnce())
        (stopped,) = (path.parent for path in place.rglob("config.yaml"))
        marked = Run.open(stopped).affinity.model_copy(update={"seconds": 1234.5})
        Run.open(stopped).affinity = marked
        if damaged:
            (stopped / "affinity.json").write_text("{", encoding="utf-8")
        again = train(tiny(place, *options))
        assert Path(again.directory) == stopped
        assert again.metrics == whole.metrics
        assert (again.affinity == marked) is not damaged


@pytest.mark.parametrize(
    ("overrides", "complaint"),
    [
        (["grouping=atuo"], "grouping=atuo: expected auto, groups of tasks such as"),
        (["grouping=[task0,task1]"], "expected auto, groups of tasks such as"),
        (["grouping=[]"], "expected auto, groups of tasks such as"),
        (["grouping=[[]]"], "expected auto, groups of tasks such as"),
        (["grouping=[[task0,tsk1]]"], "unknown task in grouping 'tsk1': did you mean 'task1'"),
        (["grouping=[[task0,task1],[task1,task2]]"], "task 'task1' is in more than one group"),
        (["grouping=auto", "affinity.networks=0"], "affinity.networks=0: expected a whole number, 1 or more, or null"),
        (["grouping=auto", "affinity.networks=5"], "affinity.networks=5: expected 1 to 4, the number of tasks"),
        (["grouping=auto", "affinity.epochs=0.5"], "affinity.epochs=0.5: expected a whole number"),
        (
            ["grouping=auto", "affinity.measure=lookahed"],
            "affinity.measure=lookahed: expected features, lookahead, cosine or",
        ),
        (["grouping=auto", "tasks=[task1]"], "there is one task, 'task1', and nothing to group"),
        (["grouping=auto", "model=single_task"], "shares none: use model=hard, or affinity.measure=pairwise"),
    ],
)
def test_mistakes_are_one_line_before_anything_is_written(overrides: list[str], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        train(tiny(tmp_path / "none", *PLANTED, *overrides))
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "none").exists()


def test_epochs_of_measuring(tmp_path: Path) -> None:
    config = tiny(tmp_path, "grouping=auto", "affinity.epochs=3")
    assert epochs(config, 4) == 3
    assert epochs(config.changed(affinity={**config.affinity.plain(), "measure": "pairwise"}), 4) == 30
    assert epochs(config.changed(grouping=None), 4) == 0


def test_a_suite_says_its_groups_and_the_command_line_has_the_last_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relations stand in the suite's own file, beside its data."""

    theirs = (CONF / "task" / "synthetic.yaml").read_text(encoding="utf-8")
    mine = "grouping: [[task0, task2]]\nrelations:\n  depends_on: {task2: [task0]}\n"
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "mine.yaml").write_text(theirs + mine, encoding="utf-8")
    monkeypatch.setenv("MTL_CONF", str(tmp_path))
    small = ("task=mine", "task.rows=50", "task.features=8", "model=hard")
    said = configure(*small)
    module = build(said).module
    assert module.network.sharing.groups == (("task0", "task2"),)
    assert module.graph["task2"].depends_on == ("task0",)
    other = build(configure(*small, "grouping=[[task0,task1]]", "relations.depends_on={task2: []}")).module
    assert other.network.sharing.groups == (("task0", "task1"),)
    assert other.graph["task2"].depends_on == ()
    assert not isinstance(build(configure(*small, "grouping=null")).module.network.sharing, Grouped)


@pytest.mark.parametrize(
    ("override", "option"),
    [
        ("relations.depends_on={task2: [task0]}", "relations.depends_on.task2"),
        ("relations.depends_on={task1: [task2]}", "relations.depends_on.task1"),
        ("grouping=[[task0],[task1,task2]]", "grouping"),
        ("weighting.weights={task2: 3}", "weighting.weights"),
    ],
)
def test_a_task_that_is_left_out_is_told_from_one_that_there_is_not(override: str, option: str) -> None:
    config = configure("task=synthetic", "model=hard", "weighting=fixed", "tasks=[task0,task1]", override)
    with pytest.raises(InputError, match=rf"^{option}: task 'task2' is left out by tasks=\[task0,task1\]"):
        build(config)


@pytest.mark.smoke
def test_measuring_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The tool prints a command that trains the groups, and leaves numbers and picture."""
    main_options = ["task=synthetic", "task.rows=100", "task.features=6", "encoder.widths=[8]", "progress=false"]
    measure([*main_options, "affinity.epochs=1", "affinity.every=1", f"output={tmp_path}"])
    assert "python train.py model=hard weighting=equal task=synthetic" in capsys.readouterr().out
    (directory,) = (tmp_path / "affinity" / "synthetic").iterdir()
    assert {path.name for path in directory.iterdir()} == {"affinity.json", "affinity.png"}


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("grouping=[[task0,task1],[task2]]", "the groups are what is measured here: expected it without grouping"),
        ("grouping=null", "the groups are what is measured here: expected it without grouping"),
        ("resume=some/run", "nothing is trained here that could be gone on with"),
        ("model=merged", "model=merged makes one trunk of all tasks"),
    ],
)
def test_measuring_passes_over_nothing_that_is_typed(override: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=complaint):
        measure(["task=synthetic", "task.rows=100", f"output={tmp_path / 'none'}", "merge=ties", override])
    assert not (tmp_path / "none").exists()


def test_the_command_that_measuring_prints_is_one_that_trains(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tasks that are all apart leave a weighting nothing to compare."""
    options = ["task=synthetic", "task.rows=100", "encoder.widths=[4]", "affinity.epochs=1", "affinity.every=1"]
    measure([*options, "task.relatedness=0", "weighting=pcgrad", "grouping=auto", f"output={tmp_path}"])
    (printed,) = (text for text in capsys.readouterr().out.splitlines() if text.startswith("train the groups: "))
    assert printed.count("grouping=") == 1
    build(configure(*shlex.split(printed.partition("train.py ")[2])))


def test_a_pair_speaks_for_a_group_by_the_share_of_it_that_counts() -> None:
    margin = torch.tensor([[0.0, 2.0, 4.0, 8.0], [2.0, 0.0, 6.0, -torch.inf], [4.0, 6.0, 0.0, -torch.inf], [0.0] * 4])
    margin[3] = margin[:, 3]
    found = counted(margin, [True, True, False, False])
    assert found[0].tolist() == [0.0, 2.0, 2.0, 4.0]
    assert found[1].tolist()[2:] == [3.0, -torch.inf]
    assert found[2, 3] == 0.0


def test_gains_of_auxiliary_tasks_are_not_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """They are no numbers, which speak neither for a group nor against it."""
    monkeypatch.setattr("mtl.training.grouping.least_losses", lambda _, names: {name: 1 / len(names) for name in names})
    given = ("task.rows=60", "auxiliary=[task1,task2]", "grouping=auto", "affinity.measure=pairwise")
    seen = measured(build(tiny(tmp_path, *given)))
    assert seen.matrices["pairwise"] == [[0.0, None, None], [0.5, 0.0, None], [0.5, None, 0.0]]
    assert seen.margin == [[0.0, 0.25, 0.25], [0.25, 0.0, 0.0], [0.25, 0.0, 0.0]]
    assert seen.groups == [["task0", "task1", "task2"]]
