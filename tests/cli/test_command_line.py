"""The command line, in this process: mistakes end in one line, exit code 2 and nothing half-written."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mtl.cli.application import arranged, command, with_info
from mtl.cli.each_once import each_once
from mtl.config.compose import check_overrides
from mtl.errors import EXIT_USER_ERROR
from mtl.runs.directory import Run
from tests.support import EXIT_INTERRUPTED, TINY

ROOT = Path(__file__).parents[2]
Said = tuple[int, str, str]


@pytest.fixture
def train_py(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Said]:
    """``python train.py <words> output=<tmp_path>``: exit code, standard output and error stream."""
    import train

    def run(*words: str, output: Path = tmp_path / "outputs") -> Said:
        place = [] if any(word.startswith("output=") for word in words) else [f"output={output}"]
        monkeypatch.setattr(sys, "argv", ["train.py", *words, *place])
        code = 0
        try:
            command(train.main, "config")
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capfd.readouterr()
        return code, said.out, said.err

    return run


BAD = {
    "misspelt option": (["model=gatd"], "unknown option of model 'gatd': did you mean 'gated'?"),
    "option below": (["task=scheduling", "decoder=search"], "expected decoder@execution.decoder=search"),
    "option of what is not chosen": (["task=digits", "decoder=search"], "add execution=scheduling"),
    "misspelt launcher": (["hydra/launcher=basci"], "unknown option of hydra/launcher 'basci': did you mean 'basic'?"),
    "misspelt group": (["modle=gated"], "unknown key 'modle': did you mean 'model'?"),
    "misspelt key": (["epoch=3"], "unknown key 'epoch': did you mean 'epochs'?"),
    "misspelt key below": (["model.expert=3"], "unknown key 'model.expert': did you mean 'model.experts'?"),
    "no override": (["epochs"], "'epochs' is no override: expected key=value"),
    "bad syntax": (["a={b"], "is no override"),
    "quoted key": (["task.targets={'a & b': binary}"], "other signs is said like this: {name: {column: 'a & b', kind:"),
    "later of several": (["seed=1", "weighting=equl"], "unknown option of weighting 'equl': did you mean 'equal'?"),
    "word for a number": (["epochs=abc"], "epochs=abc: expected a whole number, 1 or more"),
    "fraction": (["epochs=1.5"], "epochs=1.5: expected a whole number"),
    "no epochs": (["epochs=0"], "epochs=0: expected a whole number, 1 or more"),
    "no rows a batch": (["batch_size=0"], "batch_size=0: expected"),
    "negative seed": (["seed=-1"], "seed=-1: expected a whole number, 0 to"),
    "huge seed": (["seed=4294967296"], "seed=4294967296: expected a whole number"),
    "no accumulation": (["accumulate=0"], "accumulate=0: expected"),
    "more parts than rows": (["batch_size=2", "accumulate=4"], "cannot be divided among 4 accumulated batches"),
    "negative clip": (["gradient_clip=-1"], "gradient_clip=-1: expected a number above 0, or null"),
    "no threads": (["threads=0"], "threads=0: expected"),
    "no logging": (["log_every=0"], "log_every=0: expected"),
    "word for a switch": (["compile=maybe"], "compile=maybe: expected true or false"),
    "negative rate": (["optimizer.lr=-1"], "optimizer.lr=-1: expected a number above 0"),
    "keys where Hydra has none": (["hydra.launcher={a: {b: 1}}"], "unknown key of hydra.launcher 'a'"),
    "keys below a text of Hydra's": (["hydra.sweep.dir.x=1"], "'hydra.sweep.dir.x': 'hydra.sweep.dir' has no keys"),
    "a text for keys of Hydra's": (["hydra.sweep=3"], "'hydra.sweep=3': Hydra does not take it"),
    "misspelt key of Hydra's": (["hydra.job.nmae=a"], "unknown key 'hydra.job.nmae': did you mean 'hydra.job.name'?"),
    "misspelt part of Hydra's": (["hydra.jobb.name=a"], "unknown key 'hydra.jobb': did you mean 'hydra.job'?"),
    "misspelt key of a launcher": (
        ["hydra/launcher=replicas", "hydra.launcher._taget_=a"],
        "did you mean 'hydra.launcher._target_'?",
    ),
    "misspelt group of Hydra's": (["hydra/launchr=basic"], "'hydra/launchr': did you mean 'hydra/launcher'?"),
    "group of Hydra's added again": (["+hydra/launcher=basic"], "expected hydra/launcher=basic, since the group is"),
    "misspelt key above": (["modle.experts=3"], "unknown key 'modle': did you mean 'model'?"),
    "keys below a number": (["epochs.x=3"], "unknown key 'epochs.x': 'epochs' has no keys"),
    "no steps at all": (["optimizer.lr=0"], "optimizer.lr=0: expected a number above 0"),
    "word for a rate": (["optimizer.lr=fast"], "optimizer.lr=fast: expected a number, such as 0.001"),
    "rate that is no number": (["optimizer.lr=nan"], "optimizer.lr=nan: expected a number"),
    "no rate": (["optimizer.lr=null"], "optimizer.lr=null: expected a number"),
    "unknown study": (["experiment=censsu"], "unknown option of experiment 'censsu': did you mean 'census'?"),
    "word for experts": (["model=gated", "model.experts=many"], "model.experts=many: expected a whole number"),
    "no experts": (["model=gated", "model.experts=0"], "model.experts=0: expected a whole number, 1 or more"),
    "a number for a list": (["encoder.widths=3"], "encoder.widths=3: expected a list, such as [256,256]"),
    "a word in a list": (["encoder.widths=[8,x]"], "encoder.widths[1]=x: expected a whole number"),
    "a layer without features": (["encoder.widths=[8,0]"], "encoder.widths=[8, 0]: expected"),
    "a number for a mapping": (["relations=3"], "relations=3: expected a mapping with"),
    "a word in a mapping": (["relations={detach: 3}"], "relations.detach=3: expected true or false"),
    "no tasks": (["tasks=[]"], "tasks=[]: expected at least one task, or null for all"),
    "a task for a list": (["tasks=task0"], "tasks=task0: expected a list of tasks, such as [a,b]"),
    "unknown task": (["tasks=[task9]"], "unknown task in tasks 'task9'"),
    "a task twice": (["tasks=[task0,task0]"], "tasks=[task0,task0]: task 'task0' is named twice"),
    "no mapping of dependencies": (["relations.depends_on=task0"], "relations.depends_on=task0: expected tasks and"),
    "unknown activation": (["encoder.activation=rely"], "unknown activation 'rely': did you mean 'relu'?"),
    "key of another option": (["encoder=candidate_set"], "unknown key 'encoder.widths': did you mean 'encoder.width'?"),
    "task of a weight": (["weighting=fixed", "weighting.weights={task9: 2}"], "'task9': did you mean 'task"),
    "negative weight": (["weighting=fixed", "weighting.weights={task0: -2}"], "weighting.weights"),
    "gradients without sharing": (["model=single_task", "weighting=gradnorm"], "SingleTask shares none"),
    "gradients of towers joined by a penalty": (["model=soft_distance", "weighting=mgda"], "SoftDistance shares none"),
    "calibrated chain of values": (["model=aitm", "model.calibrate=0.6"], "model.calibrate compares probabilities"),
    "unknown dependency": (["relations.depends_on={task0: [task9]}"], "'task9': did you mean 'task"),
    "dependency of unknown": (["relations.depends_on={task9: [task0]}"], "'task9': did you mean 'task"),
    "no list of dependencies": (
        ["relations.depends_on={task0: task1}"],
        "expected tasks and lists of tasks, such as {b: [a]}",
    ),
    "circle": (["relations.depends_on={task0: [task1], task1: [task0]}"], "in a circle: task"),
    "impossible data": (["task.relatedness=-0.9"], "task.relatedness=-0.9: with 3 tasks it can be -0.5 to 1"),
    "word for rows": (["task.rows=many"], "task.rows=many: expected a whole number"),
    "no such target": (["model._target_=mtl.sharing.none.None_"], "mtl.sharing.none.None_"),
    "hardware that is not there": (["hardware=ddp_gpu"], "this machine cannot train with hardware accelerator=gpu"),
    "unknown hardware key": (["+hardware.speed=fast"], "unknown argument of the trainer in hardware 'speed'"),
    "unknown accelerator": (
        ["hardware.accelerator=abacus"],
        "this machine cannot train with hardware accelerator=abacus",
    ),
    "no option": (["weighting=null"], "unknown option of weighting 'null': "),
    "number for an option": (["encoder=3"], "unknown option of encoder '3': "),
    "number for a study": (["experiment=3"], "unknown option of experiment '3': "),
    "several options": (["model=[hard,soft]"], "expected one option; a run of each: -m model=hard,soft"),
    "5,000 digits": (["seed=" + "9" * 5000], "Exceeds the limit"),
    "5,000 digits of a rate": (["optimizer.lr=" + "9" * 5000], "Exceeds the limit"),
    "10,000 letters": (["k" * 10_000 + "=1"], "a key of 10000 letters"),
    "10,000 letters of a group's key": (["model." + "k" * 10_000 + "=1"], "a key of 10006 letters"),
    "10,000 letters of an option": (["model=" + "k" * 10_000], "unknown option of model 'kkk"),
    "thousand brackets": (["tasks=" + "[" * 1000 + "]" * 1000], "tasks="),
    "no dependency": (["relations.depends_on={task0: [null]}"], "expected tasks and lists of tasks"),
    "no period": (
        ["scheduler=cosine", "scheduler.T_max=0", "patience=null", "steps=null"],
        "scheduler.T_max=0: expected",
    ),
    "layer larger than any memory": ([f"encoder.widths=[{2**63 - 1}]"], "error: model("),
    "threads without end": (["threads=100000"], "threads=100000: expected a whole number, 1 to 1024, or null"),
    "double precision": (["hardware.precision=64-true"], "hardware.precision=64-true: expected one of 32-true"),
    "half precision": (["hardware.precision=bf16-true"], "hardware.precision=bf16-true: expected one of 32-true"),
    "schedule that waits for a metric": (
        [
            "scheduler=none",
            "+scheduler._target_=torch.optim.lr_scheduler.ReduceLROnPlateau",
            "+scheduler._partial_=true",
            "trust=[torch.optim]",
        ],
        "ReduceLROnPlateau waits for one metric, which a scheduler of a run is not told: use scheduler=plateau",
    ),
    "profiler": (["+hardware.profiler=simple"], "hardware.profiler is set by every run itself"),
    "callbacks of the trainer": (["+hardware.callbacks=3"], "hardware.callbacks is set by every run itself"),
    "clip of the trainer": (["+hardware.gradient_clip_val=3"], "use gradient_clip=3"),
    "time limit that is none": (["+hardware.max_time=soon"], "max_time=soon"),
    "code that is not trusted": (["optimizer._target_=torch.optim.RMSprop"], "trust=[torch.optim]"),
    "run that is not there": (["resume=nowhere"], "'task=synthetic': resume= goes on with the run's own config"),
}


BAD_FILES = {
    "empty": ("", "my.csv' is empty"),
    "no such column": ("x,chrun\n" + "1,yes\n" * 9, "'churn': did you mean 'chrun'?"),
    "three values": ("x,churn\n" + "1,yes\n2,no\n3,maybe\n" * 30, "is to be binary and has 3 values"),
    "few rows": ("x,churn\n" + "1,yes\n2,no\n" * 30, "42 training rows, fewer than batch_size=256"),
}


@pytest.mark.parametrize("task", ["table", "tables"])
@pytest.mark.parametrize(("text", "message"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_one_line_too(
    task: str, text: str, message: str, train_py: Callable[..., Said], tmp_path: Path
) -> None:
    """Before training begins, whatever the command line says of the rest."""
    path = tmp_path / "my.csv"
    path.write_text(text)
    file = [f"task.path={path}", "task.targets={churn: binary}"]
    files = [f"task.tables={{mine: {{path: {path}, targets: {{churn: binary}}}}}}"]
    code, out, err = train_py(f"task={task}", "model=hard", *(file if task == "table" else files))
    assert (code, out) == (EXIT_USER_ERROR, ""), err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("words", "message"), BAD.values(), ids=BAD)
def test_a_mistake_is_one_line(words: list[str], message: str, train_py: Callable[..., Said], tmp_path: Path) -> None:
    """On the error stream, with exit code 2, and no directory is left behind."""
    code, out, err = train_py(*TINY, *words)
    assert (code, out) == (EXIT_USER_ERROR, ""), err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flag", ["-sc", "--shell-completion"])
def test_completion_of_a_shell_is_hydras(flag: str, train_py: Callable[..., Said], tmp_path: Path) -> None:
    code, out, err = train_py(flag, "install=bash")
    assert (code, err) == (0, "")
    assert "complete" in out
    assert list(tmp_path.iterdir()) == []


def test_flags_may_stand_between_overrides(train_py: Callable[..., Said], tmp_path: Path) -> None:
    """And the study may be named as it is by default: none."""
    code, _, err = train_py(*TINY, "model=hard", "-m", "seed=0,1", "epochs=1", "experiment=null")
    assert (code, err) == (0, "")
    assert len(list(tmp_path.glob("outputs/runs/*/*/*/result.json"))) == 2
    assert arranged(["a=1", "-cn", "b", "c=2", "-m"]) == ["-cn", "b", "-m", "a=1", "c=2"]
    typed = (["a=1", "--info"], ["--info", "a=1"])
    assert [arranged(with_info(one)) for one in typed] == [["--info=all", "a=1"]] * 2, "which is no word of it"
    assert arranged(["a=1", "-i", "defaults"]) == ["-i", "defaults", "a=1"]


def test_a_mistake_is_said_whatever_launched_the_command(
    train_py: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """LOCAL_RANK may be set from outside; only a process that the first of a training started keeps silent."""
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert train_py("modle=hard")[2].startswith("error: unknown key 'modle'")
    monkeypatch.setenv("MTL_RUN", "somewhere")
    assert train_py("modle=hard") == (EXIT_USER_ERROR, "", "")


def test_a_run_is_trained_by_one_of_the_processes_that_srun_starts(
    train_py: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them says so, the first one too where SLURM tells that there are several."""
    for tasks, rank in (("2", "1"), ("2", "0"), ("1", "1")):
        monkeypatch.setenv("SLURM_STEP_NUM_TASKS", tasks)
        monkeypatch.setenv("SLURM_PROCID", rank)
        code, out, err = train_py(*TINY)
        assert (code, out, err.count("\n")) == (EXIT_USER_ERROR, "", 1)
        assert "srun --ntasks=1" in err


