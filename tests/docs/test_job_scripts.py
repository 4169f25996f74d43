"""The job scripts for SLURM do what their page says; SLURM's own commands are played by short ones."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from mtl.cli.application import override_arguments
from mtl.config.compose import check_overrides
from tests.docs.pages import ROOT, blocks

FIRST, SECOND = [text for text in blocks(ROOT / "docs" / "clusters.md", "sh") if "#SBATCH" in text]
PLAYED = {
    "mtl": "echo $$ $@ > $0.$$",
    "scontrol": "echo first; echo second",
    "srun": 'echo "$MASTER_ADDR $MASTER_PORT $NODE_RANK" "$@" > $0.$$',
}


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A folder with commands that write down how they were called."""
    for name, does in PLAYED.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    return tmp_path


def run(script: str, commands: Path) -> int:
    """Run a script with these commands in front of all others; the number of its process."""
    path = f"{commands}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(["bash", "-euc", script], cwd=commands, env={**os.environ, "PATH": path}) as process:
        assert process.wait() == 0
    return process.pid


def calls(commands: Path, name: str) -> list[list[str]]:
    """The calls of a command, word by word."""
    return sorted(shlex.split(file.read_text(encoding="utf-8")) for file in commands.glob(f"{name}.*"))


def check_training(words: list[str]) -> None:
    """Raise an error unless this is a training that can be typed."""
    assert words[0] == "train"
    check_overrides(override_arguments(words[1:]), "config")


def test_the_run_takes_the_place_of_the_script(commands: Path) -> None:
    """So that the signal for the script's process, which B: asks for, is one for the run."""
    assert "--signal=B:TERM@" in FIRST
    process = run(FIRST, commands)
    ((pid, *words),) = calls(commands, "mtl")
    assert int(pid) == process
    check_training(words)


def test_each_node_is_told_its_rank_and_the_first_node(commands: Path) -> None:
    assert re.search(r"--signal=TERM@\d+", SECOND)
    run(SECOND, commands)
    first, second = calls(commands, "srun")
    assert first[:2] == second[:2]  # address and port of the first node
    assert (first[2], second[2]) == ("0", "1")
    for words, node in ((first, "first"), (second, "second")):
        assert words[3:6] == ["--nodes=1", "--ntasks=1", f"--nodelist={node}"]
        assert words[6] == "mtl"
        assert "+hardware.num_nodes=2" in words
        check_training(words[7:])
