"""A comparison kept in the repository: a short README with its figures, and what a person wrote about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mtl.comparison.report.content import Report
from mtl.comparison.report.data_facts import data_in_words, environment_of
from mtl.comparison.report.drawing import SvgFigure
from mtl.comparison.report.markdown import body, escaped, problems_section
from mtl.comparison.types import Comparison
from mtl.comparison.wording import join_words
from mtl.errors import InputError
from mtl.runs.files import check_place, write_text

READING = "## Reading"  # what follows is a person's, and stays
FIGURES = ("gains", "cost")


@dataclass(frozen=True)
class Provenance:
    """How the runs came about.

    Attributes:
        question: that they answer; empty: whether learning together pays.
        seconds: how long making them took, in words.
    """

    question: str
    seconds: str


def check_folder(folder: Path) -> None:
    """See that a README can be kept in a folder, before the runs that it is about are trained.

    Args:
        folder: where to.

    Raises:
        InputError: nothing can be written there, or there is a README of something else, which would be lost.
    """
    check_place(folder)
    file = folder / "README.md"
    if file.is_file() and READING not in (text := file.read_text(encoding="utf-8", errors="replace")) and text.strip():
        raise InputError(
            f"keep={folder}: '{file}' is no README of a comparison, since it has no '{READING}', and would be lost: "
            "expected another folder"
        )


def write_readme(folder: Path, report: Report, provenance: Provenance, figures: Sequence[SvgFigure]) -> None:
    """Write ``folder/README.md`` and its figures: question, command, machine, seconds, result; "Reading" is kept.

    Args:
        folder: where to.
        report: what is shown.
        provenance: how its runs came about.
        figures: all figures of the report; a README shows :data:`FIGURES`.
    """
    comparison = report.comparison
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "README.md"
    before = file.read_text(encoding="utf-8") if file.is_file() else ""
    reading = before[before.index(READING) :] if READING in before else f"{READING}\n\n"
    shown = [one for one in figures if one.name in FIGURES]
    (folder / "figures").mkdir(exist_ok=True)
    for name in FIGURES:  # others there may be a person's
        (folder / "figures" / f"{name}.svg").unlink(missing_ok=True)
    for one in shown:
        write_text(folder / "figures" / f"{one.name}.svg", one.standalone())
    question = provenance.question or usual_question(comparison)
    lines = [
        f"# {escaped(report.name)}",
        "",
        f"**Question.** {escaped(question)}",
        "",
        *(["**Command.**", "", f"    {' '.join(report.command.split())}", ""] if report.command else []),
        f"**Data.** {escaped(data_in_words(comparison))}.",
        "",
        f"**Machine.** {machine(environment_of(comparison))}",
        "",
        f"**Time.** {provenance.seconds}.",
        "",
        "## Result",
        "",
        *body(named_within_output(comparison), report.verdict, shown),
        *problems_section([replace(one, path=within_output(one.path)) for one in report.problems], report.again),
        "",
        reading,
    ]
    write_text(file, "\n".join(lines))


def usual_question(comparison: Comparison) -> str:
    """What a comparison without a question of its own asks."""
    if comparison.auxiliary:
        gains = "gains" if len(comparison.tasks) == 1 else "gain"
        return (
            f"Does it pay that {join_words(comparison.auxiliary)} {'is' if len(comparison.auxiliary) == 1 else 'are'} "
            f"learned too, so that {join_words(comparison.tasks)} {gains}?"
        )
    return f"Does it pay to learn {join_words(comparison.tasks)} together?"


def machine(environment: Mapping[str, str]) -> str:
    """What it ran on, in one line."""
    names = ("device", "processor", "cores", "threads", "platform", "python", "torch", "pytorch-lightning", "commit")
    return ", ".join(f"{key} {environment[key]}" for key in names if environment.get(key)) + "."


def named_within_output(comparison: Comparison) -> Comparison:
    """The comparison with the runs that were stopped named as :func:`within_output` does."""
    stopped = tuple(replace(one, run=within_output(one.run)) for one in comparison.design.stopped)
    return replace(comparison, design=replace(comparison.design, stopped=stopped))


def within_output(path: str) -> str:
    """The path of a run from its output directory on, which tells no machine: ``runs/<suite>/<configuration>/<id>``."""
    parts = Path(path).parts
    return str(Path(*parts[-4:])) if parts[-4:-3] == ("runs",) else path