def test_where_no_run_can_be_written(train_py: Callable[..., Said], tmp_path: Path) -> None:
    """A file in the place of the directory, a path that is none."""
    (tmp_path / "file").write_text("")
    for output in (tmp_path / "file", tmp_path / "file" / "below"):
        code, out, err = train_py(*TINY, output=output)
        assert (code, out, err.count("\n")) == (EXIT_USER_ERROR, "", 1)
        assert "nothing can be written to" in err
    for word in ("output=null", "output="):
        code, _, err = train_py(*TINY, word)
        assert code == EXIT_USER_ERROR, err
        assert "expected a directory for the runs" in err


def test_resume_refuses_other_science(train_py: Callable[..., Said], tmp_path: Path) -> None:
    """Hardware, threads and the bar may differ; what would change the numbers is named."""
    for word in ("epochs=10", "model=hard", "optimizer.lr=0.1"):
        code, _, err = train_py("resume=nowhere", word)
        assert code == EXIT_USER_ERROR
        assert f"'{word}'" in err
    # Output is named as well: a run goes on where it is
    code, _, err = train_py(
        "resume=nowhere", "threads=1", "progress=false", "hardware=cpu", "hardware.precision=32-true"
    )
    assert code == EXIT_USER_ERROR
    assert f"'output={tmp_path / 'outputs'}': resume= goes on" in err


