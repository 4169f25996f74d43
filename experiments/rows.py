"""The command line of a small study, and its rows: shown as they are measured, then kept in ``result.csv``."""

import csv
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path


def study_parser(description: str | None, folder: Path, **parts: Mapping[str, object]) -> ArgumentParser:
    """What can be said to every small study.

    Args:
        description: of the study.
        folder: where its rows are kept, unless ``--output`` says another.
        **parts: of the study, of which some may be chosen, as ``--<key>``.

    Returns:
        The parser; a study may add arguments of its own.
    """
    parser = ArgumentParser(description=description, formatter_class=RawDescriptionHelpFormatter)
    for key, choices in parts.items():
        parser.add_argument(f"--{key}", nargs="+", choices=choices, default=list(choices))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=folder)
    return parser


def measure_rows(rows: Iterable[list[str]], columns: Sequence[str], output: Path) -> list[list[str]]:
    """Measure all rows, show each as it comes, and write them under their columns to ``<output>/result.csv``."""
    found = []
    for row in rows:
        found.append(row)
        print(*row, flush=True)
    output.mkdir(parents=True, exist_ok=True)
    with (output / "result.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *found])
    return found
