"""Run directories: never overwritten, files written whole, results that read back as they were."""

import json
import os
import re
from pathlib import Path

import pytest
import torch
import yaml

from mtl.assembly import load
from mtl.config.run_config import SCHEMA
from mtl.errors import InputError
from mtl.lifecycle.train import train
from mtl.runs.checkpoint import read_checkpoint
from mtl.runs.checksums import write_checked_text
from mtl.runs.directory import Run, newest, read_result
from mtl.runs.files import atomic_path, to_json, write_text
from tests.results import run_result, write_result
from tests.support import tiny


def test_the_same_command_never_destroys_an_earlier_run(tmp_path: Path) -> None:
    """The second gets a number, and the same numbers: same seed, same result, within one process."""
    first, second = (train(tiny(tmp_path, "encoder.dropout=0.2")) for _ in range(2))
    assert Path(second.directory).name == f"{first.run_id}-2" == f"{Path(first.directory).name}-2"
    assert second.metrics == first.metrics
    a, b = (read_checkpoint(Path(result.directory) / "last.ckpt")["state_dict"] for result in (first, second))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert newest(tmp_path).path == Path(second.directory)


def test_the_newest_run_is_so_by_what_it_says_itself(tmp_path: Path) -> None:
    """A copied directory has other times of files; these are taken of runs that say nothing."""
    for name, finished, written in (("first", "2026-03-02T10:00:00+02:00", 1), ("second", "2026-03-02T09:00:00", 9)):
        directory = write_result(tmp_path / "runs" / "synthetic" / "hard-equal" / name, run_result(finished=finished))
        Run(directory).config = run_result().config
        os.utime(directory / "result.json", (written, written))
    assert newest(tmp_path).path.name == "second"
    before = write_result(tmp_path / "runs" / "synthetic" / "hard-equal" / "before", run_result())
    Run(before).config = run_result().config
    assert newest(tmp_path).path.name == "before"
    os.utime(before / "result.json", (5, 5))
    assert newest(tmp_path).path.name == "second"


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """Neither a half of it nor the loss of the one before."""
    path = tmp_path / "file"
    write_text(path, "before")
    with pytest.raises(UnicodeEncodeError), atomic_path(path) as partial:
        partial.write_text("after \ud800", encoding="utf-8")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_another_seed_gives_other_numbers(tmp_path: Path) -> None:
    """And 0 is a seed like any other."""
    results = [train(tiny(tmp_path, f"seed={seed}", "epochs=1")) for seed in (0, 1, 0)]
    assert results[0].metrics == results[2].metrics != results[1].metrics
    assert [result.seed for result in results] == [0, 1, 0]


def test_result_is_strict_json_and_reads_back_as_it_was(tmp_path: Path) -> None:
    """So is the config beside it."""
    result = train(tiny(tmp_path, "weighting=gradnorm"))
    assert result is not None

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    path = Path(result.directory) / "result.json"
    stored = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert stored == result.plain()
    run = Run.open(path.parent)
    assert run.result == result
    assert run.state == "done"
    assert run.config == result.config
    assert result.parameters.total == result.parameters.shared + sum(result.parameters.private.values())


@pytest.mark.parametrize("name", ["config.yaml", "result.json"])
def test_a_run_of_another_schema_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    """As an earlier version wrote it, without the key or with another number."""
    result = train(tiny(tmp_path, "epochs=1"))
    assert result is not None
    path = Path(result.directory) / name
    (path.parent / "checksums.json").unlink()
    text = path.read_text(encoding="utf-8")
    for other, said in (("1", "1"), (str(SCHEMA + 1), str(SCHEMA + 1)), ("", "1")):
        line = re.sub(rf'("?schema"?: ){SCHEMA}(,?)', (rf"\g<1>{other}\2" if other else ""), text, count=1)
        path.write_text(line, encoding="utf-8")
        with pytest.raises(InputError, match=f"is of schema {said}, and this version reads {SCHEMA}") as raised:
            _ = load(result.directory) if name == "config.yaml" else Run.open(result.directory).result
        assert "\n" not in str(raised.value)


def test_a_whole_file_without_a_key_is_of_another_version(tmp_path: Path) -> None:
    """One that was changed since it was written is damaged, or no config."""
    plain = run_result().plain()
    del plain["choices"]["improve"]
    path = tmp_path / "result.json"
    write_checked_text(path, to_json(plain))
    said = "' was written by another version, train the run again: key 'choices.improve' is missing"
    with pytest.raises(InputError, match=said):
        read_result(path)
    (tmp_path / "checksums.json").unlink()
    with pytest.raises(InputError, match=r"result\.json' is damaged: key 'choices.improve' is missing"):
        read_result(path)