def test_a_run_prints_its_table_and_what_to_type_next(train_py: Callable[..., Said], tmp_path: Path) -> None:
    """And nothing of Lightning's own."""
    code, out, err = train_py(*TINY, "epochs=1", "seed=3", "model=hard")
    assert (code, err) == (0, "")
    (run,) = (tmp_path / "outputs").glob("runs/synthetic/hard-uncertainty/*")
    assert Run.open(run).state == "done"
    assert "hard sharing, uncertainty weighting, seed 3" in out
    for text in ("task0", "r2 (higher is better)", "Next:", f"tensorboard --logdir {run}", f"{run}/result.json"):
        assert text in out, text
    for noise in ("GPU available", "Tip", "Trainer.fit", "v_num"):
        assert noise not in out


def test_divergence_is_one_line(train_py: Callable[..., Said], tmp_path: Path) -> None:
    """Task, step and likely cause; the run is marked as failed and has no result."""
    words = ["model=hard", "weighting=equal", "optimizer=sgd", "optimizer.lr=1e30", "gradient_clip=null", "epochs=3"]
    code, out, err = train_py(*TINY, *words)
    assert (code, out, err.count("\n")) == (EXIT_USER_ERROR, "", 1)
    assert err.startswith("error: the ")
    assert "became NaN or infinite at step" in err
    assert "lower optimizer.lr" in err
    assert "no epoch was validated" in err
    (run,) = (tmp_path / "outputs").glob("runs/*/*/*")
    assert Run.open(run).state == "failed"
    assert not (run / "result.json").exists()


