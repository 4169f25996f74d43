"""The blocks of Python on README and site run; the tutorial runs as it stands."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import nn

from mtl.cli import program
from mtl.cli.init import write_project
from mtl.weighting.gradnorm import GradNorm
from tests.docs.pages import PAGES, ROOT, blocks, lines, name

ELSEWHERE = {"tutorial.md", "table.md", "faq.md", "install.md"}  # tests of their own, below and in test_public_names.py
WITH_PYTHON = [path for path in PAGES if blocks(path, "python") and path.name not in ELSEWHERE]
TUTORIAL = ROOT / "docs" / "tutorial.md"
QUICK = {  # the same commands with fewer and shorter runs
    "train": ["epochs=1", "progress=false"],
    "compare": ["seeds=2", "epochs=1", "workers=0", "models=[hard]", "weightings=[equal]"],
}


def surroundings() -> dict[str, Any]:
    """What a block that shows a part of a loop finds there: three tasks on one trunk."""
    trunk, heads = nn.Sequential(nn.Linear(4, 8), nn.ReLU()), [nn.Linear(8, 1) for _ in range(3)]
    loader = [(torch.randn(16, 4), torch.randn(3, 16, 1)) for _ in range(2)]
    hidden = trunk(loader[0][0])
    losses = [nn.functional.mse_loss(head(hidden), target) for head, target in zip(heads, loader[0][1], strict=True)]
    parameters = [*trunk.parameters(), *(one for head in heads for one in head.parameters())]
    return {
        "trunk": trunk,
        "heads": heads,
        "losses": losses,
        "loader": loader,
        "loss": nn.functional.mse_loss,
        "optimizer": torch.optim.SGD(parameters, lr=0.1),
        "GradNorm": GradNorm,
    }


@pytest.fixture
def myproject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The project of a reader who has typed ``mtl init myproject``."""
    write_project(tmp_path / "myproject")
    monkeypatch.syspath_prepend(tmp_path / "myproject")
    yield
    for module in [one for one in sys.modules if one.partition(".")[0] == "myproject"]:
        del sys.modules[module]


@pytest.mark.usefixtures("myproject")
@pytest.mark.parametrize("path", WITH_PYTHON, ids=name)
def test_python_of_a_page_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page one after the other; of the tests that they define, the last check of each, a short one."""
    monkeypatch.chdir(tmp_path)
    found = surroundings()
    for block in blocks(path, "python"):
        exec(compile(block, name(path), "exec"), found)  # noqa: S102  the project's own pages
    tests: list[Callable[..., None]] = [value for key, value in found.items() if key.startswith("test_")]
    for test in tests:
        (mark,) = test.pytestmark  # type: ignore[attr-defined]
        test(mark.args[1][-1])


@pytest.mark.slow
def test_the_tutorial_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Table, run, comparison with a verdict and a report, predictions; then the loop of the page on tables."""
    monkeypatch.chdir(tmp_path)
    (script,) = blocks(TUTORIAL, "python")
    exec(compile(script, TUTORIAL.name, "exec"), {})  # noqa: S102
    runs = tmp_path / "outputs" / "runs" / "table" / "gated-uncertainty"
    for line in [line for line in lines("".join(blocks(TUTORIAL, "sh"))) if line.startswith("mtl ")]:
        _, *arguments = shlex.split(line.replace("<run id>", next(runs.iterdir()).name if "<" in line else ""))
        monkeypatch.setattr(sys, "argv", ["mtl", *arguments, *QUICK.get(arguments[0], [])])
        with suppress(SystemExit):  # with 0, or something of what follows is missing
            program.main()
    report = (tmp_path / "outputs" / "comparisons" / "customers" / "report.html").read_text(encoding="utf-8")
    assert "single" in report
    (predictions,) = (tmp_path / "outputs" / "runs").rglob("predictions.csv")
    assert len(pd.read_csv(predictions)) == 5
    (run,) = runs.iterdir()
    block, example = blocks(ROOT / "docs" / "suites" / "table.md", "python")
    found = {"frame": pd.read_csv(tmp_path / "new.csv")}
    exec(compile(block.replace("<run id>", run.name), "table.md", "exec"), found)  # noqa: S102
    assert len(found["spend"]) == 5
    found = {}
    for block in blocks(ROOT / "docs" / "faq.md", "python"):  # within a program
        exec(compile(block.replace("<run id>", run.name), "faq.md", "exec"), found)  # noqa: S102
    assert (tmp_path / "network.pt2").is_file()
    exec(compile(example, "table.md", "exec"), {})  # noqa: S102
    assert len(pd.read_csv(tmp_path / "later.csv")) == 1200