def test_a_run_leaves_what_it_says(tmp_path: Path) -> None:
    """Config, state, two checkpoints, logs and result; checkpoints hold tensors and plain values only."""
    result = train(tiny(tmp_path, "log_every=1", "logger=tensorboard"))
    run = Run.open(result.directory)
    assert {path.name for path in run.path.iterdir()} == {
        "config.yaml", "state", "fingerprint", "best.ckpt", "last.ckpt", "csv", "tensorboard", "contributions.npz",
        "result.json", "checksums.json",
    }  # fmt: skip
    header = (run.path / "csv" / "metrics.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    for tag in ("train/task0/loss", "val/task0/loss", "val/task0/r2", "val/score", "weight/task0", "mixture/task0/0"):
        assert tag in header
    module = load(run.path).module
    assert not module.training
    best = read_checkpoint(run.best)
    assert best["epoch"] == result.selection.epoch
    assert all(torch.equal(value, best["state_dict"][name]) for name, value in module.state_dict().items())


def test_best_checkpoint_is_the_best_epoch(tmp_path: Path) -> None:
    """By the documented selection, and the result's validation score is its score."""
    result = train(tiny(tmp_path, "epochs=6", "optimizer.lr=0.3", "scheduler=none"))
    rows = (Path(result.directory) / "csv" / "metrics.csv").read_text(encoding="utf-8").splitlines()
    column = rows[0].split(",").index("val/score")
    scores = [float(cells[column]) for row in rows[1:] if (cells := row.split(","))[column]]
    assert len(scores) == 6
    assert (result.selection.metric, result.selection.mode) == ("val/score", "min")
    assert result.selection.epoch == scores.index(min(scores))
    assert result.metrics["val"].score == pytest.approx(min(scores), rel=1e-5)


def test_files_are_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong on the way, the old content stays."""
    path = tmp_path / "file"
    write_text(path, "old")

    def broken(self: Path, target: Path) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", broken)
        with pytest.raises(OSError, match="no space"):
            write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "new"


def test_damaged_results_say_so(tmp_path: Path) -> None:
    """One line each."""
    (tmp_path / "config.yaml").write_text("a: 1", encoding="utf-8")
    run = Run.open(tmp_path)
    (tmp_path / "state").write_bytes(b"d\xa3ne")
    assert run.state == "d\ufffdne"
    (tmp_path / "state").unlink()
    assert run.state == ""
    with pytest.raises(InputError, match=r"has no result\.json: its state is 'unknown'"):
        _ = run.result
    (tmp_path / "result.json").write_text('{"a": ', encoding="utf-8")
    with pytest.raises(InputError, match=r"result\.json' is damaged"):
        _ = run.result
    with pytest.raises(InputError, match="no finished run under"):
        newest(tmp_path / "none")


def test_a_result_of_runs_that_were_trained_together_and_not_merged_is_no_answer(tmp_path: Path) -> None:
    """Whoever asks again has the run trained again."""
    file = tmp_path / "result.json"
    for overrides, replicas, right in (
        (("model=merged", "merge=ties"), 2, False),
        (("model=merged", "merge=ties"), 1, True),
        ((), 2, True),
    ):
        write_text(file, to_json(run_result(*overrides, replicas=replicas).plain()))
        if right:
            assert read_result(file).replicas == replicas
        else:
            with pytest.raises(InputError, match=r"is not of merged networks: .*; train it again"):
                read_result(file)


@pytest.mark.parametrize("name", ["../../elsewhere", "/elsewhere", "a/../..", "a\\b", ""])
def test_no_option_leads_elsewhere(name: str, tmp_path: Path) -> None:
    """A run that is improved or trained again is written to folders that its config names."""
    run = Run(tmp_path)
    run.config = tiny(tmp_path)
    values = yaml.safe_load((tmp_path / "config.yaml").read_text())
    values["choices"]["task"] = name
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(InputError, match=r"choices\.task=.*: expected the name of an option"):
        run.config  # noqa: B018


def test_a_mistake_at_a_key_with_another_name_in_the_file_names_the_key(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^schema=4: expected input should be 3$"):
        tiny(tmp_path, "+schema=4")
