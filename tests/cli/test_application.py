"""Whatever ends a program is one line, and standard output may be gone."""

import errno
import io
import os
import pickle
import re
import signal
import sys
from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf
from rich.console import Console

from mtl.cli import sweep_failures
from mtl.cli.application import (
    EXIT_BROKEN_PIPE,
    arranged,
    check_completion,
    ends_in_one_line,
    user_errors,
    with_info,
)
from mtl.cli.streams import open_missing_streams, prepare_streams, print_page
from mtl.config.signals import Interrupted
from mtl.errors import EXIT_USER_ERROR, InputError

AFTER_A_SIGNAL = InputError("seed=0: expected something else")
AFTER_A_SIGNAL.__context__ = Interrupted(signal.SIGTERM)
ENDS: dict[BaseException, tuple[int, str]] = {
    InputError("no run"): (EXIT_USER_ERROR, "error: no run\n"),
    OSError(errno.ENOSPC, "No space left on device"): (
        EXIT_USER_ERROR,
        "error: a file or standard output cannot be used: No space left on device\n",
    ),
    PermissionError(errno.EACCES, "Permission denied", "report.html"): (
        EXIT_USER_ERROR,
        "error: 'report.html' cannot be used: Permission denied\n",
    ),
    KeyboardInterrupt(): (128 + signal.SIGINT, "interrupted\n"),
    Interrupted(signal.SIGHUP): (128 + signal.SIGHUP, "interrupted\n"),
    AFTER_A_SIGNAL: (128 + signal.SIGTERM, "interrupted\n"),
}


@pytest.mark.parametrize("error", ENDS, ids=repr)
def test_a_program_ends_in_one_line(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = ENDS[error]
    with pytest.raises(SystemExit) as stop, ends_in_one_line():
        raise error
    assert (stop.value.code, capsys.readouterr().err) == (code, said)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_page_that_cannot_be_printed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe that nobody reads any more is none at all."""
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(InputError, match="standard output cannot be written: No space left on device"):
            print_page("a page")
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        print_page("a page")
        with pytest.raises(SystemExit) as stop, ends_in_one_line():
            raise BrokenPipeError
    assert stop.value.code == EXIT_BROKEN_PIPE
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        with pytest.raises(SystemExit) as stop, ends_in_one_line():
            Console().print("a table")
    assert stop.value.code == EXIT_BROKEN_PIPE


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_what_standard_error_cannot_take_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that finished has finished, whoever was told of it."""
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        prepare_streams()
        sys.stderr.write("a line\n")
        sys.stderr.flush()
        with pytest.raises(SystemExit) as stop, ends_in_one_line():
            raise InputError("no run")
    assert stop.value.code == EXIT_USER_ERROR


def test_a_stream_that_is_missing_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no file takes its number."""
    monkeypatch.setattr(sys, "stdin", sys.stdin)
    kept = os.dup(0)
    os.close(0)
    try:
        open_missing_streams()
        assert os.fstat(0).st_rdev == Path(os.devnull).stat().st_rdev
    finally:
        os.dup2(kept, 0)
        os.close(kept)


def test_signs_that_the_encoding_lacks_are_printed_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the name of a folder, which the last line of a program says when all is done."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    prepare_streams()
    print_page("written to 数据")
    assert written.getvalue().strip() == rb"written to \u6570\u636e"


def test_each_job_of_a_sweep_that_failed_elsewhere_is_noted_where_the_sweep_was_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hydra would raise the error of the first one, and say nothing of the others."""
    monkeypatch.setattr(sweep_failures, "failures", noted := [])
    ends = [end for seed in (0, 1) for end in [failed_job(monkeypatch, f"seed={seed}")] for _ in range(2)]
    assert not noted
    assert [pickle.loads(pickle.dumps(end)) for end in ends] == [None] * 4  # noqa: S301 - as a launcher does
    assert noted == ["seed=0: no such thing", "seed=1: no such thing"]
    assert capsys.readouterr().err.splitlines() == [f"error: {line}" for line in noted]


def failed_job(monkeypatch: pytest.MonkeyPatch, overrides: str) -> sweep_failures.Failed | None:
    """What a job of joblib's gives back that has made a mistake."""
    overridden = {"mode": RunMode.MULTIRUN, "runtime": {"choices": {"hydra/launcher": "joblib"}}}
    config = OmegaConf.create({**overridden, "overrides": {"task": [overrides]}})
    monkeypatch.setattr(HydraConfig, "initialized", lambda: True)
    monkeypatch.setattr(HydraConfig, "get", lambda: config)
    with user_errors() as end:
        raise InputError("no such thing")
    return end.failed


def test_a_flag_takes_no_override() -> None:
    for given in (["a=1", "b=2", "--info"], ["--info", "a=1", "b=2"], ["a=1", "-i", "b=2"]):
        assert arranged(with_info(given)) == ["--info=all", "a=1", "b=2"]
    assert arranged(with_info(["a=1", "--info", "plugins"])) == ["--info", "plugins", "a=1"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["query=bash"], "query=bash is asked by the shell, which tells in COMP_LINE what is to be completed"),
        (["query=csh"], "query=csh: expected one of install, uninstall, query, with one of bash, fish, zsh"),
        ([], "expected one of install"),
        (["install=bash", "query=bash"], "expected one of install"),
    ],
    ids=str,
)
def test_what_completion_cannot_do_is_one_line(given: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMP_LINE", raising=False)
    with pytest.raises(InputError, match=said):
        check_completion(given)
    monkeypatch.setenv("COMP_LINE", "train.py model=ga")
    check_completion(["query=zsh"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--epochs=3"], "unknown flag '--epochs=3': keys are typed without dashes, such as epochs=..."),
        (["--seeds=3"], "unknown flag '--seeds=3': keys are typed without dashes, such as seeds=..."),
        *(
            (
                [text, "a=1,2"],
                f"unknown flag '{text}': did you mean '{near}'? keys are typed without dashes, such as "
                f"{text.lstrip('-')}=...",
            )
            for text, near in (
                ("--multi", "--multirun"),
                ("--versoin", "--version"),
                ("--remove-cahe", "--remove-cache"),
            )
        ),
        (["a=1", "--cfg"], "argument --cfg/-c: expected one argument"),
        (
            ["--cfg", "job", "-m", "a=1"],
            "--cfg job -m: expected one of --run, -m, --cfg, --info and --shell-completion",
        ),
        (["--resolve"], "--resolve says how --cfg prints: expected --cfg job beside it"),
    ],
    ids=str,
)
def test_a_flag_that_is_none_is_one_line(given: list[str], said: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(said)}$"):
        arranged(given)
