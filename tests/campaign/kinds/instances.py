"""Job shops in files with damaged bytes, numbers and names: scheduled, or refused in one line."""

import json
from functools import partial
from pathlib import Path
from random import Random

from tests.campaign.checks import check_nothing_written, check_said, check_whole, files_of
from tests.campaign.child import start
from tests.campaign.commands import execute_py
from tests.campaign.mutations import mutate_bytes, mutate_tree
from tests.campaign.templates import SHOP, SHOP_TEXT, Templates, run_in

LIMIT = 300
SHOP_JSON = {
    "name": "mine",
    "duration_matrix": [[3, 2, 2], [2, 1, 4], [4, 3, 1]],
    "machines_matrix": [[0, 1, 2], [0, 2, 1], [1, 2, 0]],
    "metadata": {"optimum": 11, "upper_bound": 11, "lower_bound": 11},
}
TOKENS = ("-1", "0", "1.5", "nan", "", "x", "99", "3 3", "9" * 30, "1e3", "#", "\t", "release_date", "ünï")


def odd_file(ending: str, draw: Random) -> bytes:
    """A shop of this format with something wrong in it."""
    if ending == ".json":
        data = json.dumps(mutate_tree(SHOP_JSON, draw, foreign=0.1)).encode()
        return mutate_bytes(data, draw) if draw.random() < 0.3 else data
    text, separator = (SHOP, ",") if ending == ".csv" else (SHOP_TEXT, " ")
    rows = [line.split(separator) for line in text.splitlines()]
    for _ in range(draw.randint(0, 2)):
        row = draw.randrange(len(rows))
        how = draw.randrange(4)
        if how < 2:
            rows[row][draw.randrange(len(rows[row]))] = draw.choice(TOKENS)
        elif how == 2:
            del rows[row][-1]
        else:
            rows[row:row] = rows[row : row + 1]
        rows = [cells for cells in rows if cells] or [["1"]]
    data = "\n".join(separator.join(cells) for cells in rows).encode()
    return mutate_bytes(data, draw) if draw.random() < 0.5 else data


def case(draw: Random, place: Path, templates: Templates) -> None:
    """A trained scheduler is given the file."""
    run = run_in(templates.copy(templates.scheduler, place))
    ending = draw.choice((".csv", ".json", ".txt"))
    path = place / f"mine{ending}"
    path.write_bytes(odd_file(ending, draw))
    before = files_of(place)
    program = partial(execute_py, f"run={run.path}", f"instances={path}", "baselines=[spt]", "gantt=none", "threads=1")
    ended = start(program, place, templates.environment()).wait(LIMIT)
    check_said(ended, place, (0, 2))
    if ended.code == 2:
        check_nothing_written(before, place)
    check_whole(place)
