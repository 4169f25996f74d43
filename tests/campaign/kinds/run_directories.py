"""Run directories that are damaged, or made by a stranger: used rightly or refused, and none of their code is run."""

import json
from functools import partial
from pathlib import Path
from random import Random

import yaml

from mtl.errors import EXIT_USER_ERROR
from mtl.runs.checksums import FILE as CHECKSUMS
from mtl.runs.checksums import sha256_of
from mtl.runs.directory import Run
from tests.campaign.checks import check_said, require
from tests.campaign.child import start
from tests.campaign.commands import execute_py, report_py, train_py
from tests.campaign.mutations import mutate_bytes, mutate_tree
from tests.campaign.templates import Templates, predictions_in, run_in

LIMIT = 300
RESULTS = ("result.json", "state", "contributions.npz", CHECKSUMS)
PARTS = ("config.yaml", "config.yaml", "statistics.json", "trees.json", *RESULTS)


def damage(run: Run, draw: Random) -> str:
    """Change a file of the run; whoever forges one writes its checksum, too. Returns which."""
    name = draw.choice([name for name in PARTS if (run.path / name).is_file()])
    path = run.path / name
    data, how = path.read_bytes(), draw.random()
    if how < 0.06:
        path.unlink()
    elif how < 0.1:
        path.write_bytes(b"")
    elif how < 0.4 or not name.endswith((".yaml", ".json")):
        path.write_bytes(mutate_bytes(data, draw))
    elif name.endswith(".yaml"):
        path.write_text(yaml.safe_dump(mutate_tree(yaml.safe_load(data), draw, foreign=0.4), sort_keys=False))
    else:
        path.write_text(json.dumps(mutate_tree(json.loads(data), draw, foreign=0.2)))
    if name not in (CHECKSUMS, "config.yaml", "state") and path.is_file() and draw.random() < 0.5:
        noted = json.loads((run.path / CHECKSUMS).read_text())
        (run.path / CHECKSUMS).write_text(json.dumps({**noted, name: [sha256_of(path)]}))
        return f"{name}, forged"
    return name


def case(draw: Random, place: Path, templates: Templates) -> None:
    """The run predicts, is gone on with, or is reported of."""
    use = draw.choice(("predict", "predict", "go on", "report"))
    template = templates.interrupted if use == "go on" else draw.choice((templates.finished, templates.trees))
    output = templates.copy(template, place)
    run = run_in(output)
    name = damage(run, draw)
    programs = {
        "predict": partial(execute_py, f"run={run.path}", f"records={templates.records}", "threads=1"),
        "go on": partial(train_py, f"resume={run.path}", "progress=false"),
        "report": partial(report_py, str(output), "name=mine"),
    }
    (place / "damaged").write_text(name)
    ended = start(programs[use], place, templates.environment()).wait(LIMIT)
    # A report goes on without the runs that it names as left out, and says that none is left in one line
    check_said(ended, place, (0, 1, EXIT_USER_ERROR) if use == "report" else (0, EXIT_USER_ERROR))
    honest = name != "config.yaml" and not name.endswith("forged")  # those may be made to predict anything
    if use == "predict" and ended.code == 0 and honest:
        before, *after = predictions_in(output)
        require("different", after == [before], f"{name} was damaged, and other numbers are predicted")