@pytest.mark.smoke
def test_sweep_over_sharing_and_weighting(train_py: Callable[..., Said], tmp_path: Path) -> None:
    """Nine runs of one command in one process."""
    code, out, err = train_py("-m", *TINY, "epochs=1", "model=hard,soft,gated", "weighting=fixed,uncertainty,gradnorm")
    assert (code, err) == (0, "")
    runs = list((tmp_path / "outputs").glob("runs/synthetic/*/*"))
    assert {run.parent.name for run in runs} == {
        f"{model}-{weighting}"
        for model in ("hard", "soft", "gated")
        for weighting in ("fixed", "uncertainty", "gradnorm")
    }
    assert all(Run.open(run).state == "done" for run in runs)
    assert out.count("Next:") == 9


def test_what_trees_do_not_read_is_refused(train_py: Callable[..., Said], tmp_path: Path) -> None:
    """Where it is typed for a run of trees; in a sweep it may be meant for the networks."""
    trees = ("task=synthetic", "task.rows=200", "task.features=6", "model=trees", "model.num_iterations=3")
    for typed in ("weighting=equal", "epochs=3", "optimizer.lr=0.1", "grouping=auto", "second_cooldown=true"):
        code, out, err = train_py(*trees, typed)
        key = typed.partition("=")[0].partition(".")[0]
        assert (code, out) == (EXIT_USER_ERROR, "")
        assert err == f"error: '{key}' is for networks, and model=trees has none: leave it out\n"
    assert list(tmp_path.iterdir()) == []
    code, out, err = train_py(*trees, "progress=false")
    assert (code, err) == (0, "")
    assert "synthetic: boosted trees, seed 0" in out
    assert "best iteration of task0 " in out


