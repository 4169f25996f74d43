"""The trainings on the pages about options and for those who come from Lightning end as they should, on few rows."""

import re
from pathlib import Path

import pytest

from mtl.config.compose import configure
from mtl.lifecycle.train import train
from mtl.runs.directory import Run
from tests.docs.pages import commands

PAGES = ("docs/moving.md", "docs/options.md", "docs/faq.md")
FEW = ["task=synthetic", "task.rows=40", "encoder=mlp", "encoder.widths=[6]"]
TRIED_ELSEWHERE = re.compile(  # by tests of their own: each takes seconds, needs a package, or is what many tests type
    r"hardware=|compile=true|mlflow|mtl train 'task=<suite>'|model=|task=jobs|(seed|progress|output|log_every)="
)


def trainings() -> list[tuple[str, ...]]:
    """What is typed behind ``train`` beside the task, of every training on these pages."""
    found = set()
    for command in commands():
        words = command.words
        if command.page in PAGES and "train" in words[1] and not TRIED_ELSEWHERE.search(" ".join(words)):
            found.add(tuple(word for word in words[2:] if not word.startswith("task=")))
    return sorted(found - {()})


@pytest.mark.slow
@pytest.mark.parametrize("typed", trainings(), ids=" ".join)
def test_a_training_of_the_pages_ends(typed: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the steps of the page where it names some, but no more than thirty."""
    monkeypatch.chdir(tmp_path)
    fewer = [re.sub(r"^steps=\d+$", "steps=30", word) for word in typed]
    if not any(word.startswith(("steps=", "debug=")) for word in fewer):
        fewer.append("steps=30")
    result = train(configure(*FEW, "progress=false", "weighting=equal", "model=hard", *fewer))
    assert result is not None
    assert Run(Path(result.directory)).state == "done"
