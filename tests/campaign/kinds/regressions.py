"""What was once found wrong, each tried again."""

from pathlib import Path
from random import Random

from tests.campaign.regressions import command_line, files, processes
from tests.campaign.regressions.command_line import Regression
from tests.campaign.templates import Templates


def named(name: str, regression: Regression) -> Regression:
    """The case, which leaves its name in its directory."""

    def case(draw: Random, place: Path, templates: Templates) -> float | None:
        (place / "regression").write_text(name)
        return regression(draw, place, templates)

    return case


FOUND = {**command_line.CASES, **files.CASES, **processes.CASES}
CASES = [named(name, regression) for name, regression in FOUND.items()]
