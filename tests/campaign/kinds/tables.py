"""Tables and records with damaged bytes, lines and cells: learned from, predicted, or refused in one line."""

from functools import partial
from pathlib import Path
from random import Random

from tests.campaign.checks import check_nothing_written, check_said, check_whole, files_of
from tests.campaign.child import start
from tests.campaign.commands import execute_py, train_py
from tests.campaign.mutations import mutate_bytes
from tests.campaign.templates import Templates, run_in

LIMIT = 300
CELLS = (
    *("", " ", "NA", "null", "nan", "inf", "-inf", "1e400", "1e-400", "-0", "0x1F", "1,5", '"', '""', '"a', "'"),
    *("=cmd|' /C calc'!A0", "\t", "\\", "ünï", "日本", "x" * 5000, "9" * 400, "2024-13-45", "31.02.2024", "9999-12-31"),
    *("True", "TRUE", "yes ", "1e5", "1_000", "0001", "12:00", "-", "+", "%", "50%", "€5", "\u200b", "\ufeff"),
)


def mutate_lines(text: str, draw: Random) -> str:
    """A table with one to three odd cells, lines or columns."""
    rows = [line.split(",") for line in text.splitlines()]
    for _ in range(draw.randint(1, 3)):
        how, row, column = draw.randrange(11), draw.randrange(len(rows)), draw.randrange(7)
        if how < 4:
            rows[row] = [*rows[row][:column], draw.choice(CELLS), *rows[row][column + 1 :]]
        elif how == 4:
            rows[row] = rows[row][: draw.randrange(7)]
        elif how == 5:
            rows[row] = [*rows[row], "more"]
        elif how == 6:
            rows = [[*cells[:column], *cells[column + 1 :]] for cells in rows]
        elif how == 7:
            rows = [*rows[:row], *rows[row : row + 1] * draw.randint(0, 60), *rows[row + 1 :]]
        elif how == 8:
            odd = draw.choice(CELLS)
            rows = [rows[0], *([*cells[:column], odd, *cells[column + 1 :]] for cells in rows[1:])]
        elif how == 9:
            rows[0] = [draw.choice((*rows[0], "", "a.b", "_row", "x" * 300)) for _ in rows[0]]
        else:
            rows = rows[: draw.randrange(len(rows)) + 1]
    end, separator = draw.choice(("\n", "\n", "\r\n", "\r")), draw.choice((",", ",", ",", ";", "\t"))
    return end.join(separator.join(cells) for cells in rows) + draw.choice((end, ""))


def odd_file(data: bytes, draw: Random) -> bytes:
    """The file with odd lines, damaged bytes, both, or in another encoding."""
    if draw.random() < 0.6:
        data = mutate_lines(data.decode(), draw).encode(draw.choice(("utf-8", "utf-8", "utf-8", "utf-16", "utf-8-sig")))
    return mutate_bytes(data, draw) if draw.random() < 0.5 else data


def case(draw: Random, place: Path, templates: Templates) -> None:
    """A network or trees are trained on the file, or predict its rows."""
    if draw.random() < 0.65:
        path = place / draw.choice(("my.csv", "my.csv", "my.tsv", "my.txt", "my.csv.gz", "my.parquet", "my.arrow"))
        path.write_bytes(odd_file(templates.table.read_bytes(), draw))
        trees = draw.random() < 0.2
        words = (*templates.words(trees=trees, path=path), *(() if trees else ("epochs=1",)))
        program = partial(train_py, *words, "output=outputs")
    else:
        run = run_in(templates.copy(templates.trees if draw.random() < 0.3 else templates.finished, place))
        path = place / draw.choice(("new.csv", "new.csv", "new.tsv", "new.parquet"))
        path.write_bytes(odd_file(templates.records.read_bytes(), draw))
        program = partial(execute_py, f"run={run.path}", f"records={path}")
    before = files_of(place)
    ended = start(program, place, templates.environment()).wait(LIMIT)
    check_said(ended, place, (0, 2))
    if ended.code == 2 and "diverged" not in ended.err:
        check_nothing_written(before, place)
    check_whole(place)