def test_a_failed_run_does_not_stop_a_sweep(train_py: Callable[..., Said], tmp_path: Path) -> None:
    """It is listed at the end, and the exit code says that something failed."""
    code, _, err = train_py("-m", *TINY, "epochs=1", "model=hard", "task.relatedness=0.5,-0.9,0.7", "seed=0")
    assert code == EXIT_USER_ERROR
    lines = err.splitlines()
    assert lines[-2:] == ["1 of the sweep's runs failed:", lines[-1]]
    assert "task.relatedness=-0.9" in lines[-1]
    assert "it can be -0.5 to 1" in lines[-1]
    assert len(list((tmp_path / "outputs").glob("runs/*/*/*/result.json"))) == 2


def test_a_sweep_is_checked_before_it_begins(train_py: Callable[..., Said], tmp_path: Path) -> None:
    """Every value of every swept key."""
    for swept, said in (
        ("model=hard,sfot,gated", "unknown option of model 'sfot': did you mean 'soft'? "),
        ("batch_size=40,0,30", "batch_size=0: expected a whole number, 1 or more\n"),
    ):
        code, out, err = (
            train_py("-m", *TINY, "model=hard", swept) if "model" not in swept else train_py("-m", *TINY, swept)
        )
        assert (code, out) == (EXIT_USER_ERROR, "")
        assert err.startswith(f"error: {said}")
        assert err.count("\n") == 1
        assert list(tmp_path.iterdir()) == []


