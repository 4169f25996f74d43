"""The files beside the runs of a comparison, damaged: it is reported of, or gone on with, and no run is lost."""

import json
from functools import partial
from pathlib import Path
from random import Random

from tests.campaign.checks import check_said, require
from tests.campaign.child import start
from tests.campaign.commands import compare_py, report_py
from tests.campaign.mutations import mutate_bytes, mutate_tree
from tests.campaign.templates import STUDY, Templates

LIMIT = 300


def case(draw: Random, place: Path, templates: Templates) -> None:
    """A plan, a ledger, an attempt or a result is damaged."""
    output = templates.copy(templates.comparison, place)
    kept = {path: path.read_bytes() for path in output.rglob("result.json")}
    found = sorted(path for path in output.rglob("*.json") if path.is_file() and path.name != "checksums.json")
    names = sorted({path.name if "queue" not in path.parts else "attempt" for path in found})
    chosen = draw.choice(names)
    path = draw.choice([one for one in found if chosen in (one.name, "attempt" if "queue" in one.parts else "")])
    (place / "damaged").write_text(str(path.relative_to(place)))
    how = draw.random()
    if how < 0.1:
        path.unlink()
    elif how < 0.5:
        path.write_bytes(mutate_bytes(path.read_bytes(), draw))
    else:
        path.write_text(json.dumps(mutate_tree(json.loads(path.read_text()), draw, foreign=0.1)))
    if draw.random() < 0.6:
        (directory,) = (output / "comparisons").iterdir()
        program = partial(report_py, str(draw.choice((directory, output / "runs"))), *draw.choice(((), ("name=mine",))))
    else:
        program = partial(compare_py, *STUDY, "epochs=4", "workers=0", "output=outputs")
    ended = start(program, place, templates.environment()).wait(LIMIT)
    check_said(ended, place, (0, 1, 2))
    for one, content in kept.items():
        require("lost", one == path or one.read_bytes() == content, f"{one} has changed")
