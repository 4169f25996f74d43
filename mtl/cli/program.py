"""The command ``mtl``: help and mistakes are answered at once, since a command is imported when it is asked for."""

import os
import sys
from importlib import import_module

from mtl import __version__
from mtl.cli.streams import prepare_streams, print_page
from mtl.config.process import RUN_VARIABLE
from mtl.config.signals import interrupt_ends_at_once
from mtl.errors import EXIT_USER_ERROR, InputError, unknown

COMMANDS = {
    "train": "train one run, or with -m a sweep: mtl train task=digits model=gated",
    "compare": "does learning these tasks together pay? mtl compare task=digits",
    "tune": "search for hyper-parameters: mtl tune task=digits weighting=equal,pcgrad trials=20",
    "execute": "let a trained run act: mtl execute run=outputs/runs/...",
    "improve": "improve a finished run by acting: mtl improve run=outputs/runs/... rounds=5",
    "analyse": "what limits the outcome of a run? mtl analyse run=outputs/runs/...",
    "predict": "predict new rows: mtl predict run=outputs/runs/table/... records=new.csv",
    "retrain": "train again if tasks are worse on later rows: mtl retrain run=outputs/runs/... records=later.csv",
    "report": "compare finished runs: mtl report outputs/runs/digits",
    "runs": "all runs with filters, on the terminal or as one page: mtl runs task=digits html=runs.html",
    "affinity": "which tasks help each other? mtl affinity task=census",
    "init": "write a small project for methods and data of your own: mtl init myproject",
    "doctor": "what is installed, what is missing, what this machine has",
}
NO_FILE = ("", "null", "None", "''", '""')  # of new rows, as Hydra reads a value
HELP_WORDS = ("-h", "--help", "help")
CONFIG_NAMES = {"train": "config", "execute": "execute", "improve": "improve"}  # commands that Hydra configures

HELP = """\
mtl COMMAND [key=value]...

Multi-task learning with evidence: learn tasks together or apart, and act with the winner.

{commands}

mtl COMMAND --help says what a command takes; mtl --version what is installed."""


def main() -> None:
    """Run the command line. Exits with 2 on a user's mistake."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in HELP_WORDS and arguments:  # of one command
        name, *arguments = arguments[0], *arguments[1:], "--help"
    if name in HELP_WORDS:
        print_answer(HELP.format(commands="\n".join(f"  {one:<9} {what}" for one, what in COMMANDS.items())))
    elif name == "--version":
        print_answer(__version__)
    elif name in COMMANDS:
        sys.argv[1:] = arguments  # what Hydra reads
        run(name)
    elif RUN_VARIABLE in os.environ:  # Lightning starts the program again with what Hydra has read
        run("train")
    else:
        kind, valid = ("flag", ("--help", "--version", *COMMANDS)) if name.startswith("-") else ("command", COMMANDS)
        sys.stderr.write(f"error: {unknown(kind, name, valid)}\n")
        raise SystemExit(EXIT_USER_ERROR)


def print_answer(text: str) -> None:
    """Print a text that no command has to be imported for. Exits with 2 where standard output cannot be written."""
    prepare_streams()
    try:
        print_page(text)
    except InputError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(EXIT_USER_ERROR) from None


def run(name: str) -> None:
    """Run one of the commands, with the arguments that ``sys.argv`` holds."""
    if name == "predict":
        check_records(sys.argv[1:])
        name = "execute"
    with interrupt_ends_at_once():
        from mtl.cli.application import command, run_program

        main = import_module(f"mtl.cli.{name}").main
    if name in CONFIG_NAMES:
        command(main, CONFIG_NAMES[name])
    else:
        run_program(main)


def check_records(arguments: list[str]) -> None:
    """Leave where the rows to be predicted are not named: ``execute`` would let the run act."""
    named = [text.partition("=")[2] for text in arguments if text.startswith("records=")]
    if not {"-h", "--help"} & set(arguments) and (not named or named[-1] in NO_FILE):
        sys.stderr.write("error: predict: expected a file of new rows, such as records=new.csv\n")
        raise SystemExit(EXIT_USER_ERROR)
