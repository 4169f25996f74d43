"""What a report shows: the same for the page, Markdown and the files for programs."""

from dataclasses import dataclass

from mtl.comparison.records import Problem
from mtl.comparison.types import Comparison
from mtl.comparison.verdict import Verdict


@dataclass(frozen=True, repr=False)
class Report:
    """A comparison with its name and its verdict.

    Attributes:
        name: of the comparison.
        command: that made the runs; empty if not known.
        comparison: its numbers.
        verdict: what they say.
        problems: runs that failed or could not be used.
        again: commands that train those of them that are missing or unfinished.
    """

    name: str
    command: str
    comparison: Comparison
    verdict: Verdict
    problems: tuple[Problem, ...]
    again: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Name and verdict, since all numbers would fill pages of a notebook."""
        title = f"Report of {self.name}: {self.verdict.outcome}"
        return "\n".join((title, self.verdict.headline, *self.verdict.meaning))