def test_a_sweep_of_several_processes_is_refused(train_py: Callable[..., Said], tmp_path: Path) -> None:
    """In one line, before any run."""
    code, out, err = train_py("-m", *TINY, "model=hard,soft", "hardware=ddp_cpu")
    assert (code, out, err.count("\n")) == (EXIT_USER_ERROR, "", 1)
    assert "a sweep (-m) starts runs of one process each" in err
    assert not list((tmp_path / "outputs").glob("runs/*"))


def test_check_accepts_what_hydra_accepts() -> None:
    """Additions, sweeps, nulls, and values with commas or equal signs in quotes."""
    check_overrides(
        [
            "+hardware.limit_train_batches=3",
            "+callbacks.mine._target_=my_package.Mine",
            "trust=[my_package]",
            "model=hard,soft",
            "seed=range(3)",
            "threads=null",
            "output='a=b,c'",
        ],
        "config",
    )


def test_a_sweep_asks_for_each_run_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Equal numbers are one question, and so are tasks in another order; where it is computed is told apart."""
    once = {
        "optimizer.lr=0.01,1e-2,0.1": "optimizer.lr=0.01,0.1",
        "tasks=[task0,task1],[task1,task0]": "tasks=[task0,task1]",
        "model=hard,hard": "model=hard",
        "threads=1,2": "threads=1,2",
        "seed=0,1": "seed=0,1",
        "+hardware.max_time='00:01:00:00','00:02:00:00'": "+hardware.max_time='00:01:00:00','00:02:00:00'",
        "epochs=10,${batch_size}": "epochs=10,${batch_size}",  # which another sweep may change
    }
    given = ["task=synthetic", "batch_size=10", *once]
    assert each_once(given, check_overrides(given, "config")) == ["task=synthetic", "batch_size=10", *once.values()]
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "optimizer.lr=0.01,1e-2,0.1: two values ask for the same runs, which are trained once"
    assert len(said) == 3


UNREAD = {
    "+logger=mlflow": "expected logger=mlflow, since the group is there already",
    "+trainer.max_epochs=3": "unknown key 'trainer.max_epochs': use epochs=3",
    "+anything.at.all=3": "unknown key 'anything'",
    "+epoch=3": "unknown key 'epoch': did you mean 'epochs'?",
    "++batchsize=3": "unknown key 'batchsize': did you mean 'batch_size'?",
    "+relations.detached=true": "unknown key 'relations.detached': did you mean 'relations.detach'?",
    "+affinity.epoch=3": "unknown key 'affinity.epoch': did you mean 'affinity.epochs'?",
    "+compare.seed=3": "unknown key in compare 'seed': did you mean 'seeds'?",
    "+model.expert=3": "unknown key 'model.expert': did you mean 'model.experts'?",
    "+weighting.normalize=none": "unknown key 'weighting.normalize': did you mean 'weighting.normalise'?",
    "+encoder.width=[8]": "unknown key 'encoder.width': did you mean 'encoder.widths'?",
    "+optimizer.weight_decays=0.1": "unknown key 'optimizer.weight_decays': did you mean 'optimizer.weight_decay'?",
    "+scheduler.shares=0.1": "unknown key 'scheduler.shares': did you mean 'scheduler.share'?",
    "+task.row=3": "unknown key 'task.row': did you mean 'task.rows'?",
    "+hardware.max_epochs=3": "hardware.max_epochs is set by every run itself: use epochs=3",
    "~log_every": "key 'log_every' is missing",
    "+callbacks.mine._target_=torch.nn.ReLU": "callbacks.mine: expected a Lightning callback, and it is a ReLU",
    "+callbacks.mine.patience=3": "callbacks.mine: it has no _target_",
}


@pytest.mark.parametrize(("word", "message"), UNREAD.items(), ids=UNREAD)
def test_what_nobody_reads_is_refused_also_behind_a_plus(
    word: str, message: str, train_py: Callable[..., Said], tmp_path: Path
) -> None:
    code, out, err = train_py(*TINY, "model=gated", "optimizer=adamw", "trust=[torch.nn]", word)
    assert (code, out, err.count("\n")) == (EXIT_USER_ERROR, "", 1), err
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_own_callbacks_are_used_and_make_another_run(train_py: Callable[..., Said], tmp_path: Path) -> None:
    stop = "+callbacks.early={_target_: pytorch_lightning.callbacks.EarlyStopping, monitor: val/score, patience: 0}"
    words = (*TINY, "model=hard", "epochs=30", "optimizer.lr=1", "gradient_clip=null")
    for given in ((), (stop,)):
        code, _, err = train_py(*words, *given, "trust=[pytorch_lightning.callbacks]")
        assert code == 0, err
    epochs = {Run.open(path).result.epochs for path in (tmp_path / "outputs").glob("runs/*/*/*")}
    assert 30 in epochs
    assert min(epochs) < 30


def test_the_title_is_of_what_ran(train_py: Callable[..., Said], tmp_path: Path) -> None:
    """An own class in the place of an option's is named, in the table, the directory and the result."""
    code, out, err = train_py(
        *TINY,
        "epochs=1",
        "model=hard",
        "weighting=equal",
        "weighting._target_=mtl.weighting.geometric_mean.GeometricMean",
    )
    assert code == 0, err
    assert "hard sharing, GeometricMean weighting" in out
    (run,) = (tmp_path / "outputs").glob("runs/synthetic/hard-GeometricMean/*")
    assert Run.open(run).result.choices.weighting == "GeometricMean"


@pytest.mark.parametrize("words", [["--help"], ["--cfg", "job"], ["model=gatd"]], ids=["help", "config", "mistake"])
def test_answers_do_not_wait_for_torch(words: list[str]) -> None:
    """Help, the composed config and a misspelt option import neither torch nor Lightning."""
    code = (
        "import sys, runpy\n"
        f"sys.argv = ['train.py', *{words!r}]\n"
        "try: runpy.run_path('train.py', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "found = {'torch', 'pytorch_lightning', 'torchmetrics', 'pandas', 'matplotlib'} & set(sys.modules)\n"
        "sys.exit(f'imported {found}' if found else 0)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout or done.stderr


def hears_ctrl_c() -> None:
    """Undo what a shell does to programs it starts in the background, which is to let them ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(tmp_path: Path) -> None:
    """A real process, interrupted when an epoch is done, and resumed by what it printed."""
    words = [*TINY, "model=hard", "epochs=100000", f"output={tmp_path}"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "train.py", *words],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hears_ctrl_c,
    ) as process:
        try:
            limit = time.monotonic() + 120
            while not list(tmp_path.glob("runs/*/*/*/last.ckpt")) and time.monotonic() < limit:
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == EXIT_INTERRUPTED
    (run,) = tmp_path.glob("runs/*/*/*")
    assert err == f"interrupted; go on with: python train.py resume={run}\n"
    assert Run.open(run).state == "interrupted"
